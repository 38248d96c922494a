"""The outcome of a message, and why: the same on its page, on its ticket's page, and on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Ticket
from postmaster.errors import NotFoundError
from postmaster.extensions import Json, iso
from postmaster.ledger.models import FetchRun, InboundMail, Mailbox, Quarantine
from postmaster.pipeline.decision import REASONS
from postmaster.pipeline.verdict import Finding


@dataclass(frozen=True)
class MailTrace:
    """A message of the ledger with what belongs to it. A pipe has neither mailbox nor run."""

    mail: InboundMail
    mailbox: Mailbox | None
    run: FetchRun | None
    ticket: str | None
    quarantine_id: int | None

    @property
    def explanation(self) -> str:
        """The sentence of the reason code that decided."""
        return REASONS.get(self.mail.reason, "")

    @property
    def finding(self) -> Finding | None:
        """What was found out about its sender; None if nobody has looked."""
        return Finding(self.mail.verdict["verdict"]) if self.mail.verdict else None

    def as_json(self) -> Json:
        """What a list shows of the message (docs/reference.md#json)."""
        mail = self.mail
        return {
            "id": mail.id,
            "recorded": mail.recorded_at.isoformat(),
            "account": mail.label,
            "sender": mail.sender,
            "sender_name": mail.sender_name,
            "recipients": mail.recipients,
            "subject": mail.subject,
            "message_id": mail.message_id,
            "verdict": self.finding,
            "outcome": mail.outcome.value,
            "reason": mail.reason,
            "ticket": self.ticket,
            "quarantine": self.quarantine_id,
        }

    def details(self) -> Json:
        """Everything that is known of it (docs/reference.md#json)."""
        mail, box, run = self.mail, self.mailbox, self.run
        return {
            **self.as_json(),
            "explanation": self.explanation,
            "account_id": run.account_id if run else None,
            "mailbox": {"host": box.host, "login": box.login, "folder": box.folder} if box else None,
            "run": {"id": run.id, "started_by": run.started_by, "started": run.started_at.isoformat()} if run else None,
            "identity": mail.identity,
            "size": mail.size,
            "sha256": mail.sha256.hex(),
            "deletion": mail.deletion.value,
            "deleted": iso(mail.deleted_at),
            "trace": mail.trace,
        }


def traces(session: Session, *conditions: ColumnElement[bool], limit: int | None = None) -> Sequence[MailTrace]:
    """The messages of the ledger that meet ``conditions``, newest first, ``limit`` of them at most, in one query."""
    query = (
        select(InboundMail, Mailbox, FetchRun, Ticket.number, Quarantine.id)
        .outerjoin(Mailbox, Mailbox.id == InboundMail.mailbox_id)
        .outerjoin(FetchRun, FetchRun.id == InboundMail.run_id)
        .outerjoin(Ticket, Ticket.id == InboundMail.ticket_id)
        .outerjoin(Quarantine, Quarantine.inbound_id == InboundMail.id)
        .where(*conditions)
        .order_by(InboundMail.id.desc())
        .limit(limit)
    )
    return [MailTrace(*row) for row in session.execute(query)]


def trace_mail(session: Session, mail_id: int) -> MailTrace:
    """The message with that id in the ledger. Raises NotFoundError."""
    for trace in traces(session, InboundMail.id == mail_id):
        return trace
    raise no_mail(mail_id)


def no_mail(mail_id: int) -> NotFoundError:
    """There is no such message."""
    return NotFoundError("unknown-mail", f"There is no message {mail_id} in the ledger.", "Run: flask mail find")
