"""Merging tickets: one gets the articles of others, and everything that led to those leads to it from then on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from postmaster.desk.models import Article, ThreadKey, Ticket, TicketMerge
from postmaster.desk.ticket_events import changed_fields, fields_of, tell_change
from postmaster.desk.ticket_service import TicketChange, TicketService
from postmaster.errors import InputError
from postmaster.extensions import Json, now
from postmaster.ledger.apply import lock_deciding
from postmaster.ledger.models import InboundMail
from postmaster.resources.audit import audit
from postmaster.system.list_settings import STATE_LIST
from postmaster.system.lists import StateKind
from postmaster.system.settings import get_setting

# Both tickets may have a message with the same key.
_KEEP_KEYS = text(
    "INSERT INTO thread_key (key, ticket_id, own) "
    "SELECT key, :into_id, own FROM thread_key WHERE ticket_id = :ticket_id ON CONFLICT DO NOTHING"
)


def merge_tickets(session: Session, numbers: Sequence[str], into: str, actor: str) -> list[TicketChange]:
    """Merge the tickets with these numbers into another one: all of them, or none.

    Raises NotFoundError for an unknown ticket, InputError for one that was merged before or is to be merged into
    itself. No mail is decided on until the transaction ends, so none is added to a ticket that was just emptied.
    """
    lock_deciding(session)
    if into.strip() in {number.strip() for number in numbers}:
        raise _refused(f"The ticket {into.strip()} cannot be merged into itself.", "Name another one.")
    *tickets, main = TicketService(session, actor).find([*numbers, into])
    if target := _target(session, main):
        raise _refused(f"The ticket {main.number} was merged into {target} itself.", f"Merge into {target}.")
    state = _merged_state(session)
    return [_merge(session, ticket, main, state, actor) for ticket in tickets]


def _merge(session: Session, ticket: Ticket, main: Ticket, state: str, actor: str) -> TicketChange:
    target = _target(session, ticket)
    if target == main.number:
        return TicketChange(ticket.number, {})
    if target is not None:
        raise _refused(f"The ticket {ticket.number} was merged into {target} already.", f"Merge {target} instead.")
    changes: Json = {"state": [ticket.state, state], "merged_into": [None, main.number]}
    before = fields_of(ticket)
    _move(session, ticket.id, main.id)
    ticket.state, ticket.pending_time, ticket.lock = state, None, "unlock"
    ticket.changed_at = main.changed_at = now()
    merged = {"merged_into": [None, main.number]}
    tell_change(session, ticket, changed_fields(before, fields_of(ticket)) | merged)
    tell_change(session, main, {"merged": [None, ticket.number]})
    audit(session, actor, "merge", "ticket", ticket.number, changes)
    session.flush()
    return TicketChange(ticket.number, changes)


def _move(session: Session, ticket_id: int, into_id: int) -> None:
    """Give articles, their rows in the ledger, the keys of threads, and what was merged before to the other ticket."""
    ids = {"ticket_id": ticket_id, "into_id": into_id}
    for model in (Article, InboundMail):
        session.execute(update(model).where(model.ticket_id == ticket_id).values(ticket_id=into_id))
    session.execute(_KEEP_KEYS, ids)
    session.execute(delete(ThreadKey).where(ThreadKey.ticket_id == ticket_id))
    session.execute(update(TicketMerge).where(TicketMerge.into_id == ticket_id).values(into_id=into_id))
    session.add(TicketMerge(**ids))


def _target(session: Session, ticket: Ticket) -> str | None:
    """The number of the ticket that ``ticket`` was merged into."""
    merged = select(Ticket.number).join(TicketMerge, TicketMerge.into_id == Ticket.id)
    return session.scalar(merged.where(TicketMerge.ticket_id == ticket.id))


def _merged_state(session: Session) -> str:
    states = get_setting(session, STATE_LIST)
    state = next((state.name for state in states if state.kind is StateKind.MERGED), None)
    if state is None:
        message = f"There is no state of the kind “{StateKind.MERGED}” for tickets that are merged."
        raise InputError(STATE_LIST.name, message, f"Add merged=merged to {STATE_LIST.name}.", code="merge-refused")
    return state


def _refused(message: str, advice: str) -> InputError:
    return InputError("Ticket", message, f"{advice} Nothing was merged.", code="merge-refused")
