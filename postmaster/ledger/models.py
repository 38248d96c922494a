"""Tables of the ledger: mailboxes with their lease, runs, the ledger of messages, and the quarantine."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

import postmaster.accounts.models  # noqa: F401 - foreign keys name tables of its, and of what it imports
from postmaster.extensions import BigId, Id, Json, Model, UtcDateTime, choice
from postmaster.pipeline.outcome import Outcome

# Characters of a queue's name.
MAX_LABEL = 200


class Deletion(StrEnum):
    """What is known about a recorded message's copy on the server.

    ``pending``: to be deleted, or deleted without our having seen the server say so. ``confirmed``: it is gone.
    ``none``: it came through a pipe.
    """

    PENDING = "pending"
    CONFIRMED = "confirmed"
    NONE = "none"


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


DELETION_PENDING = text("deletion = 'pending'")
RUNNING = text("status = 'running'")


class Mailbox(Model):
    """A mailbox on a server, whichever account it is fetched for; ``key`` columns are folded, see ``mailbox_key``.

    It carries the lease: ``lease_token`` is that of the run that may record, until ``lease_expires_at`` (seconds
    since 1970). ``lease_process`` names the holder's process, so that its death is noticed on the same machine.
    ``confirmed_at`` is None until a run went well or an admin confirmed the first one. ``broken_runs`` counts those in
    a row that ended in the middle of their mail, ``under_way`` is the message that is being taken alone.
    """

    __tablename__ = "mailbox"
    __table_args__ = (UniqueConstraint("host", "login", "folder"),)

    id: Mapped[Id]
    host: Mapped[str] = mapped_column(String(255))
    login: Mapped[str] = mapped_column(String(320))
    folder: Mapped[str] = mapped_column(String(1000))
    lease_token: Mapped[str | None] = mapped_column(String(40))
    lease_expires_at: Mapped[float | None]
    lease_process: Mapped[str | None] = mapped_column(String(200))
    lease_holder: Mapped[str | None] = mapped_column(String(300))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    broken_runs: Mapped[int] = mapped_column(default=0, server_default="0")
    under_way: Mapped[str | None]


class OutcomeCounts:
    """A column for each outcome with a row in the ledger (``pipeline.outcome.RECORDED``)."""

    new: Mapped[int] = mapped_column(default=0)
    follow_up: Mapped[int] = mapped_column(default=0)
    ignored: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    quarantined: Mapped[int] = mapped_column(default=0)


class FetchRun(OutcomeCounts, Model):
    """One run over one account, with its reconciliation. Kept when the account is deleted.

    While it runs, ``expected`` says how many messages there are, and ``updated_at`` when it told last.
    """

    __tablename__ = "fetch_run"
    __table_args__ = (
        Index("ix_fetch_run_account_id_id", "account_id", "id"),
        Index("ix_fetch_run_running", "account_id", sqlite_where=RUNNING, postgresql_where=RUNNING),
        Index(None, "started_at"),
    )

    id: Mapped[Id]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("mail_account.id", ondelete="SET NULL"))
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailbox.id"))
    label: Mapped[str]
    started_by: Mapped[str] = mapped_column(String(100))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[RunStatus] = mapped_column(choice(RunStatus), default=RunStatus.RUNNING)
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expected: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(default=0)
    already_recorded: Mapped[int] = mapped_column(default=0)
    gone: Mapped[int] = mapped_column(default=0)
    left: Mapped[int] = mapped_column(default=0)
    left_reasons: Mapped[Json] = mapped_column(JSON, default=dict)
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    error: Mapped[Json | None] = mapped_column(JSON)


class InboundMail(Model):
    """The ledger: one row a message that was taken, under the identity it had on its server.

    An identity is unique only while its deletion is pending: a server may give it to another message later. So the
    index that finds "have we got this one already?" holds a batch of rows at most, whatever the ledger holds.
    ``mailbox_id`` is None for mail that came through a pipe. ``label`` is what the account was called then; what the
    message says of itself is in ``sender`` to ``message_id``, as ``Envelope`` has it. ``verdict`` is a
    ``SenderVerdict``, if one was found: what was looked up for it is not looked up again. ``waited`` are the seconds
    that it lay in its mailbox, see ``ledger.waiting``; None if nobody can tell.
    """

    __tablename__ = "inbound_mail"
    __table_args__ = (
        Index(
            "uq_inbound_mail_pending_identity",
            "mailbox_id",
            "identity",
            "occurrence",
            unique=True,
            sqlite_where=DELETION_PENDING,
            postgresql_where=DELETION_PENDING,
        ),
    )

    id: Mapped[Id]
    label: Mapped[str] = mapped_column(default="")
    sender: Mapped[str] = mapped_column(default="")
    sender_name: Mapped[str] = mapped_column(default="")
    recipients: Mapped[list[str]] = mapped_column(JSON, default=list)
    subject: Mapped[str] = mapped_column(default="")
    message_id: Mapped[str] = mapped_column(default="")
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailbox.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("fetch_run.id"), index=True)
    identity: Mapped[str]
    occurrence: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    size: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(choice(Outcome))
    reason: Mapped[str] = mapped_column(String(60))
    trace: Mapped[list[Json]] = mapped_column(JSON)
    verdict: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="SET NULL"), index=True)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    waited: Mapped[int | None]
    deletion: Mapped[Deletion] = mapped_column(choice(Deletion))
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MailTerm(Model):
    """What mail is found by: see ``terms``. ``mail_id`` is that of a ledger row; a foreign key would cost as much as
    the row itself, a dozen times a message.
    """

    __tablename__ = "mail_term"
    __table_args__ = ({"sqlite_with_rowid": False},)

    term: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    mail_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class MailHour(OutcomeCounts, Model):
    """How much mail of an account was recorded in one hour; ``account_id`` 0 is the pipe.

    Hours that no chart shows any more are added up in the hour ``ALL_BEFORE`` (see ``ledger.hourly_counts``).
    """

    __tablename__ = "mail_hour"

    account_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)


class FetchPause(Model):
    """All fetching is paused as long as there is a row, whose ``id`` is always 1."""

    __tablename__ = "fetch_pause"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(String(500))
    paused_by: Mapped[str] = mapped_column(String(200))
    paused_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Quarantine(Model):
    """A message that could not become a ticket, with its raw source, waiting for somebody to look at it.

    ``error`` is what the reader or the database said. The account is kept to know how a retry dispatches.
    """

    __tablename__ = "quarantine"

    id: Mapped[Id]
    inbound_id: Mapped[int] = mapped_column(ForeignKey("inbound_mail.id"), unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("mail_account.id", ondelete="SET NULL"))
    raw_id: Mapped[int] = mapped_column(ForeignKey("raw_mail.id"))
    label: Mapped[str]
    reason: Mapped[str] = mapped_column(String(60))
    error: Mapped[str]
    sender: Mapped[str]
    subject: Mapped[str]
    size: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PipeQueue(Model):
    """A queue that a pipe named, whether it was there or not, and when it did so last, to an hour."""

    __tablename__ = "pipe_queue"

    queue_name: Mapped[str] = mapped_column(String(MAX_LABEL), primary_key=True)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MailRequest(Model):
    """A request by which a program handed mail in, under the SHA-256 of its Idempotency-Key.

    ``sha256`` is that of the message.
    """

    __tablename__ = "mail_request"

    token_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class WithheldMail(Model):
    """A message that the server has but does not hand over: in how many runs in a row, and since when.

    ``strikes`` are the runs that ended in the middle of it, see ``fetching.caution``. ``name`` tells it from others of
    its account, ``sentence`` is for people.
    """

    __tablename__ = "withheld_mail"

    account_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("mail_account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    sentence: Mapped[str] = mapped_column(String(1000))
    runs: Mapped[int] = mapped_column(default=1)
    strikes: Mapped[int] = mapped_column(default=0, server_default="0")
    since: Mapped[datetime] = mapped_column(UtcDateTime)
