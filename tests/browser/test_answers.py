"""What is shown when answers come late, or not at all."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import MakePage

UNREACHABLE = "PostMaster does not answer"


@pytest.mark.parametrize("press", ["delete", "filter", "sort"])
def test_a_server_that_is_gone_is_said_at_once_whatever_was_pressed(make_page: MakePage, press: str) -> None:
    page = make_page(expected="ERR_|sendError|afterRequest")
    page.goto("/accounts")
    page.route("**/*", lambda route: route.abort("connectionrefused"))
    match press:
        case "delete":
            page.locator("[id^=delete-]").first.click()
        case "filter":
            page.locator("#q").fill("x")
        case _:
            page.locator("thead a").first.click()
    expect(page.get_by_text(UNREACHABLE)).to_be_visible(timeout=2_000)
    expect(page.locator("#pulse")).to_contain_text("No answer")
    expect(page.get_by_text("Nobody is fetching", exact=True)).to_be_hidden()


def test_a_beat_under_way_never_overwrites_what_was_pressed_after_it(make_page: MakePage) -> None:
    """The server answers the beat only after the newer action was answered."""
    page, held = make_page(), list[Route]()
    page.route("**/accounts/live*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes no built-in method
    page.goto("/accounts")
    with page.expect_request("**/accounts/live*", timeout=25_000):
        pass
    page.locator("[id^=delete-]").first.click()
    confirm = page.get_by_role("button", name="Confirm")
    expect(confirm).to_be_visible()
    older = '<div id="toasts" hx-swap-oob="true">Old</div>'
    with page.expect_response("**/accounts/live*"):
        held[0].fulfill(body=older, content_type="text/html")
    expect(confirm).to_be_visible()
    expect(page.get_by_text("Old", exact=True)).to_have_count(0)
