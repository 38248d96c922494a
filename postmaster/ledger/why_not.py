"""Why is a message not in that queue or ticket, and why did that filter not match: the first thing that stood against.

The message is decided on again by the stages, filters and clues that decide on mail (``ledger.replay``), as things
stand now; what was decided when it came is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue, SystemAddress, Ticket, TicketMerge
from postmaster.desk.queues import QueueService
from postmaster.desk.ticket_view import find_ticket
from postmaster.errors import NotFoundError
from postmaster.extensions import Json
from postmaster.ledger.models import InboundMail
from postmaster.ledger.obstacles import (
    Obstacle,
    ObstacleKind,
    beaten_queue,
    filter_obstacle,
    filters_into,
    leads_into,
    named_obstacle,
    unnamed_obstacle,
)
from postmaster.ledger.replay import Replay, replay
from postmaster.ledger.trace import MailTrace, trace_mail
from postmaster.pipeline.context import recipients
from postmaster.pipeline.decision import REASONS
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.patterns import setting
from postmaster.pipeline.filters.service import FilterService
from postmaster.pipeline.outcome import OUTCOMES, Outcome
from postmaster.resources.models import Validity

# Addresses of a queue that are named.
MAX_ADDRESSES = 5


@dataclass(frozen=True)
class WhyNot:
    """The answer to why a message is not where ``name``, a queue, filter or ticket (``what``), would have it.

    The first of ``obstacles`` stood against it; without any, ``otherwise`` says how it is. ``found`` is what would be
    decided now; None if the source of the message is not kept.
    """

    trace: MailTrace
    what: str
    name: str
    obstacles: Sequence[Obstacle]
    otherwise: str
    found: Replay | None

    @property
    def differs(self) -> str:
        """A sentence if the message would not become now what it became when it came; else empty."""
        mail = self.trace.mail
        if self.found is None or mail.outcome is Outcome.QUARANTINED:
            return ""
        decision = self.found.decision
        if (decision.outcome, decision.reason) == (mail.outcome, mail.reason) or not mail.reason:
            return ""
        now = f"{OUTCOMES[decision.decided].label}: {REASONS.get(decision.reason, decision.reason)}"
        then = f"{OUTCOMES[mail.outcome].label}: {self.trace.explanation}"
        return f"Rules or tickets have changed since it came. Then: {then} Now: {now}"

    def as_json(self) -> Json:
        """The form that ``--json`` prints and the API answers (docs/reference.md#json)."""
        first = self.obstacles[0] if self.obstacles else None
        return {
            "mail": self.trace.mail.id,
            "asked": {self.what: self.name},
            "answer": first.text if first else self.otherwise,
            "stood_against": first.as_json() if first else None,
            "also": [each.as_json() for each in self.obstacles[1:]],
            "differs": self.differs or None,
        }


def why_not(session: Session, mail_id: int, what: str, name: str, zone: ZoneInfo) -> WhyNot:
    """Why the message is not in the queue or ticket ``name``, or why the filter did not match: ``what`` says which.

    Nothing is written. Raises NotFoundError for an unknown message, queue, filter or ticket, and for a filter if the
    source of the message is not kept.
    """
    return QUESTIONS[what](_Asked(session, trace_mail(session, mail_id), zone), name)


@dataclass
class _Asked:
    """What every question needs: the message, and how it would be decided on now."""

    session: Session
    trace: MailTrace
    zone: ZoneInfo

    def __post_init__(self) -> None:
        self.found = replay(self.session, self.mail, self.zone)
        ticket_id = self.mail.ticket_id
        self.ticket = self.session.get(Ticket, ticket_id) if ticket_id else None

    @property
    def mail(self) -> InboundMail:
        return self.trace.mail

    def answer(self, what: str, name: str, obstacles: Iterator[Obstacle], otherwise: str = "") -> WhyNot:
        """``otherwise`` is said instead of ``obstacles``."""
        return WhyNot(self.trace, what, name, [] if otherwise else list(obstacles), otherwise, self.found)


def _why_not_queue(asked: _Asked, name: str) -> WhyNot:
    queue = QueueService(asked.session, "").find(name)
    return asked.answer("queue", queue.name, _against_queue(asked, queue), _in_queue(asked, queue))


def _in_queue(asked: _Asked, queue: Queue) -> str:
    """A sentence if the message is in ``queue``, or was, or would be now."""
    ticket, found = asked.ticket, asked.found
    if ticket is not None and ticket.queue_id == queue.id:
        return f"It is there: its ticket {ticket.number} is in the queue “{queue.name}”."
    went = [line for line in asked.mail.trace if line.get("stage") == "dispatch" and line.get("queue")]
    if ticket is not None and went and went[-1]["queue"] == queue.name:
        return f"It came there, and its ticket {ticket.number} was moved to “{ticket.queue.name}” later."
    if asked.mail.outcome is Outcome.NEW and found and found.decision.queue and found.decision.queue.id == queue.id:
        return f"Nothing stands against it now: it would go to “{queue.name}”. {REASONS[found.decision.reason]}"
    return ""


def _against_queue(asked: _Asked, queue: Queue) -> Iterator[Obstacle]:
    obstacles = list(_obstacles_to_queue(asked, queue))
    yield from obstacles or (_recorded(asked.trace),)


def _recorded(trace: MailTrace) -> Obstacle:
    """What was decided when the message came, if it cannot be decided on again."""
    text = f"When it came, something else was decided: {trace.explanation or trace.mail.outcome}"
    return Obstacle(ObstacleKind.ORDER, text, {"reason": trace.mail.reason})


def _obstacles_to_queue(asked: _Asked, queue: Queue) -> Iterator[Obstacle]:
    if queue.validity is not Validity.VALID:
        yield Obstacle(ObstacleKind.VALIDITY, f"The queue “{queue.name}” is not valid, so no mail is put into it.")
    yield from _decided_before(asked)
    found = asked.found
    if found is not None:
        yield from beaten_queue(found, queue)
        yield from filters_into(found, queue)
    yield from _invalid_filters_into(asked.session, queue)
    if found is not None:
        yield from _other_addresses(asked.session, found, queue)


def _decided_before(asked: _Asked) -> Iterator[Obstacle]:
    """What settled the message before any queue was looked for."""
    mail = asked.mail
    by_hand = next((line for line in reversed(mail.trace) if line["stage"] == "quarantine"), None)
    if by_hand is not None and mail.outcome is not Outcome.QUARANTINED:
        yield Obstacle(ObstacleKind.ORDER, f"Somebody decided: {by_hand['text']}")
    elif mail.outcome is not Outcome.NEW:
        where = f" {asked.ticket.number}, which is in “{asked.ticket.queue.name}”" if asked.ticket else ""
        label = OUTCOMES[mail.outcome].label
        text = f"It did not get as far as that. {label}{where}: {asked.trace.explanation}"
        yield Obstacle(ObstacleKind.ORDER, text, {"outcome": mail.outcome.value, "reason": mail.reason})


def _invalid_filters_into(session: Session, queue: Queue) -> Iterator[Obstacle]:
    invalid = select(PostmasterFilter).where(PostmasterFilter.validity != Validity.VALID)
    for row in session.scalars(invalid.order_by(PostmasterFilter.name)).unique():
        if leads_into(map(setting, row.sets), queue):
            text = f"The filter “{row.name}” leads into “{queue.name}”, but is not valid."
            yield Obstacle(ObstacleKind.VALIDITY, text, {"filter": row.name})


def _other_addresses(session: Session, found: Replay, queue: Queue) -> Iterator[Obstacle]:
    """What the addresses say: those that the queue has, and those that the message was sent to."""
    linked = select(SystemAddress).where(SystemAddress.queue_id == queue.id).order_by(SystemAddress.address)
    rows, sent_to = session.scalars(linked).all(), recipients(found.prepared.message)
    for row in rows:
        if row.address in sent_to and row.validity is not Validity.VALID:
            text = f"It was sent to {row.address}, which is linked with “{queue.name}”, but is not valid."
            yield Obstacle(ObstacleKind.VALIDITY, text, {"address": row.address})
            return
    named = ", ".join(row.address for row in rows[:MAX_ADDRESSES]) or "no address"
    sent = ", ".join(sent_to[:MAX_ADDRESSES]) or "no address"
    if not any(row.address in sent_to for row in rows):
        text = f"Nothing in it leads into “{queue.name}”: it was sent to {sent}, and that queue has {named}."
        yield Obstacle(ObstacleKind.VALUE, text, {"value": sent})


def _why_not_filter(asked: _Asked, name: str) -> WhyNot:
    record = FilterService(asked.session, "").find(name)
    if record.validity is not Validity.VALID:
        text = f"The filter “{record.name}” is not valid, so it is not tried."
        return asked.answer("filter", record.name, iter((Obstacle(ObstacleKind.VALIDITY, text),)))
    if asked.found is None:
        raise _no_source(asked.mail.id)
    attempt = next(each for each in asked.found.attempts if each.trial.filter.id == record.id)
    obstacle = filter_obstacle(attempt)
    if obstacle is not None:
        return asked.answer("filter", record.name, iter((obstacle,)))
    sets = ", ".join(f"{control.name}: {control.value}" for control in attempt.trial.sets) or "nothing"
    return asked.answer("filter", record.name, iter(()), f"The filter “{record.name}” matches, and sets {sets}.")


def _why_not_ticket(asked: _Asked, number: str) -> WhyNot:
    ticket = find_ticket(asked.session, number.strip())
    there = _in_ticket(asked, ticket)
    return asked.answer("ticket", ticket.number, _against_ticket(asked, ticket), there)


def _in_ticket(asked: _Asked, ticket: Ticket) -> str:
    """A sentence if the message is in ``ticket``, or in the one that it was merged into."""
    if asked.mail.ticket_id == ticket.id:
        return f"It is there: it belongs to the ticket {ticket.number}."
    merged = asked.session.scalar(select(TicketMerge.into_id).where(TicketMerge.ticket_id == ticket.id))
    if asked.ticket is not None and merged == asked.ticket.id:
        return f"The ticket {ticket.number} was merged into {asked.ticket.number}, which has this message."
    return ""


def _against_ticket(asked: _Asked, ticket: Ticket) -> Iterator[Obstacle]:
    mail, found = asked.mail, asked.found
    if ticket.created_at > mail.recorded_at:
        yield Obstacle(ObstacleKind.ORDER, f"The ticket {ticket.number} was opened after the message had come.")
    if mail.outcome in (Outcome.QUARANTINED, Outcome.IGNORED) or any(e["stage"] == "quarantine" for e in mail.trace):
        yield from _decided_before(asked)
    if found is None:
        return
    main = found.desk.tickets.main_of
    winner = next((named for named in found.named if not named.why_not), None)
    mine = [named for named in found.named if ticket.id in (named.ticket.id, main(named.ticket).id)]
    for named in mine:
        if obstacle := named_obstacle(named, winner):
            yield obstacle
    if not mine:
        yield unnamed_obstacle(found, ticket.number)
    elif winner in mine:  # it was found, and a later stage did not leave it there
        yield from _turned_down(found, ticket)


def _turned_down(found: Replay, ticket: Ticket) -> Iterator[Obstacle]:
    lines = [line for line in found.decision.trace if line["stage"] == "follow-up" and not line.get("reason")]
    about = [line for line in lines if ticket.number in line["text"]]
    text = about[-1]["text"] if about else f"The message would be added to the ticket {ticket.number} now."
    yield Obstacle(ObstacleKind.VALUE, text, {"ticket": ticket.number})


def _no_source(mail_id: int) -> NotFoundError:
    message = f"The source of mail {mail_id} is not kept, so no filter can be tried on it."
    return NotFoundError("unknown-source", message, "What was found when it came: flask mail show")


# What can be asked for, by the name of the option, parameter and input.
QUESTIONS: dict[str, Callable[[_Asked, str], WhyNot]] = {
    "queue": _why_not_queue,
    "filter": _why_not_filter,
    "ticket": _why_not_ticket,
}
