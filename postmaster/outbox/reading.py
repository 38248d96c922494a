"""Reading events by cursor, in the order of commits; and waiting for what has not happened yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.outbox.models import Event, EventType

# Seconds that somebody waits at most, how often it is looked, and how many of a process may wait at a time: each has a
# thread, and others need some.
MAX_WAIT = 60.0
LOOK_EVERY = 0.2
MAX_WAITERS = 4

_waiters = threading.BoundedSemaphore(MAX_WAITERS)


@dataclass(frozen=True)
class EventPage:
    """Some events, the oldest first, and the cursor after which the next ones are: what was passed over counts."""

    events: Sequence[Event]
    after: int


def events_after(
    session: Session, after: int, limit: int, types: Collection[EventType] = (), queues: Collection[int] = ()
) -> list[Event]:
    """The first ``limit`` events after ``after``: of ``types``, and of ``queues`` by id, as far as any are named."""
    query = select(Event).where(Event.id > after, *wanted(types, queues)).order_by(Event.id).limit(limit)
    return list(session.scalars(query))


def page_after(
    session: Session, after: int, limit: int, types: Collection[EventType] = (), queues: Collection[int] = ()
) -> EventPage:
    """The same, with the cursor for the next page: nobody looks twice through what is not wanted."""
    newest = newest_id(session)  # before the others are read, so that none is passed over
    events = events_after(session, after, limit, types, queues)
    if len(events) == limit:
        return EventPage(events, events[-1].id)
    return EventPage(events, max([after, newest, *(event.id for event in events[-1:])]))


def newest_id(session: Session) -> int:
    """The id of the newest event, 0 if there is none: whoever reads after it gets only what happens from now on."""
    return session.scalar(select(func.max(Event.id))) or 0


def wait_for_events(
    after: int, seconds: float, types: Collection[EventType] = (), queues: Collection[int] = ()
) -> bool:
    """Wait until there is an event after ``after`` that is wanted, ``seconds`` at most; returns whether there is one.

    The caller has no session open meanwhile. When too many wait already, it is only looked.
    """
    if not _waiters.acquire(blocking=False):
        return _wait(after, 0, types, queues)
    try:
        return _wait(after, min(seconds, MAX_WAIT), types, queues)
    finally:
        _waiters.release()


def _wait(after: int, seconds: float, types: Collection[EventType], queues: Collection[int]) -> bool:
    ends, seen = time.monotonic() + seconds, after
    while True:
        with read_session() as session:
            newest = newest_id(session)
            if newest > seen and events_after(session, seen, 1, types, queues):
                return True
        seen = max(seen, newest)
        if (left := ends - time.monotonic()) <= 0:
            return False
        time.sleep(min(LOOK_EVERY, left))


def wanted(types: Collection[EventType], queues: Collection[int]) -> list[ColumnElement[bool]]:
    """Conditions that an event is of ``types`` and of ``queues``, as far as any are named."""
    conditions: list[ColumnElement[bool]] = []
    if types:
        conditions.append(Event.type.in_(types))
    if queues:
        conditions.append(Event.queue_id.in_(queues))
    return conditions
