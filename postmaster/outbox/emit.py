"""Writing events in the transaction that they tell of, so that ids are in the order of commits.

They are collected, and written as the last thing before the commit, under a lock that is held until it is over. So
nobody reads an event before all that have a lower id, and whoever holds the lock waits for nothing any more: no two
transactions can wait for each other by it, whatever else they lock.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter

from sqlalchemy import BigInteger, bindparam, event, func, select, text
from sqlalchemy.orm import Session, SessionTransaction

from postmaster.bulk import insert_columns
from postmaster.database import dialect_of, lock_until_end
from postmaster.extensions import Json, UtcDateTime, now
from postmaster.outbox.models import Event, EventType
from postmaster.roundtrips import sent_together

# Any number that no other program uses for an advisory lock in the same database.
_OUTBOX = 7_766_003

_KEY = "postmaster-outbox"

_NEWEST = select(func.max(Event.id))

# JSON, since all rows are one value then; COPY could not be sent together with the lock. ``data`` is taken as it is:
# what a server says may hold characters that are no text to PostgreSQL.
_INSERT = text(
    "INSERT INTO event (id, key, created_at, type, ticket_id, article_id, inbound_id, account_id, queue_id, data) "
    "SELECT first + place - 1, key, :created_at, type, ticket_id, article_id, inbound_id, account_id, queue_id, data "
    "FROM (SELECT greatest(max(id) + 1, :least) AS first FROM event) AS newest, "
    "ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (key varchar, type varchar, ticket_id bigint, "
    "article_id bigint, inbound_id bigint, account_id bigint, queue_id bigint), unnest(CAST(:data AS json[]))) "
    "WITH ORDINALITY AS told (key, type, ticket_id, article_id, inbound_id, account_id, queue_id, data, place)"
).bindparams(bindparam("created_at", type_=UtcDateTime()), bindparam("least", type_=BigInteger()))

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
    if dialect_of(session) == "postgresql":
        _write_locked(session, events)
    else:  # it has one writer
        count = len(events)
        own = {"id": _next_ids(session, count), "key": _keys(count), "created_at": [now()] * count}
        insert_columns(session, Event, own | {name: [getattr(each, name) for each in events] for name in _NAMES})


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


def _write_locked(session: Session, events: Sequence[NewEvent]) -> None:
    """Write ``events`` under the lock that keeps others from it until this transaction ends, in one round trip.

    The lock is a statement of its own: the newest id is read as it is when nobody else can add one any more.
    """
    moment, keys = now(), _keys(len(events))
    rows = [dict(zip(_NAMES[:-1], _about(each), strict=True), key=key) for each, key in zip(events, keys, strict=True)]
    written = {
        "rows": json.dumps(rows),
        "data": [json.dumps(each.data) if each.data else "{}" for each in events],
        "created_at": moment,
        "least": _least_id(moment),
    }
    with sent_together(session):
        lock_until_end(session, _OUTBOX)
        session.connection().execute(_INSERT, written)


_about = attrgetter(*_NAMES[:-1])


def _next_ids(session: Session, count: int) -> Sequence[int]:
    """Ids that are higher than all before."""
    last = session.connection().scalar(_NEWEST) or 0
    first = max(last + 1, _least_id(now()))
    return range(first, first + count)


def _least_id(moment: datetime) -> int:
    """Ids are counted from the time in microseconds, so they are also higher than those that were given away after a
    backup that is used now.
    """
    return int(moment.timestamp() * 1_000_000)
