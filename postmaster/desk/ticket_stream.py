"""Tickets one after the other, however many there are: page by page through the primary key, one query a page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue, Ticket
from postmaster.errors import NotFoundError

# Rows that are read at a time: a million tickets must not fill the memory.
PAGE = 1000


@dataclass(frozen=True)
class TicketRange:
    """Which tickets, "" and None for all: of a queue, in a state, opened from ``since`` on and before ``until``, and
    of the queues whose ids are in ``queue_ids``.
    """

    queue: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None
    newest_first: bool = False
    queue_ids: Collection[int] | None = None


def stream_tickets(session: Session, columns: Sequence[Any], wanted: TicketRange) -> Iterator[Row[Any]]:
    """These columns of each ticket, and its ``id``; they may name Ticket and its Queue. Raises NotFoundError."""
    found = select(Ticket.id, *columns).join(Queue, Queue.id == Ticket.queue_id).where(*_conditions(session, wanted))
    found = found.order_by(Ticket.id.desc() if wanted.newest_first else Ticket.id).limit(PAGE)
    beyond: list[ColumnElement[bool]] = []
    while page := session.execute(found.where(*beyond)).all():
        yield from page
        last = page[-1].id
        beyond = [Ticket.id < last if wanted.newest_first else Ticket.id > last]


def _conditions(session: Session, wanted: TicketRange) -> Iterator[ColumnElement[bool]]:
    if wanted.queue:
        yield Ticket.queue_id == require_queue(session, wanted.queue)
    if wanted.state:
        yield Ticket.state == wanted.state
    if wanted.since:
        yield Ticket.created_at >= wanted.since
    if wanted.until:
        yield Ticket.created_at < wanted.until
    if wanted.queue_ids is not None:
        yield Ticket.queue_id.in_(wanted.queue_ids)


def require_queue(session: Session, name: str) -> int:
    """The id of the queue of that name. Raises NotFoundError."""
    found = session.execute(select(Queue.id).where(Queue.name == name)).scalar_one_or_none()
    if found is None:
        raise NotFoundError("unknown-queue", f"There is no queue “{name}”.", "Run: flask queue list")
    return found
