"""What is shown when answers come late, or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import text

from postmaster.database import transaction
from tests.browser.conftest import MakePage
from tests.browser.site import Site
from tests.support import Desk

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
    expect(page.get_by_text(UNREACHABLE)).to_be_visible(timeout=10_000)
    expect(page.locator("#pulse")).to_contain_text("No answer")
    expect(page.get_by_text("Fetching stopped", exact=True)).to_be_hidden()


def test_a_beat_under_way_never_overwrites_what_was_pressed_after_it(make_page: MakePage) -> None:
    """The server answers the beat only after the newer action was answered."""
    page, held = make_page(alone=True), list[Route]()
    page.route("**/accounts/live*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes no built-in method
    page.clock.install()
    page.goto("/accounts")
    with page.expect_request("**/accounts/live*"):
        page.clock.run_for(16_000)
    page.locator("[id^=delete-]").first.click()
    confirm = page.get_by_role("button", name="Confirm")
    expect(confirm).to_be_visible()
    older = '<div id="toasts" hx-swap-oob="true">Old</div>'
    with page.expect_response("**/accounts/live*"):
        held[0].fulfill(body=older, content_type="text/html")
    expect(confirm).to_be_visible()
    expect(page.get_by_text("Old", exact=True)).to_have_count(0)


@contextmanager
def changed(site: Site, there: str, back: str) -> Iterator[None]:
    """The database as the statement ``there`` leaves it, until ``back`` undoes it."""
    for statement in (there, back):
        with site.app.app_context(), transaction() as session:
            session.execute(text(statement))
        if statement == there:
            yield


def without_table(site: Site) -> AbstractContextManager[None]:
    """A database that lacks what the list asks of it."""
    return changed(site, "ALTER TABLE queue RENAME TO gone", "ALTER TABLE gone RENAME TO queue")


def unreadable(site: Site) -> AbstractContextManager[None]:
    """A row that the program does not understand."""
    sets = "UPDATE queue SET validity = '{}' WHERE name = 'Misc'"
    return changed(site, sets.format("nonsense"), sets.format("valid"))


# How the server comes to refuse: by its answer, what is broken, where the request goes, and what is said.
FAILURES: dict[int, tuple[Callable[[Site], AbstractContextManager[None]], str, str]] = {
    403: (lambda _: nullcontext(), "/queues", "You do not have access"),
    404: (lambda _: nullcontext(), "/nowhere", "Page not found"),
    500: (unreadable, "/queues", "Something went wrong here"),
    503: (without_table, "/queues", "PostMaster cannot work at the moment"),
}


@pytest.mark.parametrize("code", FAILURES)
def test_a_request_that_fails_is_said_and_leaves_the_page_as_it_was(site: Site, make_page: MakePage, code: int) -> None:
    broken, address, sentence = FAILURES[code]
    user, path = ("lead", "/runs") if code == 403 else ("admin", "/queues")
    page = make_page(user=user, expected=rf"status of {code}|Response Status Error Code {code}")
    page.goto(path)
    before, rows = page.url, page.locator("tbody tr").count()
    page.route(f"**{path}?**", lambda route: route.continue_(url=route.request.url.replace(path, address)))
    box = page.get_by_role("searchbox")
    with broken(site):
        box.press_sequentially("M", delay=0)
        toast = page.locator("#toasts .toast.fail")
        expect(toast).to_contain_text(re.compile(sentence + r".* Reference [0-9a-f]{8}"))
    expect(box).to_have_value("M")
    expect(box).to_be_focused()
    assert (page.url, page.locator("tbody tr").count()) == (before, rows)
    expect(page.locator("#pulse")).not_to_contain_text("No answer", use_inner_text=True)
    page.unroute_all()
    box.press_sequentially("i")
    expect(page).to_have_url(re.compile(r"q=Mi(&|$)"))


def test_what_is_pressed_with_a_token_that_is_too_old_is_not_done_and_said(make_page: MakePage, desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Stays")
    page = make_page(expected=r"status of 400|Response Status Error Code 400")
    page.goto("/queues?q=Stays")
    page.get_by_role("link", name="Delete Stays").click()
    page.locator(".confirm [name=csrf_token]").evaluate("input => { input.value = 'old' }")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".toast.fail")).to_contain_text("This request cannot be answered")
    expect(page.get_by_role("button", name="Confirm")).to_be_visible()
    assert "Stays" in desk.ok("queue", "list").stdout


def test_what_somebody_else_deleted_meanwhile_is_said_in_a_list_without_it(make_page: MakePage, desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Brief")
    page = make_page()
    page.goto("/queues")
    page.get_by_role("link", name="Delete Brief").click()
    confirm = page.get_by_role("button", name="Confirm")
    expect(confirm).to_be_visible()
    desk.ok("queue", "delete", "Brief", "--yes")
    confirm.click()
    expect(page.locator(".toast.fail")).to_contain_text("This queue no longer exists")
    expect(page.locator("#queues-list")).not_to_contain_text("Brief")


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(make_page: MakePage, desk: Desk) -> None:
    page = make_page()
    page.goto("/settings/Ticket::Hook")
    desk.ok("setting", "set", "Ticket::Hook", "Case#")
    box = page.locator("main form [name=value]")
    box.fill("Mine#")
    with page.expect_response(lambda answer: answer.status == 409):
        page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(box).to_have_value("Mine#")
    assert "Case#" in desk.ok("setting", "list").stdout
    desk.ok("setting", "set", "Ticket::Hook", "Ticket#")


def test_that_nobody_answers_is_seen_on_a_phone_too(make_page: MakePage) -> None:
    page: Page = make_page(width=360, expected="ERR_|sendError|afterRequest")
    page.goto("/accounts")
    page.route("**/*", lambda route: route.abort("connectionrefused"))
    page.locator("[id^=delete-]").first.click()
    told = page.locator("#pulse .unanswered")
    expect(told).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = told.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
