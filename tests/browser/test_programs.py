"""The API on its page: read, and tried with a token, within the content policy."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support import Desk


def test_the_api_is_read_and_tried_with_a_token(page: Page, desk: Desk) -> None:
    token = desk.ok("token", "add", "--name", "viewer", "--scope", "read").stdout.strip()
    page.goto("/programs")
    viewer = page.frame_locator("iframe.viewer")
    expect(viewer.get_by_text("List queues", exact=True)).to_be_visible()
    viewer.get_by_role("button", name="Authorize").first.click()
    viewer.get_by_label("Value").fill(token)
    viewer.get_by_role("button", name="Apply credentials").click()
    viewer.get_by_role("button", name="Close").last.click()
    viewer.get_by_role("button", name="GET /queues List queues").first.click()
    viewer.get_by_role("button", name="Try it out").click()
    viewer.get_by_role("button", name="Execute").click()
    expect(viewer.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    expect(viewer.locator(".live-responses-table")).to_contain_text('"name": "Junk"')
