"""What all pages share: navigation, menus, messages, and the end of a session."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import MakePage
from tests.browser.site import PASSWORD, Site
from tests.support import Desk
from tests.turns import in_turns

TYPED = "no such thing"


def test_the_keyboard_skips_the_navigation(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_be_focused()


def test_on_a_phone_the_navigation_is_behind_a_button(make_page: MakePage) -> None:
    page = make_page(width=360)
    page.goto("/")
    expect(page.locator("#site-nav")).to_be_hidden()
    page.get_by_role("button", name="Open menu").press("Enter")
    expect(page.locator("#site-nav")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#site-nav")).to_be_hidden()


def test_each_item_of_the_navigation_leads_to_its_page(page: Page) -> None:
    page.goto("/")
    links = page.locator("#site-nav li a")
    for label in in_turns(links.all_inner_texts(), "navigation", 3):
        links.get_by_text(label, exact=True).click()
        here = page.locator('#site-nav a[aria-current="page"]')
        expect(here).to_have_text(label.strip())
        expect(page.locator("h1")).to_be_visible()


def test_signing_in_and_out_by_keyboard(site: Site, desk: Desk, make_page: MakePage) -> None:
    desk.ok("user", "add", "--name", "keys", "--role", "lead", "--password-stdin", input=PASSWORD)
    page = make_page(user=None)
    page.goto("/password")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("keys")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Change password")).to_be_visible()
    page.get_by_role("button", name="User menu: keys").press("Enter")
    sign_out = page.get_by_role("button", name="Sign out", exact=True)
    expect(sign_out).to_be_visible()
    sign_out.press("Enter")
    page.wait_for_url("**/login")
    page.goto("/")
    expect(page.get_by_label("User name")).to_be_visible()


def test_a_wrong_password_is_said_and_nothing_is_lost(make_page: MakePage) -> None:
    page = make_page(user=None)
    page.goto("/login")
    page.get_by_label("User name").fill("somebody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("User name or password is wrong. Try again.")
    expect(page.get_by_label("User name")).to_have_value("somebody")
    expect(page.get_by_label("Password")).to_be_focused()


def test_a_message_is_dismissed(page: Page, desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Dismissed")
    page.goto("/queues?q=Dismissed")
    page.get_by_role("link", name="Edit Dismissed").click()
    page.get_by_role("button", name="Save and finish").click()
    toast = page.locator(".toast")
    expect(toast).to_be_visible()
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def test_what_htmx_cannot_do_is_said_in_a_message(make_page: MakePage) -> None:
    page = make_page(expected="404")
    page.goto("/queues")
    before = page.url
    page.route("**/queues?**", lambda route: route.continue_(url=route.request.url.replace("/queues", "/nowhere")))
    page.get_by_role("searchbox").press_sequentially(TYPED)
    toast = page.locator(".toast.fail")
    expect(toast).to_contain_text(re.compile(r"Page not found.* Reference [0-9a-f]{8}"))
    expect(page.locator("table")).to_be_visible()
    assert page.url == before


def test_a_session_that_ended_leads_back_to_the_page_after_signing_in(make_page: MakePage) -> None:
    page = make_page(expected="401")
    page.goto("/queues?q=Misc")
    page.context.clear_cookies()
    page.get_by_role("searchbox").press_sequentially("x")
    page.wait_for_url(re.compile(r"/login\?next=/queues"))
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/queues\?q=Misc$"))


def test_menus_and_messages_stay_out_of_the_way_without_javascript(plain_page: Page) -> None:
    plain_page.goto("/")
    plain_page.get_by_role("button", name="User menu: admin").click()
    plain_page.get_by_role("link", name="Change password").click()
    expect(plain_page.get_by_role("heading", name="Change password")).to_be_visible()
