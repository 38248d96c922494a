"""Tables of the outlets: what admins enter, how each stands, and what is to be handed over."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from postmaster.desk.models import Queue
from postmaster.extensions import BigId, Id, Model, UtcDateTime, choice, now
from postmaster.outbox.models import EventType
from postmaster.outlets.kinds import OutletKind
from postmaster.resources.models import Validity


class DeliveryState(StrEnum):
    """How far an event is on its way: it waits for its turn, is being sent, or was taken by the receiver."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"


# What is not delivered yet. The order of a ticket is kept among these, which are a window of each outlet and what its
# receiver refuses.
OPEN = text("state <> 'delivered'")


class Outlet(Model):
    """Where events go. ``events`` and ``queues`` narrow them down; empty means all.

    ``sealed_secret`` signs what is sent, ``sealed_headers`` are lines ``Name: value`` that go along.
    """

    __tablename__ = "outlet"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[OutletKind] = mapped_column(choice(OutletKind), default=OutletKind.WEBHOOK)
    url: Mapped[str] = mapped_column(String(2000))
    sealed_secret: Mapped[str] = mapped_column(default="")
    sealed_headers: Mapped[str] = mapped_column(default="")
    events: Mapped[list[str]] = mapped_column(JSON, default=list)
    raw_message: Mapped[bool] = mapped_column(default=False, server_default=false())
    validity: Mapped[Validity] = mapped_column(choice(Validity), default=Validity.VALID)
    comment: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    revision: Mapped[int] = mapped_column()

    queues: Mapped[list[Queue]] = relationship(secondary=lambda: OutletQueue.__table__, order_by=Queue.name)
    state: Mapped[OutletState] = relationship(lazy="joined", cascade="all, delete-orphan", passive_deletes=True)

    __mapper_args__ = {"version_id_col": revision}


class OutletQueue(Model):
    """An outlet is for a queue, if it is not for all."""

    __tablename__ = "outlet_queue"

    outlet_id: Mapped[int] = mapped_column(BigId, ForeignKey("outlet.id", ondelete="CASCADE"), primary_key=True)
    queue_id: Mapped[int] = mapped_column(BigId, ForeignKey("queue.id"), primary_key=True, index=True)


class OutletState(Model):
    """How an outlet stands: apart, so that no delivery makes an edit conflict.

    ``cursor`` is the newest event for which it was settled whether it goes there. ``failures`` counts deliveries that
    failed since one went well, one that fails again and again (``failed_id``) once; while there are several,
    ``next_at`` is when the next one is tried. ``paused_by`` is who
    paused it, by hand or because of its receiver; ``paused_reason`` is a sentence.
    """

    __tablename__ = "outlet_state"

    outlet_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("outlet.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    cursor: Mapped[int] = mapped_column(BigId, default=0)
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_by: Mapped[str | None] = mapped_column(String(200))
    paused_reason: Mapped[str | None] = mapped_column(String(500))
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    failed_id: Mapped[int | None] = mapped_column(BigId)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_status: Mapped[int | None]
    last_answer: Mapped[str] = mapped_column(default="", server_default="")
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Delivery(Model):
    """An event on its way to an outlet. ``order_key`` is what is kept in order: its ticket, or else what it is about.

    While it is sent it is leased: ``lease`` says by whom and which time, so that an answer that comes too late changes
    nothing. ``status`` and ``answer`` are the receiver's last, or ``answer`` says why there was none. ``remote_number``
    and ``remote_url`` are what the receiver calls it, if its answer said so.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("uq_delivery_outlet_id_event_id", "outlet_id", "event_id", unique=True),
        Index(
            "ix_delivery_open",
            "outlet_id",
            "order_key",
            "event_id",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_delivery_delivered_at", "delivered_at"),
    )

    id: Mapped[Id]
    outlet_id: Mapped[int] = mapped_column(BigId, ForeignKey("outlet.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(BigId)
    event_key: Mapped[str] = mapped_column(String(32))
    event_type: Mapped[EventType] = mapped_column(choice(EventType))
    event_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ticket_id: Mapped[int | None] = mapped_column(BigId, index=True)
    order_key: Mapped[str] = mapped_column(String(30))
    state: Mapped[DeliveryState] = mapped_column(choice(DeliveryState), default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(String(300))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[int | None]
    answer: Mapped[str] = mapped_column(default="")
    seconds: Mapped[float | None]
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remote_number: Mapped[str | None] = mapped_column(String(200))
    remote_url: Mapped[str | None] = mapped_column(String(1000))
