"""The bar of what is selected, as it is seen and used by keyboard; with and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakePage
from tests.browser.page_checks import settled, sticking_out, violations
from tests.support import Desk


@pytest.fixture
def tagged(desk: Desk) -> Iterator[list[str]]:
    """The ids of the two accounts that have the tag "bulk"."""
    ids = [
        desk.add_account(type="IMAP", host=f"{name}.example", credential=desk.credential(name, "secret"), tags="bulk")
        for name in ("one", "two")
    ]
    yield ids
    for number in ids:
        desk.ok("account", "delete", number, "--yes")


def health(desk: Desk, number: str) -> str:
    """How the command line says that an account stands."""
    return str(desk.ok("account", "show", number, "--json").json["health"])


def test_the_bar_appears_with_the_first_tick_asks_acts_and_undoes_by_keyboard(
    page: Page, desk: Desk, tagged: list[str]
) -> None:
    page.goto("/accounts?tag=bulk")
    bar = page.get_by_role("form", name="Do with the selected accounts")
    expect(bar).to_be_hidden()
    page.locator(f"#select-{tagged[0]}").focus()
    page.keyboard.press("Space")
    expect(bar).to_be_visible()
    assert violations(page) == {}
    page.locator("#do-pause").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Pause: 1 account?")
    assert violations(page) == {}
    page.get_by_label("Reason").fill("Audit")
    page.keyboard.press("Enter")
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    expect(page.locator(f"#account-{tagged[0]}")).to_contain_text("“Audit”")
    assert [health(desk, number) for number in tagged] == ["paused-by-hand", "never"]
    assert violations(page) == {}
    undo.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Undone: 1 account.")
    assert health(desk, tagged[0]) == "never"


def test_what_is_ticked_stays_so_while_rows_are_renewed_and_all_can_be(
    page: Page, desk: Desk, tagged: list[str]
) -> None:
    page.goto("/accounts?tag=bulk")
    page.locator(f"#select-{tagged[1]}").check()
    desk.ok("account", "set", tagged[1], "--comment", "Renewed")
    page.get_by_role("button", name="Fetch now: two@two.example").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#account-{tagged[1]}")).to_contain_text("Renewed")
    expect(page.locator(f"#select-{tagged[1]}")).to_be_checked()
    page.get_by_role("link", name="Select all on this page").click()
    settled(page)
    expect(page.locator(".choose :checked")).to_have_count(2)
    page.get_by_role("link", name="Select none").click()
    settled(page)
    expect(page.locator(".choose :checked")).to_have_count(0)


def test_without_scripts_and_on_a_phone_it_works_as_well(make_page: MakePage, desk: Desk, tagged: list[str]) -> None:
    page = make_page(javascript=False, width=360)
    page.goto("/accounts?tag=bulk")
    page.locator(f"#select-{tagged[0]}").check()
    assert sticking_out(make_page(width=360)) == []
    page.locator("#do-tag").click()
    page.get_by_label("Tags").fill("phone")
    page.get_by_role("button", name="Add tags").click()
    expect(page.locator("#toasts")).to_contain_text("Tagged: 1 account.")
    expect(page.locator(f"#account-{tagged[0]}")).to_contain_text("phone")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Undone: 1 account.")


@pytest.mark.usefixtures("tagged")
def test_a_view_is_saved_from_what_typing_and_choosing_found(page: Page) -> None:
    page.goto("/accounts")
    page.get_by_label("Tag", exact=True).select_option("bulk")
    expect(page.locator("tbody .choose")).to_have_count(2)
    page.get_by_text("Save this view").click()
    page.get_by_label("Name of the view").fill("Bulk")
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_role("link", name="Bulk", exact=True)).to_have_attribute("aria-current", "page")
    assert violations(page) == {}
    page.get_by_role("button", name="Delete the view Bulk").click()
    expect(page.locator("#toasts")).to_contain_text("The view “Bulk” is deleted.")
