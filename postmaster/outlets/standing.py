"""How outlets stand: what waits since when, and what the receiver said last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.extensions import Json, iso, now
from postmaster.outbox.models import Event
from postmaster.outlets.events import goes_to
from postmaster.outlets.health import OutletHealth, can_send, outlet_health
from postmaster.outlets.leases import IS_OPEN
from postmaster.outlets.models import Delivery, Outlet

# Beyond it a backlog is not counted any more.
MANY = 100_000


@dataclass(frozen=True, slots=True)
class OutletStanding:
    """``backlog`` is how many events are not handed over yet, ``oldest`` when the oldest of them happened."""

    outlet: Outlet
    health: OutletHealth
    backlog: int
    oldest: datetime | None

    @property
    def sends(self) -> bool:
        """Whether what waits is handed over, and not kept until somebody does something."""
        return can_send(self.outlet)

    @property
    def age(self) -> float:
        """Seconds for which the oldest event has been waiting; 0 if none does."""
        return max(0.0, (now() - self.oldest).total_seconds()) if self.oldest else 0.0

    def as_dict(self) -> Json:
        """The form that commands print."""
        state = self.outlet.state
        return {
            "backlog": self.backlog,
            "oldest_event": iso(self.oldest),
            "failures": state.failures,
            "failing_since": iso(state.failing_since),
            "next_try": iso(state.next_at),
            "paused_at": iso(state.paused_at),
            "paused_by": state.paused_by,
            "paused_reason": state.paused_reason,
            "last_attempt": iso(state.last_at),
            "last_status": state.last_status,
            "last_answer": state.last_answer,
            "last_success": iso(state.last_success_at),
        }


def standing_of(session: Session, outlet: Outlet) -> OutletStanding:
    """How one outlet stands."""
    return standings(session, [outlet])[outlet.id]


def standings(session: Session, outlets: Sequence[Outlet]) -> Mapping[int, OutletStanding]:
    """How each of ``outlets`` stands, by its id."""
    query = select(Delivery.outlet_id, func.count(), func.min(Delivery.event_at)).where(IS_OPEN)
    open_ = {number: (count, first) for number, count, first in session.execute(query.group_by(Delivery.outlet_id))}
    return {outlet.id: _standing(session, outlet, *open_.get(outlet.id, (0, None))) for outlet in outlets}


def _standing(session: Session, outlet: Outlet, count: int, first: datetime | None) -> OutletStanding:
    """What is open is older than what comes after the cursor, unless a replay is under way."""
    later = select(Event.created_at).where(Event.id > outlet.state.cursor, *goes_to(outlet)).order_by(Event.id)
    window = later.limit(MANY).subquery()
    more, next_ = session.execute(select(func.count(), func.min(window.c.created_at)).select_from(window)).one()
    moments = [moment for moment in (first, next_) if moment is not None]
    return OutletStanding(outlet, outlet_health(outlet), count + more, min(moments, default=None))
