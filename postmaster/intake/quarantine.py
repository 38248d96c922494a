"""What somebody does about a message in quarantine: try it again, deliver it to a queue, or delete it."""

from __future__ import annotations

import hashlib

from flask import current_app
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from postmaster.config import Settings
from postmaster.desk.models import RawMail
from postmaster.desk.rawmail import unpack
from postmaster.desk.tickets import open_tickets
from postmaster.errors import InputError, NotFoundError
from postmaster.extensions import now
from postmaster.intake.decision import Draft, Rules
from postmaster.intake.desk_view import view_desk
from postmaster.intake.envelope import envelope_of
from postmaster.intake.models import InboundMail, Quarantine
from postmaster.intake.parse.message import ParsedMessage
from postmaster.intake.pipeline import decide
from postmaster.intake.reading import read_arrival
from postmaster.intake.record import Arrival, new_ticket
from postmaster.intake.rules import present_rules
from postmaster.intake.terms import renew_terms, terms_of
from postmaster.system.audit import audit

UNREADABLE = ParsedMessage(subject="(a message that could not be read)")


def waiting() -> Select[Quarantine]:
    """All messages in quarantine, the oldest first."""
    return select(Quarantine).order_by(Quarantine.id)


def find_quarantined(session: Session, number: int) -> Quarantine:
    """The message with that id. Raises NotFoundError."""
    row = session.get(Quarantine, number)
    if row is None:
        message = f"There is no message {number} in quarantine."
        raise NotFoundError("unknown-quarantine", message, "Run: flask quarantine list")
    return row


def raw_source(session: Session, row: Quarantine) -> bytes:
    """The message as it came."""
    raw = session.get_one(RawMail, row.raw_id)
    return unpack(raw.encoding, raw.data)


def retry(session: Session, row: Quarantine, actor: str) -> str:
    """Read and decide about the message again, as its account has it now; returns the ticket's number.

    Raises InputError if it still cannot be read. The caller commits.
    """
    arrival = _arrival(session, row)
    if arrival.message is None:
        message = f"The message {row.id} still cannot be read: {arrival.flaw}."
        raise InputError("message", message, "Deliver it to a queue, where its source can be looked at.", "unreadable")
    return _release(session, row, arrival, arrival.message, present_rules(session, row.account_id), actor, "retry")


def deliver(session: Session, row: Quarantine, queue_id: int, actor: str) -> str:
    """Open a ticket for the message in that queue, however little of it can be read; returns its number."""
    arrival = _arrival(session, row)
    return _release(session, row, arrival, arrival.message or UNREADABLE, Rules(queue_id=queue_id), actor, "deliver")


def discard(session: Session, row: Quarantine, actor: str) -> None:
    """Delete the message and its source for good. Its row in the ledger stays. The caller commits."""
    _remove(session, row)
    audit(session, actor, "delete", "quarantine", _label(row), {"sender": row.sender, "subject": row.subject})


def _arrival(session: Session, row: Quarantine) -> Arrival:
    raw = raw_source(session, row)
    return read_arrival(raw, hashlib.sha256(raw).digest(), "", 0)


def _release(
    session: Session, row: Quarantine, arrival: Arrival, message: ParsedMessage, rules: Rules, actor: str, action: str
) -> str:
    settings: Settings = current_app.config["SETTINGS"]
    moment = now()
    draft: Draft = decide(message, rules, view_desk(session, [message]))
    day = moment.astimezone(settings.time_zone).date()
    [(ticket_id, number)] = open_tickets(session, [new_ticket(arrival, draft)], moment, day)
    inbound = session.get_one(InboundMail, row.inbound_id)
    before = terms_of(vars(inbound), row.account_id)
    inbound.outcome, inbound.reason, inbound.ticket_id = draft.outcome, draft.reason, ticket_id
    for name, value in envelope_of(arrival.message, arrival.raw).as_row().items():
        setattr(inbound, name, value)
    renew_terms(session, inbound.id, before, terms_of(vars(inbound), row.account_id))
    inbound.trace = [*inbound.trace, {"stage": "quarantine", "text": f"Released by {actor} ({action})."}, *draft.trace]
    _remove(session, row)
    audit(session, actor, action, "quarantine", _label(row), {"ticket": number})
    return number


def _remove(session: Session, row: Quarantine) -> None:
    session.delete(row)
    session.flush()
    session.delete(session.get_one(RawMail, row.raw_id))


def _label(row: Quarantine) -> str:
    return f"{row.id} ({row.label})"
