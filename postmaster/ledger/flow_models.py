"""Tables that are counted up while mail comes in, so that charts and figures never count the mail itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

import postmaster.accounts.models  # noqa: F401 - a foreign key names a table of its
from postmaster.extensions import BigId, Id, Model, UtcDateTime


class QueueHour(Model):
    """How much mail was dispatched to a queue in one hour; ``queue_id`` 0 is mail that came into no ticket.

    The hour comes first, since what is read are the last hours of all queues.
    """

    __tablename__ = "queue_hour"

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    queue_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    mails: Mapped[int] = mapped_column(default=0)


class WaitingHour(Model):
    """How much mail of one hour waited up to ``seconds`` from its arrival to its ticket, and longer than the bound
    before (see ``ledger.waiting``).
    """

    __tablename__ = "waiting_hour"

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    seconds: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mails: Mapped[int] = mapped_column(default=0)


class Outage(Model):
    """A stretch that is over, in which no run over the account went well.

    ``failed``: runs failed in it; otherwise there was none, because of a pause, or because no worker was there.
    """

    __tablename__ = "outage"
    __table_args__ = (Index(None, "account_id", "ended_at"), Index(None, "ended_at"))

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("mail_account.id", ondelete="CASCADE"))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    failed: Mapped[bool]
