"""What resources have in common: their validity, and the record of who changed what."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from postmaster.extensions import BigId, Id, Json, Model, UtcDateTime, now


class Validity(StrEnum):
    """Whether a resource may be used (docs/glossary.md#queues-and-addresses). Only ``valid`` means yes."""

    VALID = "valid"
    INVALID = "invalid"
    INVALID_TEMPORARILY = "invalid-temporarily"


class AuditEvent(Model):
    """One change that somebody made: who, when, what to which thing. Never holds a secret.

    ``record_id`` is the id of the thing, where it has one: its label changes with its name. ``batch`` is the same for
    all that was done by one press.
    """

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_noun_record_id", "noun", "record_id", "id"),)

    id: Mapped[Id]
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(40))
    noun: Mapped[str] = mapped_column(String(40))
    label: Mapped[str]
    detail: Mapped[Json] = mapped_column(JSON, default=dict)
    record_id: Mapped[int | None] = mapped_column(BigId)
    batch: Mapped[str | None] = mapped_column(String(32), index=True)
