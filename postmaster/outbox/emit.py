"""Writing events in the transaction that they tell of, so that ids are in the order of commits.

They are collected, and written as the last thing before the commit, under a lock that is held until it is over. So
nobody reads an event before all that have a lower id, and whoever holds the lock waits for nothing any more: no two
transactions can wait for each other by it, whatever else they lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session, SessionTransaction

from postmaster.bulk import insert_columns
from postmaster.database import dialect_of
from postmaster.extensions import Json, now
from postmaster.outbox.models import Event, EventType

# Any number that no other program uses for an advisory lock in the same database.
_OUTBOX = 7_766_003

_KEY = "postmaster-outbox"

KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be written: see ``Event``."""

    type: EventType
    ticket_id: int | None = None
    article_id: int | None = None
    inbound_id: int | None = None
    account_id: int | None = None
    queue_id: int | None = None
    data: Json = field(default_factory=dict)


_NAMES = tuple(each.name for each in fields(NewEvent))


@dataclass(slots=True)
class _Pending:
    """The events of a session's transaction, and how many there were when each of its savepoints was made."""

    events: list[NewEvent] = field(default_factory=list)
    marks: dict[SessionTransaction, int] = field(default_factory=dict)


def emit(session: Session, events: Iterable[NewEvent]) -> None:
    """Have ``events`` written with what the session's transaction does, in their order. The caller commits."""
    _pending(session).events.extend(events)


def _pending(session: Session) -> _Pending:
    pending: _Pending = session.info.setdefault(_KEY, _Pending())
    return pending


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    events = _pending(session).events
    if not events or session.in_nested_transaction():
        return
    session.flush()  # what waits for other locks comes first
    _lock(session)
    columns = {name: [getattr(each, name) for each in events] for name in _NAMES}
    count = len(events)
    own = {"id": _next_ids(session, count), "key": _keys(count), "created_at": [now()] * count}
    insert_columns(session, Event, own | columns)


def _keys(count: int) -> list[str]:
    text = secrets.token_hex(KEY_BYTES * count)  # once for all: a system call each would cost more than the rest
    return [text[start : start + 2 * KEY_BYTES] for start in range(0, len(text), 2 * KEY_BYTES)]


@event.listens_for(Session, "after_transaction_create")
def _mark(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        pending = _pending(session)
        pending.marks[transaction] = len(pending.events)


@event.listens_for(Session, "after_soft_rollback")
def _take_back(session: Session, transaction: SessionTransaction) -> None:
    """Forget what happened since a savepoint, which did not happen after all."""
    if transaction.nested:
        pending = _pending(session)
        del pending.events[pending.marks[transaction] :]


@event.listens_for(Session, "after_transaction_end")
def _begin_anew(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_KEY, None)


def _lock(session: Session) -> None:
    """Let nobody else write events until this transaction ends. SQLite has one writer."""
    if dialect_of(session) == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _OUTBOX})


def _next_ids(session: Session, count: int) -> Sequence[int]:
    """Ids that are higher than all before, also than those that were given away after a backup that is used now: they
    are counted from the time in microseconds.
    """
    last = session.scalar(select(func.max(Event.id))) or 0
    first = max(last + 1, int(now().timestamp() * 1_000_000))
    return range(first, first + count)
