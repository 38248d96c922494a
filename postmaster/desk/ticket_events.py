"""Telling programs what was changed of a ticket, without anything that a mail says or who a customer is."""

from __future__ import annotations

from sqlalchemy.orm import Session

from postmaster.desk.models import Ticket
from postmaster.desk.tickets import TicketAttributes
from postmaster.extensions import Json
from postmaster.outbox.emit import NewEvent, emit
from postmaster.outbox.models import EventType

# Fields whose values come from mail: an event says that they have changed, and the ticket what they are.
UNTOLD = frozenset({"title", "customer_id", "customer_user", "dynamic_fields"})


def ticket_fields(title: str, queue: str, attributes: TicketAttributes) -> Json:
    """What can be changed of a ticket."""
    return {"title": title, "queue": queue, **attributes.as_json()}


def fields_of(ticket: Ticket) -> Json:
    """The same of a stored ticket."""
    return ticket_fields(ticket.title, ticket.queue.name, TicketAttributes.of(ticket))


def changed_fields(before: Json, after: Json) -> Json:
    """What differs, as ``[old, new]``; values of ``UNTOLD`` fields are left out."""
    return {
        name: [None, None] if name in UNTOLD else [before[name], value]
        for name, value in after.items()
        if before[name] != value
    }


def tell_change(session: Session, ticket: Ticket, changes: Json) -> None:
    """Emit that these fields of ``ticket`` were changed, if there are any. The caller commits."""
    if changes:
        data = {"changes": changes}
        changed = NewEvent(EventType.TICKET_CHANGED, ticket_id=ticket.id, queue_id=ticket.queue.id, data=data)
        emit(session, [changed])
