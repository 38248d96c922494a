"""Who delivers what: deliveries are leased, one of each ticket at a time, and given back with what the receiver said.

A lease is a word in the row, so that several workers share an outlet, and an answer that comes after its lease was
lost changes nothing. One whose holder died is free at once on the same machine, elsewhere when it expires.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from postmaster.fetching.lease import has_died, process_name
from postmaster.outlets.fanout import is_away, is_proven
from postmaster.outlets.models import Delivery, DeliveryState, Outlet, OutletState
from postmaster.resources.models import Validity

# How long a lease lasts: longer than what is leased at once can take.
LEASE = timedelta(minutes=6)

# Nobody waits for so long: what is due later was written down before the clock was set back.
FARTHEST = timedelta(hours=2)

# Deliveries of an outlet that are leased at once, and how many until its receiver has taken one, or while messages
# themselves go along: what is leased is in memory.
IN_FLIGHT, FEW_IN_FLIGHT = 96, 8

IS_OPEN = Delivery.state != DeliveryState.DELIVERED
"""It is part of each query that goes by the index of what is open."""

# Made once: what it takes to make an alias is most of the processor time of a look at an outlet without news.
_OTHER = aliased(Delivery)


def lock_states(session: Session, outlet_ids: Iterable[int]) -> Mapping[int, OutletState]:
    """The states of these outlets, which nobody else changes until this transaction ends.

    They are locked before deliveries are, in the order of their ids, so that no two processes wait for each other.
    """
    query = select(OutletState).where(OutletState.outlet_id.in_(set(outlet_ids))).order_by(OutletState.outlet_id)
    rows = session.scalars(query.with_for_update().execution_options(populate_existing=True))
    return {row.outlet_id: row for row in rows}


def first_needed(session: Session) -> int | None:
    """The id of the first event that an outlet has yet to hand over, however old it is; None if there is no outlet.

    One that is paused, or invalid for the time being, counts: what it was to hand over waits for it.
    """
    kept = select(Outlet.id).where(Outlet.validity != Validity.INVALID)
    unsettled = session.scalar(select(func.min(OutletState.cursor) + 1).where(OutletState.outlet_id.in_(kept)))
    on_the_way = session.scalar(select(func.min(Delivery.event_id)).where(IS_OPEN, Delivery.outlet_id.in_(kept)))
    return min((number for number in (unsettled, on_the_way) if number is not None), default=None)


def fresh_counts(session: Session, *outlet_ids: int) -> dict[int, int]:
    """How many deliveries that are still to be tried each outlet has that has something open; of these outlets only, if
    any are named. What failed, and what waits behind it, does not count: no other ticket waits for these.
    """
    held_up = exists().where(
        _OTHER.outlet_id == Delivery.outlet_id,
        _OTHER.order_key == Delivery.order_key,
        _OTHER.state != DeliveryState.DELIVERED,
        _OTHER.attempts > 0,
    )
    fresh = func.count().filter(~held_up)
    query = select(Delivery.outlet_id, fresh).where(IS_OPEN).group_by(Delivery.outlet_id)
    if outlet_ids:
        query = query.where(Delivery.outlet_id.in_(outlet_ids))
    return dict(session.execute(query).all())


def lost_leases(session: Session, moment: datetime) -> Sequence[str]:
    """The leases whose holder died, and those that have expired."""
    leased = select(Delivery.lease, func.max(Delivery.lease_until)).where(IS_OPEN, Delivery.lease.is_not(None))
    rows = session.execute(leased.group_by(Delivery.lease)).all()
    return [lease for lease, until in rows if lease and until and (until < moment or _has_died(lease))]


def _has_died(lease: str) -> bool:
    return has_died(lease.rpartition(" ")[0])


def give_back(session: Session, leased: ColumnElement[bool]) -> int:
    """Let others have what is ``leased``; returns how much. The caller commits."""
    free = {"state": DeliveryState.WAITING, "lease": None, "lease_until": None}
    return session.execute(update(Delivery).where(IS_OPEN, leased).values(free)).rowcount  # type: ignore[attr-defined, no-any-return]


def leased_here() -> ColumnElement[bool]:
    """That this process has leased it."""
    return Delivery.lease.startswith(f"{process_name()} ", autoescape=True)


def places(outlet: Outlet, under_way: int, moment: datetime) -> int:
    """How many more may be leased now, of which ``under_way`` are already: one at a time while it is away."""
    next_at = outlet.state.next_at
    if next_at is not None and moment < next_at < moment + FARTHEST:
        return 0
    many = is_proven(outlet) and not outlet.raw_message
    most = 1 if is_away(outlet) else IN_FLIGHT if many else FEW_IN_FLIGHT
    return max(0, most - under_way)


def has_due(session: Session, outlet: Outlet, moment: datetime) -> bool:
    """Whether there is something to lease."""
    return session.scalar(_due(outlet, moment).limit(1)) is not None


def lease_due(session: Session, outlet: Outlet, moment: datetime, limit: int) -> Sequence[Delivery]:
    """Lease at most ``limit`` of what is due of ``outlet``, in the order of events. The caller commits."""
    ids = session.scalars(_due(outlet, moment).limit(limit)).all()
    if not ids:
        return []
    lease = f"{process_name()} {secrets.token_hex(6)}"
    taken = (
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state == DeliveryState.WAITING)
        .values(state=DeliveryState.SENDING, lease=lease, lease_until=moment + LEASE)
        .returning(Delivery)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return sorted(session.scalars(taken).all(), key=lambda delivery: delivery.event_id)


def _due(outlet: Outlet, moment: datetime) -> Select[int]:
    """The oldest of each ticket, if it is due. A receiver that was away is tried with what failed least."""
    blocked = (
        select(_OTHER.id)
        .where(
            _OTHER.outlet_id == outlet.id,
            _OTHER.order_key == Delivery.order_key,
            _OTHER.event_id < Delivery.event_id,
            _OTHER.state != DeliveryState.DELIVERED,
        )
        .exists()
    )
    due = select(Delivery.id).where(
        Delivery.outlet_id == outlet.id,
        IS_OPEN,
        Delivery.state == DeliveryState.WAITING,
        or_(Delivery.attempts == 0, Delivery.next_at <= moment, Delivery.next_at > moment + FARTHEST),
        ~blocked,
    )
    order = (Delivery.attempts, Delivery.event_id) if is_away(outlet) else (Delivery.event_id,)
    return due.order_by(*order)
