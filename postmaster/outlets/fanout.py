"""From events to deliveries: what goes to which outlet is settled by the worker, so intake has nothing to do with it.

Of each outlet only a window of events is opened, so a receiver that is away costs nothing but the rows of events. What
was refused leaves the window: however many tickets a receiver does not take, those of others get to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from postmaster.database import dialect_of, insert_into
from postmaster.outbox.models import Event
from postmaster.outbox.reading import page_after
from postmaster.outlets.events import interests, order_key
from postmaster.outlets.models import Delivery, DeliveryState, Outlet

# Deliveries of an outlet that are open and were not tried yet, and how many until its receiver has taken one; and how
# many of them one transaction opens.
WINDOW, FIRST_WINDOW, BATCH = 500, 20, 200

# Failures in a row after which a receiver counts as away: until it takes something, one delivery is tried at a time.
AWAY_AFTER = 3


def is_away(outlet: Outlet) -> bool:
    """Whether the receiver takes nothing at the moment."""
    return outlet.state.failures >= AWAY_AFTER


def fan_out(session: Session, outlet: Outlet, room: int, moment: datetime) -> int:
    """Open up to ``room`` deliveries for the events after the cursor of ``outlet``; returns how many.

    The caller has locked its state, so that only one process moves the cursor, and commits.
    """
    page = page_after(session, outlet.state.cursor, room, *interests(outlet))
    outlet.state.cursor = page.after
    if page.events:
        _insert(session, outlet.id, page.events, moment)
    return len(page.events)


def is_proven(outlet: Outlet) -> bool:
    """Whether the receiver has taken something, and is not away since."""
    return outlet.state.last_success_at is not None and not is_away(outlet)


def room_of(outlet: Outlet, fresh: int) -> int:
    """How many more deliveries may be opened for one that has so many that are still to be tried."""
    return min(BATCH, (WINDOW if is_proven(outlet) else FIRST_WINDOW) - fresh)


def _insert(session: Session, outlet_id: int, events: Sequence[Event], moment: datetime) -> None:
    """What was delivered before, and comes again since a replay, is open once more."""
    rows = [
        {
            "outlet_id": outlet_id,
            "event_id": event.id,
            "event_key": event.key,
            "event_type": event.type,
            "event_at": event.created_at,
            "ticket_id": event.ticket_id,
            "order_key": order_key(event),
            "state": DeliveryState.WAITING,
            "attempts": 0,
            "next_at": moment,
            "answer": "",
        }
        for event in events
    ]
    again = {"state": DeliveryState.WAITING, "attempts": 0, "next_at": moment, "delivered_at": None}
    statement = insert_into(dialect_of(session), Delivery).on_conflict_do_update(
        index_elements=["outlet_id", "event_id"],
        set_=again,
        where=Delivery.state == DeliveryState.DELIVERED,
    )
    session.execute(statement, rows)
