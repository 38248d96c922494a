"""Tables with rows as bad as fields allow: whatever the width of the window, what can be done is seen and pressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.hostile import TICKET, add_hostile_rows
from tests.browser.page_checks import settled, sticking_out
from tests.browser.site import Site, is_page, sign_in
from tests.conftest import NewDatabase
from tests.servers.flask_process import FlaskProcesses
from tests.turns import in_turns
from tests.web.samples import sample_of

WIDTHS = (360, 768, 1024, 1280, 1440, 1920)

# Of a page without tables; how it looks on a phone is asked in test_every_page.py.
PLAIN_WIDTHS = (768, 1280)

# Where tables are, at least.
LISTS = {
    *("/accounts", "/credentials", "/addresses", "/queues", "/filters", "/settings"),
    *("/audit", "/mail", "/quarantine", "/tickets", "/runs", "/accounts/1/status"),
}

# What of the tables cannot be seen whole, or not be pressed, after scrolling up and down only.
_OUT_OF_REACH = """() => {
  const shown = each => each.checkVisibility({visibilityProperty: true}) && !each.closest('.visually-hidden, noscript');
  const place = action => {
    const box = action.getClientRects()[0];
    return {box, x: box.left + box.width / 2, y: box.top + box.height / 2};
  };
  const pressed = (action, {box, x, y}) => {
    if (box.left < 0 || box.right > document.documentElement.clientWidth) return false;
    const hit = document.elementFromPoint(x, y);
    return hit && (action.contains(hit) || hit.contains(action) && hit.tagName === 'LABEL');
  };
  const wrong = [];
  for (const frame of document.querySelectorAll('.table-frame')) {
    frame.scrollLeft = 0;
    if (frame.scrollWidth > frame.clientWidth) wrong.push('scrolls sideways');
    const edge = frame.getBoundingClientRect();
    for (const cell of frame.querySelectorAll('tbody td, tbody th')) {
      const box = cell.getBoundingClientRect();
      if (box.width && (box.left < edge.left - 1 || box.right > edge.right + 1))
        wrong.push(`cut off by ${Math.round(box.right - edge.right)}: ${cell.dataset.label || cell.className}`);
    }
    for (const action of frame.querySelectorAll('a, button, select, input:not([type=hidden]), summary')) {
      if (!shown(action)) continue;
      const {y} = place(action);
      if (y > innerHeight / 4 && y < innerHeight * 3 / 4 && pressed(action, place(action))) continue;
      action.scrollIntoView({block: 'center', inline: 'nearest', behavior: 'instant'});
      frame.scrollLeft = 0;
      if (!pressed(action, place(action))) wrong.push(`not to be pressed: ${action.outerHTML.slice(0, 90)}`);
    }
  }
  return [...new Set(wrong)].slice(0, 8);
}"""


@pytest.fixture(scope="module")
def hostile_site(new_database: NewDatabase, flask_process: FlaskProcesses) -> Iterator[Site]:
    """The app with such rows in it."""
    with new_database() as database:
        site = Site(database, flask_process)
        add_hostile_rows(site.app)
        with site:
            yield site


@pytest.fixture(scope="module")
def hostile_page(hostile_site: Site, browser: Browser) -> Iterator[Page]:
    """A page of an admin there."""
    remembered = sign_in(hostile_site, browser, "admin")
    with browser.new_context(base_url=hostile_site.url, storage_state=remembered, reduced_motion="reduce") as context:
        yield context.new_page()


def addresses(site: Site, page: Page) -> dict[str, bool]:
    """The address of each page, and whether it has a table; that of a ticket is the one that is there."""
    there = [address.replace(sample_of("ticket"), TICKET) for _, address in site.addresses()]
    answers = {address: page.request.get(address) for address in there}
    return {address: "table-frame" in answer.text() for address, answer in answers.items() if is_page(answer)}


def widths_of(name: str) -> list[int]:
    """The widths that this is tried with, of which bin/test has one."""
    return in_turns(WIDTHS, name)


def faults(page: Page, widths: Sequence[int]) -> dict[int, Any]:
    """What is wrong with the page that is shown, by the width of the window."""
    found = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        found[width] = [*page.evaluate(_OUT_OF_REACH), *(f"sticks out: {each}" for each in sticking_out(page))]
    return {width: what for width, what in found.items() if what}


def test_every_action_is_seen_and_pressed_at_every_width(hostile_site: Site, hostile_page: Page) -> None:
    wrong, has_table = {}, addresses(hostile_site, hostile_page)
    plain = [address for address, table in has_table.items() if not table]
    for address in {address for address, table in has_table.items() if table} | {*in_turns(plain, "plain", 4)}:
        hostile_page.goto(address)
        wrong[address] = faults(hostile_page, widths_of(address) if has_table[address] else PLAIN_WIDTHS)
    assert {address: what for address, what in wrong.items() if what} == {}
    assert wrong.keys() >= LISTS


# What each row asks before it does what cannot be undone: by the list, what is pressed in its first row.
ASKS = [
    *((f"/{plural}", "#delete-1") for plural in ("accounts", "credentials", "filters", "queues", "quarantine")),
    ("/credentials", "#delete-2"),
    ("/quarantine", "#deliver-1"),
]


@pytest.mark.parametrize(("address", "pressed"), in_turns(ASKS, "asks", 4))
def test_what_a_row_asks_can_be_answered_at_every_width(hostile_page: Page, address: str, pressed: str) -> None:
    hostile_page.goto(address)
    hostile_page.locator(pressed).click()
    expect(hostile_page.locator(".confirm :is(button, a)").first).to_be_visible()
    settled(hostile_page)
    assert hostile_page.locator(".table-frame .confirm").count() == 1
    assert faults(hostile_page, widths_of(address + pressed)) == {}


def test_eleven_accounts_take_less_than_two_screens(
    new_database: NewDatabase, browser: Browser, flask_process: FlaskProcesses
) -> None:
    with new_database() as database, Site(database, flask_process) as site:
        name = site.desk.credential("orders", "a secret")
        for number in range(11):
            host = f"mail{number}.shop.example"
            site.desk.add_account(type="IMAPS", host=host, credential=name, dispatching="to", comment="Orders")
        options = {"storage_state": sign_in(site, browser, "admin"), "viewport": {"width": 1024, "height": 768}}
        with browser.new_context(base_url=site.url, **options) as context:
            page = context.new_page()
            page.goto("/accounts")
            assert page.locator("tbody[id^=account-]").count() == 11
            assert page.evaluate("document.documentElement.scrollHeight") < 1400
