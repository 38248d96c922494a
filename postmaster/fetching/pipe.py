"""One message from a pipe, as a mail transfer agent hands it over."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.models import Trust
from postmaster.database import lock_until_end, read_session
from postmaster.desk.models import Queue, Ticket
from postmaster.extensions import Json
from postmaster.fetching.foresight import Foresight
from postmaster.fetching.pending import piped_before
from postmaster.ledger.entries import Origin
from postmaster.ledger.record import NotRecordedError, record
from postmaster.pipeline.arrival import Arrival, read_arrival
from postmaster.pipeline.decision import REASONS, Rules
from postmaster.pipeline.json import describe_decision, describe_message
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.verdict import NO_VERDICT
from postmaster.resources.models import Validity


class PipedBeforeError(NotRecordedError):
    """The same bytes came lately; ``ticket_id`` is the ticket they are in, if they are in one.

    ``mail_id`` is their id in the ledger.
    """

    def __init__(self, mail_id: int, ticket_id: int | None) -> None:
        super().__init__()
        self.mail_id = mail_id
        self.ticket_id = ticket_id


@dataclass(frozen=True, slots=True)
class PipeTransaction:
    """What belongs into the transaction that records a piped message; ``again``: also if the same bytes came lately."""

    sha256: bytes
    again: bool

    def begin(self, session: Session) -> None:
        """Raise PipedBeforeError for the same delivery tried again."""
        if self.again:
            return
        # Two deliveries of the same bytes at this moment: the second waits until the first has stored them.
        lock_until_end(session, int.from_bytes(self.sha256[:8], "big", signed=True))
        row = piped_before(session, self.sha256)
        if row is not None:
            raise PipedBeforeError(row.id, row.ticket_id)


def pipe_name(queue: str) -> str:
    """The queue that ``--queue`` names. Bytes that are no UTF-8 can be in no name."""
    return queue.encode(errors="replace").decode().replace("\0", "�")


def pipe_rules(queue: str | None, trust: Trust) -> Rules:
    """The rules for ``--queue`` and ``--trusted``. A queue that is not there, or not valid, must not keep mail out."""
    if queue is None:
        return Rules(trust)
    name = pipe_name(queue)
    with read_session() as session:
        found = select(Queue.id).where(Queue.name == name, Queue.validity == Validity.VALID)
        queue_id = session.execute(found).scalar_one_or_none()
    return Rules(trust, queue_id) if queue_id is not None else Rules(trust, missing_queue=name)


def take_from_pipe(raw: bytes, rules: Rules, *, again: bool = False) -> Json:
    """Record ``raw`` durably and describe its outcome (docs/reference.md#json).

    The same bytes within 24 hours are the same delivery tried again, unless ``again``. Raises ``database-away`` if
    nothing was stored.
    """
    arrival = _arrival(raw)
    origin = Origin(rules, label="pipe", time_zone=config.current().time_zone)
    try:
        [recorded] = record([arrival], origin, PipeTransaction(arrival.sha256, again).begin)
    except PipedBeforeError as before:
        return _describe_before(before.ticket_id, arrival)
    if recorded.decision is None:
        return {**_nothing(recorded.outcome, recorded.reason), "message": _message(arrival)}
    return {**describe_decision(recorded.decision), "ticket": recorded.ticket, "message": _message(arrival)}


def preview_from_pipe(raw: bytes, rules: Rules) -> Json:
    """The outcome that ``raw`` would have; nothing is stored."""
    arrival = _arrival(raw)
    with read_session() as session:
        before = piped_before(session, arrival.sha256)
        if before is not None:
            return _describe_before(before.ticket_id, arrival)
        [decision] = Foresight(session, rules).of([arrival])
    return {"ticket": None, **decision, "message": _message(arrival)}


def _arrival(raw: bytes) -> Arrival:
    sha256 = hashlib.sha256(raw).digest()
    return read_arrival(raw, sha256, f"sha256:{sha256.hex()}", 0)


def _describe_before(ticket_id: int | None, arrival: Arrival) -> Json:
    with read_session() as session:
        ticket = session.get(Ticket, ticket_id) if ticket_id else None
    description = _nothing(Outcome.ALREADY_RECORDED, "piped-before")
    if ticket:
        description |= {"ticket": ticket.number, "queue": ticket.queue.name, "title": ticket.title}
    return {**description, "message": _message(arrival)}


def _nothing(outcome: Outcome, reason: str) -> Json:
    """A description of what was not decided."""
    return {
        "outcome": outcome.value,
        "reason": reason,
        "queue": None,
        "title": "",
        "attributes": {},
        "loop": False,
        "automatic": False,
        "sender_verdict": NO_VERDICT.as_json(),
        "trace": [{"stage": "record", "text": REASONS[reason], "reason": reason}],
        "ticket": None,
    }


def _message(arrival: Arrival) -> Json | None:
    return describe_message(arrival.message) if arrival.message else None
