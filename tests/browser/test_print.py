"""What comes out of the printer."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import MakePage
from tests.turns import in_turns

# The width of A4 within its margins.
PAPER = 718

# Of what is visible: its colours, and the links that do not look like links.
LOOKS = """() => {
  const seen = [...document.querySelectorAll("main *")].filter(one => one.checkVisibility() && !one.closest("svg"));
  const style = one => getComputedStyle(one);
  return {
    colours: [...new Set(seen.map(one => style(one).color))],
    filled: seen.filter(one => style(one).backgroundColor !== "rgba(0, 0, 0, 0)").map(one => one.outerHTML),
    plain: seen.filter(one => one.tagName === "A" && !style(one).textDecorationLine.includes("underline"))
      .map(one => one.outerHTML),
  };
}"""

PAGES = ["/accounts", "/tickets", "/quarantine", "/runs", "/filters", "/mail", "/audit", "/status", "/quarantine/1"]

TABLES = ["/accounts", "/tickets", "/quarantine", "/filters", "/mail"]


@pytest.mark.parametrize("address", in_turns(PAGES, "on paper", 4))
def test_paper_shows_what_there_is_to_read_in_black_on_white(make_page: MakePage, address: str) -> None:
    page = make_page(width=PAPER, color_scheme="dark")
    page.goto(address)
    page.emulate_media(media="print")
    for part in ("#site-nav", ".topbar", "#toasts", "button", ".button", ".icon-button"):
        assert page.locator(part).locator("visible=true").count() == 0, part
    assert page.evaluate(LOOKS) == {"colours": ["rgb(0, 0, 0)"], "filled": [], "plain": []}


@pytest.mark.parametrize("address", in_turns(TABLES, "columns", 2))
def test_paper_has_all_columns_side_by_side(make_page: MakePage, address: str) -> None:
    page = make_page(width=PAPER)
    page.goto(address)
    page.emulate_media(media="print")
    table = page.locator("main table").first
    heads, cells = _ends(table, "thead th"), _ends(table, "tbody:first-of-type tr:first-child > *")
    assert len(heads) == len(cells) > 3
    assert cells == sorted(cells)
    assert cells[-1] <= PAPER + 1
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER


def _ends(table: Locator, cells: str) -> list[float]:
    """Where the visible cells of a row end."""
    found = table.locator(cells).locator("visible=true").all()
    return [box["x"] + box["width"] for box in (each.bounding_box() for each in found) if box]
