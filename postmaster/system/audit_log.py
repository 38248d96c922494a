"""The audit log as it is looked at: newest first, filtered, and cut by ids, so that it never has to be counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from postmaster.resources.keyset import KeysetPage, stretch_page
from postmaster.resources.listing import matching
from postmaster.resources.models import AuditEvent
from postmaster.resources.numbers import MAX_ID

# The latest events, from which nouns and actions to choose from are taken.
MAX_COUNTED = 10_000


@dataclass(frozen=True)
class AuditFilter:
    """Which events: words in actor, action, noun or label; those from ``since`` to before ``until``, and with an id
    below ``before``. ``record_id`` is that of the one thing, whatever it was called.
    """

    text: str = ""
    noun: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int = MAX_ID
    record_id: int | None = None


def history(session: Session, wanted: AuditFilter) -> KeysetPage[AuditEvent]:
    """The newest events that are wanted."""
    return stretch_page(session, _filtered(wanted), AuditEvent.id, wanted.before, among=_of_one_thing(wanted))


def _of_one_thing(wanted: AuditFilter) -> ColumnElement[bool] | None:
    """The events of the one thing that is wanted, which an index finds; None if it is not one."""
    if not wanted.noun or wanted.record_id is None:
        return None
    return and_(AuditEvent.noun == wanted.noun, AuditEvent.record_id == wanted.record_id)


def _filtered(wanted: AuditFilter) -> Select[AuditEvent]:
    columns = (AuditEvent.actor, AuditEvent.action, AuditEvent.noun, AuditEvent.label)
    query = select(AuditEvent).where(*matching(columns, wanted.text))
    if wanted.noun:
        query = query.where(AuditEvent.noun == wanted.noun)
    if wanted.action:
        query = query.where(AuditEvent.action == wanted.action)
    if wanted.record_id is not None:
        query = query.where(AuditEvent.record_id == wanted.record_id)
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
