"""The quarantine: looked at, tried again, delivered, deleted."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import MakePage
from tests.browser.page_checks import settled, violations
from tests.browser.site import Site
from tests.support import Desk, mail
from tests.turns import in_turns
from tests.web.samples import add_quarantined, quarantine

_NUMBERS = itertools.count(1)


@pytest.fixture
def words(site: Site) -> str:
    """The words by which three messages in quarantine are found, and nothing else."""
    name = f"waiting-{next(_NUMBERS)}"
    for n in range(3):
        quarantine(site.app, mail(f"{name} {n}"), subject=f"{name} {n}")
    return name


def row(page: Page, name: str) -> Locator:
    """The row of the message with that subject."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def titles(desk: Desk, words: str) -> dict[str, str]:
    """The queues of the tickets with these words, by their titles."""
    return {ticket["title"]: ticket["queue"] for ticket in desk.tickets() if words in ticket["title"]}


def test_one_is_tried_again_one_delivered_and_one_deleted(page: Page, desk: Desk, words: str) -> None:
    page.goto("/quarantine")
    page.get_by_role("searchbox").press_sequentially(words)
    expect(page.locator("#quarantine-list tbody")).to_have_count(3)
    settled(page)
    row(page, f"{words} 0").get_by_role("button", name="Retry").click()
    expect(page.locator("#quarantine-list tbody")).to_have_count(2)
    settled(page)
    row(page, f"{words} 1").get_by_role("link", name="Deliver to queue…").click()
    choice = row(page, f"{words} 1").get_by_label("Deliver to queue")
    expect(choice).to_be_focused()
    assert violations(page) == {}
    settled(page)
    choice.select_option("Junk")
    row(page, f"{words} 1").get_by_role("button", name="Deliver").click()
    expect(page.locator("#quarantine-list tbody")).to_have_count(1)
    settled(page)
    row(page, f"{words} 2").get_by_role("link", name="Delete").click()
    expect(page.get_by_text("Delete for good? No copy is left on the mail server.")).to_be_visible()
    assert violations(page) == {}
    settled(page)
    row(page, f"{words} 2").get_by_role("button", name="Confirm").click()
    expect(page.locator(".toast").last).to_contain_text("deleted for good")
    expect(page.locator("main .empty")).to_be_visible()
    assert titles(desk, words) == {f"{words} 0": "Raw", f"{words} 1": "Junk"}


def test_deleting_can_be_left_by_keyboard(page: Page, words: str) -> None:
    page.goto(f"/quarantine?q={words}")
    line = row(page, f"{words} 0")
    line.get_by_role("link", name="Delete").press("Enter")
    expect(line.get_by_role("link", name="Cancel")).to_be_focused()
    settled(page)
    page.keyboard.press("Enter")
    expect(line.get_by_role("link", name="Delete")).to_be_visible()
    expect(line.get_by_role("button", name="Retry")).to_be_visible()


def test_in_bulk_and_by_keyboard(page: Page, desk: Desk, words: str) -> None:
    page.goto(f"/quarantine?q={words}")
    for n in range(2):
        page.get_by_role("checkbox", name=f"{words} {n}").press("Space")
    bar = page.get_by_role("form", name="Do with the selected messages")
    bar.get_by_label("Deliver to queue").select_option("Junk")
    bar.get_by_role("button", name="Deliver").press("Enter")
    expect(page.locator(".toast")).to_contain_text("2 messages left the quarantine")
    expect(page.locator("#quarantine-list tbody")).to_have_count(1)
    assert titles(desk, words) == {f"{words} 0": "Junk", f"{words} 1": "Junk"}


@pytest.mark.parametrize("javascript", in_turns([True, False], "storm"))
def test_a_storm_is_seen_to_with_a_few_clicks(
    make_page: MakePage, site: Site, desk: Desk, words: str, javascript: bool
) -> None:
    add_quarantined(site.app, [f"{words} again"] * 60, mail(words))
    page = make_page(javascript=javascript)
    page.goto(f"/quarantine?q={words}")
    page.get_by_role("link", name="Select all").click()
    page.get_by_role("link", name="Select all 63 messages that the filter finds").click()
    expect(page.get_by_text("All 63 messages that the filter finds are selected")).to_be_visible()
    assert not javascript or violations(page) == {}
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".toast")).to_contain_text("63 messages deleted for good.")
    expect(page.locator("main .empty")).to_be_visible()
    assert titles(desk, words) == {}


def test_without_javascript_deleting_in_bulk_asks_on_a_page(plain_page: Page, desk: Desk, words: str) -> None:
    plain_page.goto(f"/quarantine?q={words}")
    plain_page.get_by_role("link", name="Select all").click()
    plain_page.get_by_role("checkbox", name=f"{words} 2").uncheck()
    plain_page.get_by_role("button", name="Delete…").click()
    expect(plain_page.get_by_role("heading", name="Delete 2 messages for good?")).to_be_visible()
    plain_page.get_by_role("button", name="Confirm").click()
    expect(plain_page.locator("#quarantine-list tbody")).to_have_count(1)
    plain_page.get_by_role("link", name=f"{words} 2", exact=True).click()
    expect(plain_page.locator("pre.source")).to_contain_text(f"Subject: {words} 2")
    plain_page.get_by_role("button", name="Retry").click()
    expect(plain_page.locator(".toast")).to_contain_text("left the quarantine: ticket")
    assert list(titles(desk, words)) == [f"{words} 2"]


def test_a_lead_looks_and_has_no_buttons(lead_page: Page, words: str) -> None:
    lead_page.goto(f"/quarantine?q={words}")
    expect(lead_page.locator("#quarantine-list tbody")).to_have_count(3)
    assert lead_page.locator("main").get_by_role("button").count() == 0
    lead_page.get_by_role("link", name=f"{words} 0", exact=True).click()
    expect(lead_page.locator("pre.source")).to_contain_text(words)
    assert lead_page.locator("main").get_by_role("button").count() == 0


def test_the_navigation_tells_how_many_wait(page: Page, words: str) -> None:
    page.goto("/status")
    expect(page.locator("#site-nav .tally")).to_contain_text("waiting")
    page.locator("#site-nav").get_by_role("link", name="Quarantine").click()
    expect(page.get_by_role("link", name=f"{words} 0", exact=True)).to_be_visible()
