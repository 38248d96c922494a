"""Dispatching tickets again, after a link, a filter or an account was corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.desk.models import Article, Queue, RawMail, Ticket
from postmaster.desk.rawmail import unpack
from postmaster.desk.ticket_events import tell_change
from postmaster.desk.ticket_service import TicketChange, TicketService
from postmaster.errors import InputError
from postmaster.extensions import now
from postmaster.ledger.models import InboundMail
from postmaster.ledger.replay import rules_of
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.arrival import Arrival, read_arrival
from postmaster.pipeline.context import load_context
from postmaster.pipeline.preparing import prepare, read_setup
from postmaster.pipeline.stages import NEW_TICKET_STAGES, decide
from postmaster.pipeline.verdict import checked_before
from postmaster.resources.audit import audit


def dispatch_again(session: Session, numbers: Sequence[str], actor: str) -> list[TicketChange]:
    """Decide anew about the first message of each ticket, by its account's present rules, and move the ticket.

    Why it is where it is then stands in the ledger's trace. Raises NotFoundError for an unknown ticket, InputError
    for one whose message cannot be read. One message at a time is in memory. The caller commits.
    """
    service = TicketService(session, actor)
    return [_dispatch(service, ticket) for ticket in service.find(numbers)]


def _dispatch(service: TicketService, ticket: Ticket) -> TicketChange:
    session = service.session
    arrival, message = _first_message(session, ticket)
    inbound = session.scalars(
        select(InboundMail).where(InboundMail.ticket_id == ticket.id).order_by(InboundMail.id).limit(1)
    ).first()
    arrival = replace(arrival, checked=checked_before(inbound.verdict if inbound else None))
    setup = read_setup(session)
    prepared = prepare(arrival, message, rules_of(session, inbound), setup)
    desk = load_context(session, setup.configuration, [prepared], now(), config.current().time_zone)
    decision = decide(prepared, desk, NEW_TICKET_STAGES)
    # A message that would not become a ticket any more has no queue, and its ticket stays where it is.
    queue = session.get(Queue, decision.queue.id) if decision.queue else None
    changes = service.move(ticket, queue) if queue else {}
    tell_change(session, ticket, changes)
    if inbound:
        inbound.trace = [*inbound.trace, {"stage": "again", "text": f"Again, by {service.actor}."}, *decision.trace]
    audit(session, service.actor, "dispatch", "ticket", ticket.number, {**changes, "reason": decision.reason})
    session.flush()
    return TicketChange(ticket.number, changes)


def _first_message(session: Session, ticket: Ticket) -> tuple[Arrival, ParsedMessage]:
    raw = session.scalars(
        select(RawMail).join(Article).where(Article.ticket_id == ticket.id).order_by(Article.id).limit(1)
    ).first()
    flaw = "its source is no longer kept, or it was merged into another ticket"
    if raw is not None:
        arrival = read_arrival(unpack(raw.encoding, raw.data), b"", "", 0)
        session.expunge(raw)
        if arrival.message is not None:
            return arrival, arrival.message
        flaw = arrival.flaw
    message = f"The ticket {ticket.number} cannot be dispatched again, because its mail cannot be read: {flaw}."
    raise InputError("Ticket", message, "Leave it out, or move it to a queue.", code="unreadable")
