"""Who uses no mouse: after each action the focus is where it was, or at what came of it. Keys alone are pressed."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.page_checks import settled
from tests.browser.site import Site
from tests.support import Desk, mail
from tests.turns import in_turns
from tests.web.samples import quarantine

_NUMBERS = itertools.count(1)


@pytest.fixture
def account(desk: Desk) -> str:
    """The id of an account whose server is not there."""
    return desk.add_account(
        type="IMAPS", host="127.0.0.1", port=1, credential=desk.credential(f"focus{next(_NUMBERS)}", "y")
    )


@pytest.fixture
def words(site: Site) -> str:
    """What finds three messages in quarantine."""
    name = f"focus-{next(_NUMBERS)}"
    for number in range(3):
        quarantine(site.app, mail(f"{name} {number}"), subject=f"{name} {number}")
    return name


def press(page: Page, target: Locator | str, key: str = "Enter") -> None:
    """Press ``target`` by a key."""
    found = page.locator(target) if isinstance(target, str) else target
    settled(page)
    found.focus()
    page.keyboard.press(key)
    settled(page)


def test_fetch_now_keeps_the_focus(page: Page, account: str) -> None:
    for address, button in (("/accounts", f"#fetch-{account}"), (f"/accounts/{account}/status", "#fetch")):
        page.goto(address)
        press(page, button)
        expect(page.locator(".toast").last).to_be_visible()
        expect(page.locator(button)).to_be_focused()


@pytest.mark.parametrize(
    ("button", "result"),
    in_turns(
        [
            ("#test-connection", "#connection-test"),
            ("#browse", "#folders-found"),
            ("#look-at-certificate", "#certificate-found"),
            ("#preview-mail", "#mail-preview"),
        ],
        "looks",
    ),
)
def test_a_look_at_the_server_keeps_the_focus(page: Page, account: str, button: str, result: str) -> None:
    page.goto(f"/accounts/{account}")
    if button == "#look-at-certificate":
        page.locator(".folded > summary").click()
    press(page, button)
    expect(page.locator(button)).to_be_focused()
    expect(page.locator(f"{result} .notice").first).to_be_visible()
    expect(page.locator(button)).to_be_focused()


def test_another_test_keeps_the_focus(page: Page, account: str) -> None:
    page.goto(f"/accounts/{account}")
    press(page, "#test-connection")
    expect(page.locator("#connection-test")).to_contain_text("Failed")
    press(page, "#test-again")
    expect(page.locator("#test-again")).to_be_focused()
    expect(page.locator("#connection-test small").first).to_have_text("Failed")
    expect(page.locator("#test-again")).to_be_focused()


def test_cancel_leads_back_to_what_was_pressed_and_confirm_to_the_list(page: Page, desk: Desk) -> None:
    number = desk.ok("queue", "add", "--name", f"Gone{next(_NUMBERS)}").stdout.strip()
    page.goto("/queues")
    trash = page.locator(f"#delete-{number}")
    press(page, trash)
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(trash).to_have_attribute("title", "Delete")
    expect(trash).to_be_focused()
    press(page, trash)
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    settled(page)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(trash).to_have_count(0)
    expect(page.locator("#queues-list")).to_be_focused()


def test_cancel_in_quarantine_leads_back_to_what_was_pressed(page: Page, words: str) -> None:
    page.goto(f"/quarantine?q={words}")
    for kind in ("deliver", "delete"):
        link = page.locator(f"[id^={kind}-]:not(select)").first
        press(page, link)
        expect(link).to_have_text("Cancel")
        press(page, link)
        expect(link).not_to_have_text("Cancel")
        expect(link).to_be_focused()


def test_what_is_done_in_quarantine_leads_to_the_list_and_what_is_refused_stays(page: Page, words: str) -> None:
    page.goto(f"/quarantine?q={words}")
    press(page, page.locator("[id^=retry-]").first)
    expect(page.locator("#quarantine-list tbody")).to_have_count(2)
    expect(page.locator("#quarantine-list")).to_be_focused()
    press(page, "#do-retry")
    expect(page.locator(".toast.fail")).to_contain_text("Choose at least one")
    expect(page.locator("#do-retry")).to_be_focused()
    press(page, page.get_by_role("checkbox").first, "Space")
    press(page, "#do-retry")
    expect(page.locator("#quarantine-list tbody")).to_have_count(1)
    expect(page.locator("#quarantine-list")).to_be_focused()


def test_dismissing_a_message_leaves_the_focus_beside_the_next_one(page: Page) -> None:
    page.goto("/quarantine")
    for count in (1, 2):
        press(page, "#do-retry")
        expect(page.locator(".toast.fail")).to_have_count(count)
    press(page, page.get_by_role("button", name="Dismiss").first)
    expect(page.locator(".toast.fail")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Dismiss")).to_be_focused()


@pytest.mark.parametrize("list_", in_turns(["tickets", "quarantine"], "lists"))
def test_typing_a_filter_keeps_the_focus(page: Page, list_: str) -> None:
    page.goto(f"/{list_}")
    page.locator("#q").focus()
    page.keyboard.type("zzz")
    expect(page.locator("main .empty")).to_be_visible()
    expect(page.locator("#q")).to_be_focused()


def test_sorting_keeps_the_focus(page: Page) -> None:
    page.goto("/accounts")
    press(page, "#sort-account")
    expect(page.locator("th[aria-sort]")).to_contain_text("Account")
    expect(page.locator("#sort-account")).to_be_focused()


def test_resetting_a_setting_leads_to_the_list(page: Page, desk: Desk) -> None:
    desk.ok("setting", "set", "FetchIntervalMinutes", "7")
    page.goto("/settings?q=FetchIntervalMinutes")
    press(page, page.get_by_role("button", name="Reset to default"))
    expect(page.get_by_role("button", name="Reset to default")).to_have_count(0)
    expect(page.locator("#settings-list")).to_be_focused()


@pytest.mark.parametrize(
    ("address", "button", "field"),
    in_turns(
        [
            ("/queues/add", "Save", "#name"),
            ("/accounts/add", "Save and finish", "#host"),
            ("/filters/add", "Save", "#name"),
            ("/filters/add?name=x", "Add a condition", "[name=condition_header] >> nth=-1"),
            ("/settings/FetchIntervalMinutes", "Save", "#value"),
            ("/operation", "Pause all fetching", "#reason"),
        ],
        "refusals",
        2,
    ),
)
def test_what_is_refused_has_the_focus(page: Page, address: str, button: str, field: str) -> None:
    page.goto(address)
    if address.startswith("/settings"):
        page.locator("#value").focus()
        page.keyboard.press("Control+a")
        page.keyboard.type("x")
    press(page, page.get_by_role("button", name=button, exact=True))
    expect(page.locator(field)).to_be_focused()


def test_pausing_and_resuming_lead_to_the_page(page: Page) -> None:
    page.goto("/operation")
    page.locator("#reason").focus()
    page.keyboard.type("Maintenance")
    page.keyboard.press("Enter")
    expect(page.locator("#banner")).to_contain_text("Maintenance")
    expect(page.locator("#page")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#resume")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#resume")).to_have_count(0)
    expect(page.locator("#page")).to_be_focused()


def test_a_list_is_edited_row_by_row_and_a_switch_keeps_the_focus(page: Page, desk: Desk) -> None:
    page.goto("/settings/Ticket::Types")
    press(page, page.get_by_role("button", name="Add an entry"))
    expect(page.get_by_label("Name of entry 2")).to_be_focused()
    page.keyboard.type("Incident")
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings")
    assert desk.ok("setting", "get", "Ticket::Types").stdout == "Unclassified; Incident\n"
    switch = page.locator("#switch-CheckDKIM")
    press(page, switch)
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(switch).to_be_focused()
    desk.ok("setting", "set", "CheckDKIM", "no")
    desk.ok("setting", "set", "Ticket::Types", "Unclassified")
