"""What holds for each page, whatever it shows. The pages are those of the URL map, so new ones are in by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import pytest
from playwright.sync_api import Page

from postmaster.web import BLUEPRINTS
from tests.browser.conftest import MakePage
from tests.browser.page_checks import squeezed, sticking_out, violations
from tests.browser.site import Site, is_page
from tests.turns import in_turns

NOUNS = ["session", *(module.blueprint.name for module in BLUEPRINTS)]

# The viewer of the API, in a frame and alone.
VIEWER = ("programs.page", "programs.viewer")

# Narrow enough for any phone; and other widths.
NARROW, WIDER = 360, (768, 1280)

# Whether what is at an address is a page: all tests here ask the same.
_is_page: dict[str, bool] = {}


def leads_to_page(page: Page, address: str) -> bool:
    """Whether it is a page that is there."""
    if address not in _is_page:
        answer = page.request.get(address)
        assert answer.ok, (address, answer.status)
        _is_page[address] = is_page(answer)
    return _is_page[address]


def pages_of(page: Page, site: Site, noun: str) -> list[str]:
    """Where the pages of that blueprint are.

    The viewer of the API takes as long as twenty pages: bin/test looks at it alone or within its page.
    """
    other = {*VIEWER} - {*in_turns(VIEWER, noun)}
    there = (each for each in site.addresses() if each[0].startswith(f"{noun}."))
    return [address for endpoint, address in there if endpoint not in other and leads_to_page(page, address)]


def pages(page: Page, where: Iterable[str]) -> Iterator[str]:
    """Opens one page after the other."""
    for address in where:
        opened = page.goto(address)
        assert opened is not None
        assert opened.ok, (address, opened.status)
        page.locator("h1").first.wait_for()  # a page that a script makes is there only later
        yield address


def widths_of(address: str) -> list[int]:
    """The widths that a page is looked at with: bin/test tries one of the wider ones with every other page."""
    return [NARROW, *chain.from_iterable(in_turns([*((width,) for width in WIDER), (), ()], address))]


@pytest.mark.parametrize("noun", NOUNS)
def test_axe_finds_nothing_and_nothing_is_wider_than_its_window(site: Site, make_page: MakePage, noun: str) -> None:
    """Pages are made of the same parts, so bin/test opens every other one, and asks axe of half of those."""
    page, found, wide = make_page(width=NARROW), {}, {}
    there = pages_of(page, site, noun)
    for address in pages(page, in_turns(there, noun, (len(there) + 1) // 2)):
        for width in widths_of(address):
            page.set_viewport_size({"width": width, "height": 900})
            wide[address, width] = [*sticking_out(page), *squeezed(page)]
            found[address, width] = violations(page) if width in in_turns((NARROW, *WIDER), address) else {}
    assert found
    assert {where: what for where, what in found.items() if what} == {}
    assert {where: what for where, what in wide.items() if what} == {}


@pytest.mark.parametrize("noun", in_turns(NOUNS, "plain", len(NOUNS) // 3))
def test_nothing_needs_javascript_to_be_shown(site: Site, plain_page: Page, noun: str) -> None:
    for address in pages(plain_page, in_turns(pages_of(plain_page, site, noun), noun)):
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
        assert lead_page.request.get(address).ok, address
    for address in in_turns(links, "lead", 2):
        lead_page.goto(address)
        assert violations(lead_page) == {}, address
