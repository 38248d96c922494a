"""From a new account to its first ticket, in each way: by mouse, by keyboard alone, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account_form import box, fill, label_of, on, press, row_of
from tests.browser.conftest import MakePage
from tests.browser.keyboard import Keyboard
from tests.browser.page_checks import settled
from tests.servers.fixtures import TestMailbox
from tests.support import SERVICES, Desk, mail
from tests.turns import in_turns


def fetched(page: Page, desk: Desk, mailbox: TestMailbox, subject: str) -> None:
    """Fetch, and see the ticket in its queue."""
    row = desk.fetch("--account", label_of(mailbox))["accounts"][0]
    assert (row["new"], mailbox.count()) == (1, 0)
    page.goto(f"/tickets?{urlencode({'q': subject})}")
    page.get_by_role("link", name=subject).click()
    expect(page.locator("h1")).to_contain_text(subject)
    expect(page.locator("main")).to_contain_text("Misc")


def by_mouse(make_page: MakePage, desk: Desk, mailbox: TestMailbox, kind: str) -> None:
    page = make_page()
    entered, subject = on(mailbox, kind, desk), f"Hello over {kind} to {mailbox.user}"
    mailbox.deliver(mail(subject))
    page.goto("/accounts")
    page.locator("main").get_by_role("link", name="Add mail account").first.click()
    page.get_by_role("link", name="Another server").click()
    fill(page, **entered)
    press(page, "Test connection")
    panel = page.locator("#connection-test")
    expect(panel).to_contain_text("All went well")
    expect(panel.locator(".steps li").last).to_have_attribute("data-state", "ok")
    assert mailbox.count() == 1
    press(page, "Save and finish")
    expect(page.locator(".toast").first).to_contain_text(f"“{label_of(mailbox)}” is added")
    expect(row_of(page, label_of(mailbox))).to_contain_text("Never fetched")
    fetched(page, desk, mailbox, subject)
    page.goto("/accounts")
    expect(row_of(page, label_of(mailbox))).to_contain_text("Healthy")


def by_keyboard_alone(make_page: MakePage, desk: Desk, mailbox: TestMailbox) -> None:
    page = make_page()
    keyboard = Keyboard(page)
    entered, subject = on(mailbox, "POP3S", desk), f"Typed for {mailbox.user}"
    mailbox.deliver(mail(subject))
    page.goto("/accounts")
    keyboard.press(page.locator("main").get_by_role("link", name="Add mail account").first)
    keyboard.press(page.get_by_role("link", name="Another server"))
    keyboard.type(box(page, "type"), "POP3S")
    expect(box(page, "folder")).to_have_count(0)
    settled(page)
    for name in ("credential", "host", "port"):
        keyboard.type(box(page, name), str(entered[name]))
    keyboard.to(page.locator("#dispatching"))
    page.keyboard.press("ArrowDown")
    expect(box(page, "queue")).to_be_visible()
    settled(page)
    keyboard.type(box(page, "queue"), "Misc")
    keyboard.press(page.get_by_role("button", name="Test connection"))
    expect(page.locator("#connection-test")).to_contain_text("All went well")
    box(page, "host").press("Enter")
    expect(page.locator(".toast").first).to_contain_text("is added")
    expect(page).to_have_url(re.compile(r"/accounts/\d+$"))
    fetched(page, desk, mailbox, subject)
    page.goto(f"/accounts?q={label_of(mailbox)}")
    keyboard.press(page.get_by_role("link", name=f"Delete {label_of(mailbox)}"))
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    settled(page)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("is deleted")


def without_javascript(make_page: MakePage, desk: Desk, mailbox: TestMailbox) -> None:
    page, entered, subject = make_page(javascript=False), on(mailbox, "POP3TLS", desk), f"Plain for {mailbox.user}"
    mailbox.deliver(mail(subject))
    page.goto("/accounts/add")
    box(page, "comment").fill("kept")
    box(page, "type").select_option("POP3TLS")
    press(page, "Show the fields of this type")
    expect(box(page, "folder")).to_have_count(0)
    expect(box(page, "comment")).to_have_value("kept")
    for name in ("host", "port"):
        box(page, name).fill(str(entered[name]))
    box(page, "credential").select_option(str(entered["credential"]))
    page.locator("[name=dispatching][value=queue]").check()
    press(page, "Test connection")
    panel = page.locator("#connection-test")
    while panel.get_by_role("button", name="Show what is known by now").count():
        press(page, "Show what is known by now")
    expect(panel).to_contain_text("All went well")
    press(page, "Save and finish")
    expect(page.locator("#form-errors")).to_contain_text("Queue")
    box(page, "queue").select_option("Misc")
    press(page, "Save and finish")
    expect(page.locator(".toast").first).to_contain_text("is added")
    fetched(page, desk, mailbox, subject)


WAYS: dict[str, Callable[[MakePage, Desk, TestMailbox], None]] = {
    **{f"by mouse, {kind}": partial(by_mouse, kind=kind) for kind in SERVICES},
    "by keyboard alone": by_keyboard_alone,
    "without JavaScript": without_javascript,
}


@pytest.mark.parametrize("way", in_turns([*WAYS], "ways", 2))
def test_from_a_new_account_to_its_first_ticket(
    make_page: MakePage, desk: Desk, mailbox: TestMailbox, way: str
) -> None:
    """By keyboard alone bin/test goes the whole way in test_first_run.py."""
    WAYS[way](make_page, desk, mailbox)
