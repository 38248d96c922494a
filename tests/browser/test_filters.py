"""The form of a filter in a browser: rows that are added, and trying it before it is saved."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakePage
from tests.browser.page_checks import settled, sticking_out, violations
from tests.support import Desk

MESSAGE = "From: ada@example.net\nSubject: Order 4711\nX-Spam: no\n\nHello."


@pytest.fixture
def name() -> str:
    """A name that nothing has yet."""
    return f"filter-{uuid4().hex[:8]}"


def fill_row(page: Page, number: int, header: str, pattern: str) -> None:
    """Enter a condition."""
    page.get_by_label(f"Header of condition {number}").fill(header)
    page.get_by_label(f"Regular expression of condition {number}").fill(pattern)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_a_filter_is_tried_and_then_saved(make_page: MakePage, desk: Desk, name: str, javascript: bool) -> None:
    page = make_page(javascript=javascript)
    page.goto("/filters/add")
    page.get_by_label("Name").fill(name)
    fill_row(page, 1, "Subject", "order (\\d+)")
    page.get_by_role("button", name="Add a condition").click()
    expect(page.get_by_label("Header of condition 2")).to_be_focused()
    if javascript:
        settled(page)
    fill_row(page, 2, "X-Spam", "yes")
    page.get_by_label("Kind of condition 2").select_option("is not found")
    page.get_by_label("Header 1 to set").fill("X-OTRS-Title")
    page.get_by_label("Value of header 1").fill("Order [***]")
    page.get_by_label("Or paste a message").fill(MESSAGE)
    page.get_by_role("button", name="Try it").click()
    trial = page.locator("#trial")
    expect(trial).to_contain_text("Captured “4711”")
    expect(trial).to_contain_text("X-OTRS-Title: Order 4711")
    if javascript:
        assert violations(page) == {}
    page.get_by_role("button", name="Save and finish").click()
    expect(page.locator(".toast")).to_contain_text(f"“{name}” is added")
    shown = desk.ok("filter", "show", name, "--json").json
    assert (shown["match"], shown["not_match"]) == (["Subject=order (\\d+)"], ["X-Spam=yes"])
    desk.ok("filter", "delete", name, "--yes")


def test_a_trial_fits_a_narrow_screen(make_page: MakePage) -> None:
    page = make_page(width=360)
    page.goto("/filters/add")
    fill_row(page, 1, "Subject", "(" + "x" * 120 + ")")
    page.get_by_label("Or paste a message").fill(MESSAGE.replace("4711", "x" * 200))
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#trial")).to_contain_text("Matches")
    assert sticking_out(page) == []


def test_a_refused_pattern_is_said_beside_the_conditions(page: Page, name: str) -> None:
    page.goto("/filters/add")
    page.get_by_label("Name").fill(name)
    fill_row(page, 1, "Subject", "(order")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("group", name="Conditions")).to_have_accessible_description(re.compile("at position 7"))
    page.get_by_role("alert").get_by_role("link", name="Match").click()
    assert violations(page) == {}
