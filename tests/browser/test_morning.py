"""The lead's morning in the browser: Status at every width, and the wall on the screens that it hangs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from postmaster.database import transaction
from postmaster.extensions import now
from postmaster.operations.wall import create_wall_link, wall_token
from tests.browser.page_checks import sticking_out, violations
from tests.browser.site import Site, sign_in
from tests.browser.test_layout import WIDTHS
from tests.conftest import NewDatabase
from tests.servers.flask_process import FlaskProcesses
from tests.turns import in_turns
from tests.web.morning import add_morning, say_alive
from tests.web.test_accounts import add_rows, tell_state

Opened = Callable[[int, int], AbstractContextManager[tuple[Site, str]]]

SCREENS = ((1920, 1080), (3840, 2160))

# What of the wall is not seen whole: what scrolls, what leaves the screen, and what its tile or panel cuts off.
_CUT_OFF = """() => {
  const root = document.documentElement, wrong = [];
  if (root.scrollHeight > innerHeight || root.scrollWidth > innerWidth) wrong.push('the page scrolls');
  for (const each of document.querySelectorAll('.wall-board :is(h1, h2, dt, dd, p, time, small, svg)')) {
    const box = each.getBoundingClientRect(), frame = each.closest('.tile, .figures, .wall-chart');
    if (!box.width || each.closest('.away')) continue;
    const edge = frame ? frame.getBoundingClientRect() : {bottom: innerHeight, right: innerWidth};
    const low = box.bottom > Math.min(edge.bottom + 1, innerHeight);
    if (low || box.right > Math.min(edge.right + 1, innerWidth))
      wrong.push(`cut off: ${each.outerHTML.slice(0, 90)}`);
  }
  return [...new Set(wrong)].slice(0, 6);
}"""


@pytest.fixture(scope="module")
def opened(new_database: NewDatabase, flask_process: FlaskProcesses) -> Opened:
    """The app with so many accounts, of which so many fail, and the address of its wall."""

    @contextmanager
    def open_site(accounts: int, failing: int) -> Iterator[tuple[Site, str]]:
        with new_database() as database:
            site = Site(database, flask_process)
            add_morning(site.app, accounts, failing)
            with site.app.app_context(), transaction() as session:
                create_wall_link(session, "admin")
                wall = f"/wall/{wall_token(session)}"
            with site:
                yield site, wall

    return open_site


def cut_off(page: Page) -> dict[tuple[int, int], Any]:
    """What is not seen whole, by the screen."""
    found = {}
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        found[width, height] = page.evaluate(_CUT_OFF)
    return {screen: what for screen, what in found.items() if what}


@pytest.fixture(scope="module")
def morning(opened: Opened) -> Iterator[tuple[Site, str]]:
    """Five accounts, of which one fails."""
    with opened(5, 1) as morning:
        yield morning


def test_status_fits_each_width_and_axe_finds_nothing(morning: tuple[Site, str], browser: Browser) -> None:
    site, _ = morning
    with browser.new_context(base_url=site.url, storage_state=sign_in(site, browser, "lead")) as context:
        page, wrong = context.new_page(), {}
        for address in ("/status?table=1", "/accounts/1/status"):
            page.goto(address)
            for width in in_turns(WIDTHS, address, 3):
                page.set_viewport_size({"width": width, "height": 900})
                wrong[address, width] = sticking_out(page)
            wrong[address, 0] = violations(page)
        assert {where: what for where, what in wrong.items() if what} == {}
        page.goto("/status")
        page.get_by_role("link", name="3", exact=True).first.click()
        expect(page.locator("tbody tr")).to_have_count(3)


def test_a_beat_changes_what_differs_and_takes_the_focus_from_nobody(opened: Opened, browser: Browser) -> None:
    complaints: list[str] = []
    with (
        opened(6, 1) as (site, _),
        browser.new_context(base_url=site.url, storage_state=sign_in(site, browser, "admin")) as context,
    ):
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto("/status")
        shown = order(page)
        page.locator("#runs-4").focus()
        page.locator("#account-4").evaluate("each => { each.untouched = true; }")
        tell_state(site.app, 6, failures=1, failing_since=now())
        tell_state(site.app, 3, last_run_at=now(), backlog=77)
        beat(page)
        expect(page.locator("#account-3")).to_contain_text("77")
        assert set(order(page)) == set(shown)
        assert order(page).index("account-6") < 2
        assert page.locator("#account-4").evaluate("each => each.untouched")
        assert page.evaluate("document.activeElement.id") == "runs-4"
        beaten = order(page)
        tell_state(site.app, 4, failures=1, failing_since=now())
        site.desk.ok("account", "delete", "2", "--yes")
        add_rows(site.app, 7, 8)
        beat(page)
        expect(page.locator("#account-2")).to_have_count(0)
        assert page.evaluate("document.activeElement.id") == "runs-4"
        beaten.remove("account-2")
        assert set(order(page)) == {*beaten, "account-7"}
        after = order(page)
        assert complaints == []
        page.reload()
        assert order(page) == after


def order(page: Page) -> list[str]:
    """The tiles in the order of the page."""
    found: list[str] = page.locator(".tile").evaluate_all("tiles => tiles.map(each => each.id)")
    return found


def beat(page: Page) -> None:
    """Have the pulse beat now."""
    page.evaluate(
        """() => {
          const pulse = document.querySelector('#pulse');
          return htmx.ajax('GET', pulse.getAttribute('hx-get'), {source: pulse, target: pulse, swap: 'outerHTML'});
        }"""
    )


def test_the_wall_changes_its_colour_title_and_icon(morning: tuple[Site, str], browser: Browser) -> None:
    site, wall = morning
    say_alive(site.app)
    with browser.new_context(base_url=site.url, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(wall)
        expect(page).to_have_title("1 of 5 accounts is not delivering mail · PostMaster")
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert cut_off(page) == {}
        assert violations(page) == {}
        page.set_viewport_size({"width": 360, "height": 740})
        assert sticking_out(page) == []
        tell_state(site.app, 1, last_run_at=now(), last_success_at=now())
        say_alive(site.app)
        beat(page)
        expect(page).to_have_title("All is well with 5 accounts · PostMaster")
        assert "favicon.svg" in (page.locator("#favicon").get_attribute("href") or "")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != colour
        assert violations(page) == {}


@pytest.mark.parametrize(("accounts", "failing"), in_turns([(5, 0), (50, 9), (500, 40)], "walls"))
def test_the_wall_fits_its_screen(opened: Opened, browser: Browser, accounts: int, failing: int) -> None:
    with opened(accounts, failing) as (site, wall):
        if not failing:
            site.desk.ok("pause", "on", "--reason", "The mail server moves")
        with browser.new_context(base_url=site.url) as context:
            page = context.new_page()
            page.goto(wall)
            assert cut_off(page) == {}
            expect(page.locator(".others")).to_contain_text(f"{accounts - failing} healthy")
