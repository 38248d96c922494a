"""One search for everything, the command palette, and the keyboard shortcuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint

from postmaster.database import read_session
from postmaster.web.access import for_leads
from postmaster.web.asked import asked_text
from postmaster.web.context import Context
from postmaster.web.finders import COMMANDS, SEARCHED, Found, find
from postmaster.web.navigation import navigation

blueprint = Blueprint("search", __name__)

# Of each kind, on the page and in the palette.
SHOWN, OFFERED = 8, 5

# Characters of what is searched for.
MAX_TEXT = 200

# Keys that work on each page, beside those that lead to a page of the navigation.
GENERAL_KEYS = (
    ("/", "Search"),
    ("Ctrl K", "Go to a page or record"),
    ("?", "This list"),
    ("Esc", "Close what is open"),
)


@dataclass(frozen=True, kw_only=True)
class SearchContext(Context, templates=("search/page.html",)):
    """What was found for ``text``, by kind."""

    text: str
    found: Sequence[Found]


@dataclass(frozen=True, kw_only=True)
class PaletteContext(Context, templates=("search/palette.html", "search/_palette.html")):
    """What the palette offers for ``text``."""

    text: str
    found: Sequence[Found]


@dataclass(frozen=True, kw_only=True)
class ShortcutsContext(Context, templates=("search/shortcuts.html", "search/_shortcuts.html")):
    """The keys and what they do."""

    keys: Sequence[tuple[str, str]]


def _asked() -> str:
    return asked_text("q").strip()[:MAX_TEXT]


@blueprint.get("/search")
@for_leads
def results() -> str:
    """What is called so, of all that whoever asks may open."""
    text = _asked()
    with read_session() as session:
        found = find(session, SEARCHED, text, SHOWN)
        return SearchContext(text=text, found=found).render()


@blueprint.get("/palette")
@for_leads
def palette() -> str:
    """Pages, accounts, queues, and tickets by their numbers, as the palette asks for them letter by letter."""
    text = _asked()
    with read_session() as session:
        found = find(session, COMMANDS, text, OFFERED)
        return PaletteContext(text=text, found=found).render()


@blueprint.get("/shortcuts")
@for_leads
def shortcuts() -> str:
    """The keyboard shortcuts, and the switch that turns them off in this browser."""
    places = [(item.key, item.label) for group in navigation() for item in group.items if item.key]
    return ShortcutsContext(keys=[*GENERAL_KEYS, *places]).render()
