"""Tables of the operation: living processes, turns, incidents and the messages about them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Double, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from postmaster.extensions import Id, Model, UtcDateTime, choice, now
from postmaster.resources.models import Validity


class ProcessRole(StrEnum):
    """What a process does: a worker fetches, a scheduler says when, and one hands events over to outlets."""

    WORKER = "worker"
    SCHEDULER = "scheduler"
    OUTLETS = "outlets"


OPEN = text("closed_at IS NULL")


class LivingProcess(Model):
    """A process of the worker that said lately that it lives. ``trouble`` says what keeps it from its work,
    ``seconds_ahead`` by how much the clock of its machine is ahead of the database's.
    """

    __tablename__ = "living_process"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    role: Mapped[ProcessRole] = mapped_column(choice(ProcessRole))
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    trouble: Mapped[str] = mapped_column(String(500), default="")
    seconds_ahead: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")


class ClaimedTurn(Model):
    """When something that many processes could do was last taken on by one of them."""

    __tablename__ = "turn"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AlertTarget(Model):
    """Where alerts are sent, beside the targets of the environment. ``sealed_address`` is an address for Apprise.

    ``conditions`` are the kinds of incidents that it is told of; empty means all. In its ``quiet_hours``, as in
    22:00-06:00 of the time zone of the app, it is told of nothing; empty means never.
    """

    __tablename__ = "alert_target"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60), unique=True)
    sealed_address: Mapped[str] = mapped_column(default="")
    conditions: Mapped[list[str]] = mapped_column(JSON, default=list)
    quiet_hours: Mapped[str] = mapped_column(String(11), default="")
    validity: Mapped[Validity] = mapped_column(choice(Validity), default=Validity.VALID)
    comment: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    revision: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": revision}


class Incident(Model):
    """Something that is wrong until ``closed_at``. ``subject`` says which one, where a condition has several.

    ``size`` is how much is wrong, as the condition counts it; while the incident is acknowledged, how much it was then.
    One that got worse is acknowledged no more, but still says who did, and why.
    """

    __tablename__ = "incident"
    __table_args__ = (
        Index("uq_incident_open", "condition", "subject", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_incident_closed_at", "closed_at"),
    )

    id: Mapped[Id]
    condition: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(100))
    sentence: Mapped[str]
    path: Mapped[str] = mapped_column(String(200))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    size: Mapped[int] = mapped_column(default=0, server_default="0")
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(String(500), default="", server_default="")

    deliveries: Mapped[list[AlertDelivery]] = relationship(order_by="AlertDelivery.id", back_populates="incident")


class AlertDelivery(Model):
    """A message about an incident to one target: that it began, or with ``over`` that it is over.

    ``target`` is the key of the target (``operations.targets``), which tells nothing of its address; ``label`` is what
    may be shown of it. One that is neither sent nor to be tried was given up: it was over, or acknowledged, before.
    """

    __tablename__ = "alert_delivery"
    __table_args__ = (Index("ix_alert_delivery_next_try_at", "next_try_at"),)

    id: Mapped[Id]
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"), index=True)
    over: Mapped[bool]
    target: Mapped[str] = mapped_column(String(20))
    label: Mapped[str] = mapped_column(String(60))
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    incident: Mapped[Incident] = relationship(back_populates="deliveries")
