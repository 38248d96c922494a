"""From a new account to its first ticket, in each way: by mouse, by keyboard alone, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.account_form import LOOK, box, fill, label_of, on, press, row_of
from tests.browser.conftest import MakePage
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
    expect(panel).to_contain_text("All went well", timeout=LOOK)
    expect(panel.locator(".steps li").last).to_have_attribute("data-state", "ok")
    assert mailbox.count() == 1
    press(page, "Save and finish")
    expect(page.locator(".toast").first).to_contain_text(f"“{label_of(mailbox)}” is added")
    expect(row_of(page, label_of(mailbox))).to_contain_text("Never fetched")
    fetched(page, desk, mailbox, subject)
    page.goto("/accounts")
    expect(row_of(page, label_of(mailbox))).to_contain_text("Healthy")


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until ``target`` has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("each => each === document.activeElement"):
            return
    raise AssertionError("Tab does not lead there")


def by_keyboard_alone(make_page: MakePage, desk: Desk, mailbox: TestMailbox) -> None:
    page = make_page()
    entered, subject = on(mailbox, "POP3S", desk), f"Typed for {mailbox.user}"
    mailbox.deliver(mail(subject))
    page.goto("/accounts")
    tab_to(page, page.locator("main").get_by_role("link", name="Add mail account").first)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Another server"))
    page.keyboard.press("Enter")
    tab_to(page, box(page, "type"))
    page.keyboard.type("POP3S")
    expect(box(page, "folder")).to_have_count(0)
    settled(page)
    tab_to(page, box(page, "credential"))
    page.keyboard.type(str(entered["credential"]))
    for name in ("host", "port"):
        tab_to(page, box(page, name))
        page.keyboard.type(str(entered[name]))
    tab_to(page, page.locator("#dispatching"))
    page.keyboard.press("ArrowDown")
    expect(box(page, "queue")).to_be_visible()
    settled(page)
    tab_to(page, box(page, "queue"))
    page.keyboard.type("Misc")
    tab_to(page, page.get_by_role("button", name="Test connection"))
    page.keyboard.press("Enter")
    expect(page.locator("#connection-test")).to_contain_text("All went well", timeout=LOOK)
    box(page, "host").press("Enter")
    expect(page.locator(".toast").first).to_contain_text("is added")
    expect(page).to_have_url(re.compile(r"/accounts/\d+$"))
    fetched(page, desk, mailbox, subject)
    page.goto(f"/accounts?q={label_of(mailbox)}")
    tab_to(page, page.get_by_role("link", name=f"Delete {label_of(mailbox)}"))
    page.keyboard.press("Enter")
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
    page.set_default_timeout(LOOK)
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
