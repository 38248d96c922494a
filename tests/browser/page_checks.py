"""What tests ask of a page as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.turns import in_turns

# How far the content sticks out, and of what.
_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > width + 1);
  return wide.slice(0, 5).map(each => each.outerHTML.slice(0, 120));
}"""

# Half a megabyte, which is compiled each time: once for a document is enough.
_IS_THERE = "typeof window.axe?.run === 'function'"

_AXE = "([context, options]) => axe.run(context, options).then(results => results.violations)"

# What is ours: a viewer that is carried along has its own colours and headings.
CONTEXT = {"exclude": [[".swagger-ui"]]}

# Style sheets are asked for once more only by a rule that is not in use.
OPTIONS = {"resultTypes": ["violations"], "preload": False}

# In which schemes a page is asked about its colours: bin/test gives each page one of these turns, most of them empty.
ASKED: Sequence[Sequence[Literal["light", "dark"]]] = [["light"], *[[]] * 5, ["dark"], *[[]] * 5]

# Which of axe's rules look at colours: two thirds of its time. To all others a page is the same in light and in dark.
OF_COLOURS = ["color-contrast", "link-in-text-block"]

ONLY_COLOURS = {"runOnly": OF_COLOURS}
NO_COLOURS = {"rules": {rule: {"enabled": False} for rule in OF_COLOURS}}


def violations(page: Page) -> dict[str, list[str]]:
    """What axe finds. Of colours bin/test asks on each sixth page, in light or in dark; bin/soak on each, in both."""
    where = re.sub(r"\d+", "", urlsplit(page.url).path)
    found = {"either": axe_finds(page, NO_COLOURS)}
    for scheme in chain.from_iterable(in_turns(ASKED, where)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found[scheme] = axe_finds(page, ONLY_COLOURS)
    return {scheme: what for scheme, what in found.items() if what}


def axe_finds(page: Page, rules: Mapping[str, Any]) -> list[str]:
    """What axe finds by these rules in the colours that the page has now."""
    if not page.evaluate(_IS_THERE):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(_AXE, [CONTEXT, {**OPTIONS, **rules}])
    return [
        f"{each['id']}: {node['target']} {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for each in found
        for node in each["nodes"][:3]
    ]


def sticking_out(page: Page) -> Any:
    """Elements because of which the page scrolls sideways; none if it does not."""
    return page.evaluate(_OVERFLOW)


# Headings of rows that are shown as cards and take less than the width of theirs.
_SQUEEZED = """() => [...document.querySelectorAll('.data tbody tr')].flatMap(row => {
  const heading = row.querySelector('th'), style = getComputedStyle(row);
  if (style.display !== 'grid' || !heading || !heading.offsetParent) return [];
  const room = row.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return heading.offsetWidth < 0.9 * room ? [heading.innerText] : [];
})"""


def squeezed(page: Page) -> list[str]:
    """What cards of a list are headed by in part of their width only."""
    found: list[str] = page.evaluate(_SQUEEZED)
    return found


def settled(page: Page) -> None:
    """Wait until htmx has put in what it asked for; until then, what is new does not listen yet."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")).to_have_count(0)
