"""The audit log as it is looked at: newest first, filtered, and cut by ids, so that it never has to be counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from postmaster.resources.listing import PAGE_SIZE, matching
from postmaster.resources.models import AuditEvent
from postmaster.resources.numbers import MAX_ID

# The latest events, from which nouns and actions to choose from are taken.
MAX_COUNTED = 10_000


@dataclass(frozen=True)
class AuditFilter:
    """Which events: words in actor, action, noun or label; and those from ``since`` to before ``until``."""

    text: str = ""
    noun: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int = MAX_ID


@dataclass(frozen=True)
class AuditPage:
    """Some events, newest first; ``next`` is the id before which older ones are, None if there are none."""

    events: Sequence[AuditEvent]
    next: int | None


def history(session: Session, wanted: AuditFilter) -> AuditPage:
    """The newest events that are wanted."""
    query = _filtered(wanted).where(AuditEvent.id < wanted.before)
    events = session.scalars(query.order_by(AuditEvent.id.desc()).limit(PAGE_SIZE + 1)).all()
    shown = events[:PAGE_SIZE]
    return AuditPage(shown, shown[-1].id if len(events) > PAGE_SIZE else None)


def _filtered(wanted: AuditFilter) -> Select[AuditEvent]:
    columns = (AuditEvent.actor, AuditEvent.action, AuditEvent.noun, AuditEvent.label)
    query = select(AuditEvent).where(*matching(columns, wanted.text))
    if wanted.noun:
        query = query.where(AuditEvent.noun == wanted.noun)
    if wanted.action:
        query = query.where(AuditEvent.action == wanted.action)
    if wanted.since:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until:
        query = query.where(AuditEvent.at < wanted.until)
    return query


def recent_kinds(session: Session) -> tuple[list[str], list[str]]:
    """The nouns and the actions of the latest events."""
    recent = select(AuditEvent.noun, AuditEvent.action).order_by(AuditEvent.id.desc()).limit(MAX_COUNTED).subquery()
    pairs = session.execute(select(recent.c.noun, recent.c.action).distinct()).all()
    return sorted({noun for noun, _ in pairs}), sorted({action for _, action in pairs})
