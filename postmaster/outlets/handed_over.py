"""Where a ticket was handed over to, when, and what it is called there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.outlets.models import Delivery, DeliveryState, Outlet


@dataclass(frozen=True, slots=True)
class HandedOver:
    """One outlet: ``delivered`` events of the ticket were taken, the last one ``at``; ``waiting`` are on their way.

    ``number`` and ``url`` are what the receiver said first.
    """

    outlet: str
    delivered: int
    waiting: int
    at: datetime | None
    number: str | None
    url: str | None


def handed_over(session: Session, ticket_id: int) -> Sequence[HandedOver]:
    """Each outlet that events of the ticket went to, or are on their way to."""
    query = (
        select(
            Delivery.outlet_id,
            Outlet.name,
            func.count().filter(Delivery.state == DeliveryState.DELIVERED),
            func.count().filter(Delivery.state != DeliveryState.DELIVERED),
            func.max(Delivery.delivered_at),
            func.min(Delivery.event_id).filter(Delivery.remote_number.is_not(None)),
        )
        .join(Outlet, Outlet.id == Delivery.outlet_id)
        .where(Delivery.ticket_id == ticket_id)
        .group_by(Delivery.outlet_id, Outlet.name)
        .order_by(Outlet.name)
    )
    rows = session.execute(query).all()
    named = select(Delivery.outlet_id, Delivery.remote_number, Delivery.remote_url)
    wanted = named.where(Delivery.ticket_id == ticket_id, Delivery.event_id.in_([row[-1] for row in rows if row[-1]]))
    names = {outlet_id: (number, url) for outlet_id, number, url in session.execute(wanted)}
    return [
        HandedOver(name, delivered, waiting, at, *names.get(outlet_id, (None, None)))
        for outlet_id, name, delivered, waiting, at, _ in rows
    ]
