"""Tables of the operation: living processes, turns, incidents and the messages about them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Double, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from postmaster.extensions import Id, Model, UtcDateTime, choice


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


class Incident(Model):
    """Something that is wrong until ``closed_at``. ``subject`` says which one, where a condition has several."""

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

    deliveries: Mapped[list[AlertDelivery]] = relationship(order_by="AlertDelivery.id", back_populates="incident")


class AlertDelivery(Model):
    """A message about an incident to one target: that it began, or with ``over`` that it is over.

    ``target`` is a digest of the target's address, which holds secrets; ``label`` is what may be shown of it.
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
