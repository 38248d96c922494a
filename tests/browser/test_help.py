"""The help in the browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from postmaster.web.help_topics import TOPICS
from tests.browser.conftest import MakePage
from tests.browser.page_checks import sticking_out, violations
from tests.turns import in_turns


# All are written by the same template.
@pytest.mark.parametrize("topic", in_turns([*TOPICS], "help", 3))
def test_each_topic_fits_a_phone_and_passes_axe(make_page: MakePage, topic: str) -> None:
    page = make_page(user="lead", width=360)
    page.goto(f"/help/{topic}")
    assert sticking_out(page) == []
    assert violations(page) == {}


def test_help_is_a_key_press_away_and_back(page: Page) -> None:
    page.goto("/queues")
    page.get_by_role("link", name="Help", exact=True).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Queues")
    page.get_by_role("link", name="Follow-up").click()
    expect(page).to_have_url(re.compile("#Follow-up$"))
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile("/queues$"))
