"""The audit log: who changed what, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from postmaster.database import read_session
from postmaster.resources.keyset import KeysetPage
from postmaster.resources.models import AuditEvent
from postmaster.system.audit_log import AuditFilter, history, recent_kinds
from postmaster.web.access import for_admins
from postmaster.web.asked import asked_before, asked_id, asked_text, asked_words
from postmaster.web.context import Context
from postmaster.web.lists import CursorLinks, cursor_links
from postmaster.web.times import asked_moment

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

# What the address says of the filter; ``before`` is where the page begins.
AUDIT_FILTERS = ("q", "noun", "action", "from", "to", "record")

# What is never shown, should it ever have got into the log. Services leave it out.
SECRETS = ("password", "secret", "token")


@dataclass(frozen=True)
class AuditChange:
    """One changed field; None where there was no value before, or is none now."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, kw_only=True)
class AuditContext(Context, templates=("audit/page.html", "audit/_list.html")):
    """The log: each event with its changes; ``state`` is its filter, ``nouns`` and ``actions`` what it may ask for."""

    found: KeysetPage[AuditEvent]
    lines: Sequence[tuple[AuditEvent, Sequence[AuditChange]]]
    links: CursorLinks
    state: Mapping[str, Any]
    nouns: Sequence[str]
    actions: Sequence[str]


@blueprint.get("")
@for_admins
def page() -> str:
    """The log, or the part of it that a filter changes."""
    with read_session() as session:
        found = history(session, _wanted())
        nouns, actions = recent_kinds(session)
    state = asked_words(AUDIT_FILTERS)
    return AuditContext(
        found=found,
        lines=[(event, list(changes_of(event))) for event in found.rows],
        links=cursor_links(state, found.next),
        state=state,
        nouns=nouns,
        actions=actions,
    ).render()


def _wanted() -> AuditFilter:
    return AuditFilter(
        asked_text("q"),
        asked_text("noun")[:40],
        asked_text("action")[:40],
        asked_moment("from"),
        asked_moment("to", end_of_day=True),
        asked_before(),
        asked_id("record"),
    )


def changes_of(event: AuditEvent) -> Iterator[AuditChange]:
    """What ``event`` changed, readable; values that are empty before and after say nothing."""
    for name, value in event.detail.items():
        pair = value if isinstance(value, list) and len(value) == 2 else [None, value]
        old, new = (_shown(part) for part in pair)
        if any(word in name.casefold() for word in SECRETS):
            yield AuditChange(_words(name), None, "changed")
        elif old or new:
            yield AuditChange(_words(name), old, new)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return str(value)
