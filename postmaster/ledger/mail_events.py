"""What programs are told of a message: the ticket that it opened, the article that it became, what it changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postmaster.extensions import Json
from postmaster.outbox.emit import NewEvent
from postmaster.outbox.models import EventType
from postmaster.pipeline.decision import Decision
from postmaster.pipeline.outcome import Outcome

# What each outcome is told as.
TOLD_AS: Mapping[Outcome, EventType] = {
    Outcome.NEW: EventType.TICKET_CREATED,
    Outcome.FOLLOW_UP: EventType.ARTICLE_ADDED,
    Outcome.REJECTED: EventType.ARTICLE_ADDED,
    Outcome.IGNORED: EventType.MAIL_IGNORED,
    Outcome.QUARANTINED: EventType.MAIL_QUARANTINED,
}

# One object for all: where columns are inserted, one with the same in each row is made ready once (``bulk``).
_NO_DATA: Json = {}


def mail_events(inbound_id: int, decision: Decision, account_id: int | None) -> Iterator[NewEvent]:
    """The events of a message, once what was decided is carried out and stands in the ledger as ``inbound_id``."""
    ticket, queue = decision.ticket, decision.queue
    queue = queue or (ticket.queue if ticket else None)
    told = NewEvent(
        TOLD_AS[decision.decided],
        ticket_id=ticket.id if ticket else None,
        article_id=decision.article_id,
        inbound_id=inbound_id,
        account_id=account_id,
        queue_id=queue.id if queue else None,
        data=_NO_DATA if decision.article_id else {"reason": decision.reason},
    )
    yield told
    if decision.changes:
        yield NewEvent(
            EventType.TICKET_CHANGED,
            ticket_id=told.ticket_id,
            inbound_id=inbound_id,
            account_id=account_id,
            queue_id=told.queue_id,
            data={"changes": decision.changes},
        )


def held_event(inbound_id: int, account_id: int | None, reason: str) -> NewEvent:
    """That a message about which nothing was decided went to quarantine."""
    return NewEvent(EventType.MAIL_QUARANTINED, inbound_id=inbound_id, account_id=account_id, data={"reason": reason})
