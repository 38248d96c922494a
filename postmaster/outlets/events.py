"""The events that an outlet is to hand over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from postmaster.outbox.models import Event, EventType
from postmaster.outbox.reading import newest_id, wanted
from postmaster.outlets.leases import IS_OPEN
from postmaster.outlets.models import Delivery, Outlet, OutletState
from postmaster.resources.models import Validity


def id_before(session: Session, moment: datetime) -> int:
    """The id after which the events come that happened at ``moment`` or later."""
    first = session.scalar(select(func.min(Event.id)).where(Event.created_at >= moment))
    return newest_id(session) if first is None else first - 1


def first_needed(session: Session) -> int | None:
    """The id of the first event that an outlet has yet to hand over, however old it is; None if there is no outlet.

    One that is paused, or invalid for the time being, counts: what it was to hand over waits for it.
    """
    kept = select(Outlet.id).where(Outlet.validity != Validity.INVALID)
    unsettled = session.scalar(select(func.min(OutletState.cursor) + 1).where(OutletState.outlet_id.in_(kept)))
    on_the_way = session.scalar(select(func.min(Delivery.event_id)).where(IS_OPEN, Delivery.outlet_id.in_(kept)))
    return min((number for number in (unsettled, on_the_way) if number is not None), default=None)


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
