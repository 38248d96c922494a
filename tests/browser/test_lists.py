"""Lists: filtering by typing, a state that can be bookmarked, and going back."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_checks import violations
from tests.support import Desk
from tests.turns import in_turns

# The lists, and a word of which each has a row in it, as there is one of everything.
LISTS = {
    "/accounts": "onerror",
    "/credentials": "onerror",
    "/addresses": "orders@example.org",
    "/queues": "onerror",
    "/settings": "PostmasterDefaultQueue",
    "/audit": "PostmasterDefaultQueue",
    "/mail": "orders@example.org",
}


@pytest.fixture
def changed(desk: Desk) -> None:
    """A setting that was changed, so that it is in the audit log."""
    desk.ok("setting", "set", "PostmasterDefaultQueue", "Misc")
    desk.ok("setting", "set", "PostmasterDefaultQueue", "Raw")


def rows_of(page: Page) -> list[str]:
    """What stands in the table, but for how long ago things were: while a test runs, “just now” becomes “1 min ago”."""
    found: list[str] = page.locator("main table").evaluate_all(
        """tables => tables.flatMap(table => {
          const copy = table.cloneNode(true);
          copy.querySelectorAll('time').forEach(each => each.remove());
          return [...copy.rows].map(row => row.textContent);
        })"""
    )
    return found


def wait_for_filter(page: Page, text: str) -> None:
    """Wait until the whole ``text`` is in the address; a slow machine may ask for its beginning first."""
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("q") == [text])


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("path", in_turns([*LISTS], "typing", 2))
def test_typing_filters_and_the_back_button_goes_to_the_page_before_however_much_was_typed(
    page: Page, path: str
) -> None:
    page.goto("/status")
    page.goto(path)
    everything = rows_of(page)
    box = page.get_by_role("searchbox")
    box.press_sequentially(LISTS[path], delay=30)
    wait_for_filter(page, LISTS[path])
    expect(page.locator("main tbody tr").first).to_contain_text(LISTS[path])
    expect(box).to_be_focused()
    found = rows_of(page)
    assert len(found) < len(everything)
    page.go_back()
    page.wait_for_url("**/status")
    expect(page.locator("h1")).to_be_visible()
    page.go_forward()
    wait_for_filter(page, LISTS[path])
    expect(page.get_by_role("searchbox")).to_have_value(LISTS[path])
    expect(page.locator("#site-nav")).to_be_visible()
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value(LISTS[path])
    assert rows_of(page) == found


@pytest.mark.parametrize("path", in_turns([*LISTS], "finding nothing", 2))
def test_a_filter_that_finds_nothing_says_so_and_shows_the_way_back(page: Page, path: str) -> None:
    page.goto(path)
    page.get_by_role("searchbox").press_sequentially("zzz nothing like it")
    expect(page.locator("main .empty")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert violations(page) == {}
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("main tbody tr").first).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("")


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("path", in_turns([*LISTS], "without JavaScript", 2))
def test_filtering_without_javascript(plain_page: Page, path: str) -> None:
    plain_page.goto(path)
    plain_page.get_by_role("searchbox").fill(LISTS[path])
    plain_page.get_by_role("button", name="Filter").click()
    expect(plain_page.locator("main tbody tr").first).to_contain_text(LISTS[path])
    expect(plain_page.get_by_role("searchbox")).to_have_value(LISTS[path])
