"""The table of events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from postmaster.extensions import BigId, Id, Json, Model, UtcDateTime, choice


class EventType(StrEnum):
    """What an event tells of: see docs/outlets.md."""

    TICKET_CREATED = "ticket.created"
    ARTICLE_ADDED = "article.added"
    TICKET_CHANGED = "ticket.changed"
    MAIL_QUARANTINED = "mail.quarantined"
    MAIL_IGNORED = "mail.ignored"
    ACCOUNT_FAILING = "account.failing"
    ACCOUNT_RECOVERED = "account.recovered"

    @property
    def is_of_account(self) -> bool:
        """Whether it tells of an account, and of no message."""
        return self.value.startswith("account.")


class Event(Model):
    """Something that happened. Ids are in the order of commits: they are taken while nobody else takes one.

    ``key`` is its id outside. Neither it nor ``id`` comes again, not even after a backup was restored. What it is
    about is named by ids without a constraint, since an event outlives what it tells of. ``queue_id`` is the queue at
    that moment. ``data`` holds what cannot be looked up later, such as what was changed; never what a mail says.
    """

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_created_at", "created_at"),)

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(32))
    type: Mapped[EventType] = mapped_column(choice(EventType))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ticket_id: Mapped[int | None] = mapped_column(BigId)
    article_id: Mapped[int | None] = mapped_column(BigId)
    inbound_id: Mapped[int | None] = mapped_column(BigId)
    account_id: Mapped[int | None] = mapped_column(BigId)
    queue_id: Mapped[int | None] = mapped_column(BigId)
    data: Mapped[Json] = mapped_column(JSON, default=dict)
