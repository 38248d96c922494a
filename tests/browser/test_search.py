"""The search, the palette and the shortcuts, by keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import MakePage
from tests.browser.page_checks import violations
from tests.support import Desk, mail

# htmx complains of each request that it gives up for a newer one: by the next letter, or by another page.
GIVEN_UP = "htmx:(afterRequest|sendAbort|sendError)"


def test_the_palette_goes_anywhere_by_keyboard(make_page: MakePage, desk: Desk) -> None:
    page = make_page(expected=GIVEN_UP)
    desk.ok("queue", "add", "--name", "Palette")
    page.goto("/status")
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Go to")
    expect(dialog.get_by_role("textbox")).to_be_focused()
    page.keyboard.insert_text("palet")
    expect(dialog.get_by_role("link")).to_have_text(["Palette"])
    assert violations(page) == {}
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_role("link", name="Palette")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/queues/\d+$"))
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Control+k")  # what no letter names is searched for
    page.keyboard.insert_text("nothing is called so")
    expect(dialog).to_contain_text("Nothing is called that.")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=nothing*")


# nextcloud/mail#6869, w3c/wcag21#260
def test_single_keys_lead_to_pages_unless_they_are_typed_or_off(page: Page) -> None:
    page.goto("/status")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/tickets")
    page.get_by_role("searchbox").fill("")
    page.get_by_role("searchbox").press_sequentially("g a /?")
    expect(page.get_by_role("searchbox")).to_have_value("g a /?")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("/")
    expect(page.get_by_label("Search everything")).to_be_focused()
    page.get_by_label("Search everything").blur()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_contain_text("PostMaster Mail Accounts")
    assert violations(page) == {}
    keys.get_by_role("switch").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    page.goto("/shortcuts")
    expect(page.get_by_role("switch")).not_to_be_checked()
    page.get_by_role("switch").check()


def test_why_not_is_asked_and_answered_in_its_place(lead_page: Page, desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Expected")
    number = desk.ok("mail", "find", "--json", "--limit", 1).json_lines[0]["id"]
    lead_page.goto(f"/mail/{number}")
    lead_page.get_by_label("Queue", exact=True).select_option("Expected")
    lead_page.get_by_role("button", name="Why not this queue?").click()
    expect(lead_page.locator("#why-answer .notice").first).to_be_visible()
    assert lead_page.url.endswith(f"/mail/{number}")
    expect(lead_page.get_by_label("Queue", exact=True)).to_have_value("Expected")


def test_the_list_of_tickets_offers_what_is_new(make_page: MakePage, desk: Desk) -> None:
    page = make_page(alone=True)
    page.clock.install()
    page.goto("/tickets")
    first = page.locator("main tbody tr").first
    before = first.inner_text()
    desk.ok("read", input=mail("just arrived", sender="new@example.org"))
    page.clock.fast_forward(16_000)
    news = page.locator("#tickets-news")
    expect(news).to_contain_text("1 new ticket")
    assert first.inner_text() == before
    news.get_by_role("link", name="show").click()
    expect(first).to_contain_text("just arrived")
    expect(news).to_be_hidden()
