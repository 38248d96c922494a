"""What holds for each page, whatever it shows. The pages are those of the URL map, so new ones are in by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from postmaster.web import BLUEPRINTS
from tests.browser.conftest import MakePage
from tests.browser.page_checks import squeezed, sticking_out, violations
from tests.browser.site import Site, is_page

NOUNS = ["session", *(module.blueprint.name for module in BLUEPRINTS)]

# Narrow enough for any phone.
NARROW = 360


# Whether what is at an address is a page, of which all tests here ask the same.
_is_page: dict[str, bool] = {}


def pages(site: Site, page: Page, noun: str) -> Iterator[str]:
    """Opens one page of that blueprint after the other."""
    for endpoint, address in site.addresses():
        if endpoint.startswith(f"{noun}."):
            if address not in _is_page:
                answer = page.request.get(address)
                assert answer.ok, (address, answer.status)
                _is_page[address] = is_page(answer)
            if _is_page[address]:
                opened = page.goto(address)
                assert opened is not None
                assert opened.ok, (address, opened.status)
                page.locator("h1").first.wait_for()  # a page that a script makes is there only later
                yield address


@pytest.mark.parametrize("noun", NOUNS)
def test_axe_finds_nothing_in_light_or_dark_and_nothing_is_wider_than_a_phone(
    site: Site, page: Page, noun: str
) -> None:
    found, wide = {}, {}
    for address in pages(site, page, noun):
        found[address] = violations(page)
        page.set_viewport_size({"width": NARROW, "height": 900})
        wide[address] = [*sticking_out(page), *squeezed(page)]
        page.set_viewport_size({"width": 1280, "height": 900})
    assert found
    assert {where: what for where, what in found.items() if what} == {}
    assert {where: what for where, what in wide.items() if what} == {}


@pytest.mark.parametrize("noun", NOUNS)
def test_nothing_needs_javascript_to_be_shown(site: Site, plain_page: Page, noun: str) -> None:
    for address in pages(site, plain_page, noun):
        assert plain_page.locator("h1").count() == 1, address
        assert plain_page.locator("main").is_visible(), address


def test_axe_finds_nothing_before_signing_in(make_page: MakePage) -> None:
    page = make_page(user=None, width=NARROW)
    page.goto("/")
    assert violations(page) == {}
    assert sticking_out(page) == []


def test_axe_finds_nothing_on_an_error_page(make_page: MakePage) -> None:
    page = make_page(expected="404")
    page.goto("/nowhere")
    assert violations(page) == {}


def test_a_lead_can_use_what_a_lead_sees(lead_page: Page) -> None:
    lead_page.goto("/")
    links = lead_page.locator("#site-nav a[href]").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    assert links
    for address in dict.fromkeys(links):
        response = lead_page.goto(address)
        assert response is not None
        assert response.ok, address
        assert violations(lead_page) == {}, address
