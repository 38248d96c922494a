"""The events that an outlet is to hand over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from postmaster.outbox.models import Event, EventType
from postmaster.outbox.reading import newest_id, wanted
from postmaster.outlets.models import Outlet


def id_before(session: Session, moment: datetime) -> int:
    """The id after which the events come that happened at ``moment`` or later."""
    first = session.scalar(select(func.min(Event.id)).where(Event.created_at >= moment))
    return newest_id(session) if first is None else first - 1


def goes_to(outlet: Outlet) -> list[ColumnElement[bool]]:
    """Conditions that an event goes to ``outlet``, whenever it happened."""
    return wanted(*interests(outlet))


def interests(outlet: Outlet) -> tuple[list[EventType], list[int]]:
    """The types of events, and the ids of queues, that ``outlet`` is for; empty means all."""
    return [EventType(name) for name in outlet.events], [queue.id for queue in outlet.queues]


def order_key(event: Event) -> str:
    """What ``event`` keeps its place among: the events of its ticket, or of its account; else it stands alone."""
    if event.ticket_id is not None:
        return f"ticket {event.ticket_id}"
    if event.account_id is not None:
        return f"account {event.account_id}"
    return f"event {event.id}"
