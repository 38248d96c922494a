"""The events that an outlet is to hand over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from postmaster.outbox.models import Event, EventType
from postmaster.outlets.models import Outlet


def newest_id(session: Session) -> int:
    """The id of the newest event, 0 if there was none yet."""
    return session.scalar(select(func.max(Event.id))) or 0


def id_before(session: Session, moment: datetime) -> int:
    """The id after which the events come that happened at ``moment`` or later."""
    first = session.scalar(select(func.min(Event.id)).where(Event.created_at >= moment))
    return newest_id(session) if first is None else first - 1


def goes_to(outlet: Outlet) -> list[ColumnElement[bool]]:
    """Conditions that an event goes to ``outlet``, whenever it happened."""
    conditions: list[ColumnElement[bool]] = []
    if outlet.events:
        conditions.append(Event.type.in_([EventType(name) for name in outlet.events]))
    if outlet.queues:
        conditions.append(Event.queue_id.in_([queue.id for queue in outlet.queues]))
    return conditions


def next_events(session: Session, outlet: Outlet, newest: int, limit: int) -> Sequence[Event]:
    """The first ``limit`` events after the outlet's cursor that go there, up to the one with the id ``newest``."""
    query = select(Event).where(Event.id > outlet.state.cursor, Event.id <= newest, *goes_to(outlet))
    return session.scalars(query.order_by(Event.id).limit(limit)).all()


def order_key(event: Event) -> str:
    """What ``event`` keeps its place among: the events of its ticket, or of its account; else it stands alone."""
    if event.ticket_id is not None:
        return f"ticket {event.ticket_id}"
    if event.account_id is not None:
        return f"account {event.account_id}"
    return f"event {event.id}"
