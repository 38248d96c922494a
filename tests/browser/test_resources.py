"""Credentials, addresses and queues: added, changed and deleted as an admin does it."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_checks import settled, violations
from tests.support import Desk

_NUMBERS = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A name that nothing has yet."""
    return f"thing-{next(_NUMBERS)}"


def save(page: Page) -> None:
    """Save and go back to the list."""
    page.get_by_role("button", name="Save and finish").click()


def test_a_credential_is_added_and_its_password_is_never_shown(page: Page, name: str) -> None:
    page.goto("/credentials")
    page.get_by_role("link", name="Add credential").click()
    page.get_by_role("link", name=re.compile("^Basic")).click()
    page.locator("[name=name]").fill(name)
    page.locator("[name=username]").fill("somebody@example.org")
    page.locator("[name=password]").fill("a very secret word")
    save(page)
    expect(page.locator(".toast")).to_contain_text(name)
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("[name=password]")).to_have_value("")
    assert "a very secret word" not in page.content()


@pytest.mark.parametrize(
    ("form", "missing"),
    [
        ("credentials/add?kind=basic", ["name", "username", "password"]),
        ("addresses/add", ["address", "name"]),
        ("queues/add", ["name"]),
    ],
)
def test_what_is_refused_is_said_beside_each_field_with_the_focus_on_the_first(
    page: Page, form: str, missing: list[str]
) -> None:
    page.goto(f"/{form}")
    page.locator("[name=comment]").fill("This must not be lost.")
    save(page)
    for field in missing:
        box = page.locator(f"[name={field}]")
        expect(box).to_have_attribute("aria-invalid", "true")
        expect(box).to_have_accessible_description(re.compile(r"\w"))
    expect(page.locator(f"[name={missing[0]}]")).to_be_focused()
    expect(page.locator("[name=comment]")).to_have_value("This must not be lost.")
    assert violations(page) == {}


def test_deleting_asks_first_and_can_be_left(page: Page, desk: Desk, name: str) -> None:
    desk.ok("queue", "add", "--name", name)
    page.goto(f"/queues?q={name}")
    row = page.locator("#queues-list tbody").filter(has_text=name)
    row.get_by_role("link", name=f"Delete {name}").click()
    expect(row.get_by_role("link", name="Cancel")).to_be_focused()
    assert violations(page) == {}
    page.keyboard.press("Enter")
    expect(row.get_by_role("link", name=f"Delete {name}")).to_be_visible()
    settled(page)
    row.get_by_role("link", name=f"Delete {name}").press("Enter")
    expect(row.get_by_role("link", name="Cancel")).to_be_focused()
    settled(page)
    row.get_by_role("button", name="Confirm").press("Enter")
    expect(row).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("is deleted")
    assert name not in desk.ok("queue", "list").stdout


def test_deleting_without_javascript(plain_page: Page, desk: Desk, name: str) -> None:
    desk.ok("queue", "add", "--name", name)
    plain_page.goto(f"/queues?q={name}")
    plain_page.get_by_role("link", name=f"Delete {name}").click()
    plain_page.get_by_role("button", name="Confirm").click()
    expect(plain_page.locator(".toast")).to_contain_text("is deleted")
    assert name not in desk.ok("queue", "list").stdout


def test_what_is_in_use_is_not_deleted_and_the_refusal_names_who_uses_it(page: Page, desk: Desk, name: str) -> None:
    options = ("--kind", "basic", "--name", name, "--username", name, "--password-stdin")
    desk.ok("credential", "add", *options, input="a secret\n")
    desk.add_account(type="IMAP", host=f"{name}.example.org", credential=name, dispatching="to")
    page.goto(f"/credentials?q={name}")
    page.get_by_role("link", name=f"Delete {name}").click()
    expect(page.get_by_role("alert")).to_contain_text(f"{name}@{name}.example.org")
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
    assert violations(page) == {}


def test_the_second_to_save_is_told_what_changed(page: Page, desk: Desk, name: str) -> None:
    desk.ok("queue", "add", "--name", name, "--comment", "before")
    page.goto(f"/queues?q={name}")
    page.get_by_role("link", name=f"Edit {name}").click()
    expect(page.locator("[name=comment]")).to_have_value("before")
    desk.ok("queue", "set", name, "--comment", "by somebody else")
    page.locator("[name=comment]").fill("by me")
    page.get_by_role("button", name="Save", exact=True).click()
    notice = page.get_by_role("alert")
    for words in ("somebody else changed this queue", "by somebody else", "by me"):
        expect(notice).to_contain_text(words)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("is saved")
    assert "by me" in desk.ok("queue", "list", "--json").stdout
