"""Rows of the ledger: of messages that were decided about, and of those that are put aside."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from postmaster.bulk import insert_rows
from postmaster.desk.tickets import store_raw
from postmaster.extensions import Json, now
from postmaster.ledger.envelope import envelope_of
from postmaster.ledger.mail_events import held_event, mail_events
from postmaster.ledger.models import Deletion, InboundMail, Quarantine
from postmaster.ledger.search_index import terms_of, write_terms
from postmaster.ledger.waiting import waited_until
from postmaster.outbox.emit import emit
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.decision import REASONS, Decision, Rules
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.sender import NOBODY, Writer
from postmaster.pipeline.verdict import NO_VERDICT, SenderVerdict


@dataclass(frozen=True, slots=True)
class Origin:
    """Where messages come from, and what holds for all of them. A pipe has neither mailbox, run nor account."""

    rules: Rules
    label: str
    time_zone: ZoneInfo
    mailbox_id: int | None = None
    run_id: int | None = None
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an arrival became: its row in the ledger, the outcome, and the ticket's number if it is in one.

    ``waited`` is as the ledger has it.
    """

    inbound_id: int
    outcome: Outcome
    reason: str
    decision: Decision | None = None
    ticket: str | None = None
    waited: int | None = None


def enter_decided(session: Session, decisions: Sequence[Decision], origin: Origin, moment: datetime) -> list[Recorded]:
    """Enter messages into the ledger once their tickets are stored, or put them aside if that was decided."""
    kept = [decision for decision in decisions if decision.outcome is not Outcome.QUARANTINED]
    rows = [_decided_row(decision, origin, moment) for decision in kept]
    entered = zip(_enter(session, origin, rows), rows, strict=True)
    done = [
        _hold(session, decision, origin)
        if decision.outcome is Outcome.QUARANTINED
        else _recorded(decision, *next(entered))
        for decision in decisions
    ]
    for row, decision in zip(done, decisions, strict=True):
        emit(session, mail_events(row.inbound_id, decision, origin.account_id))
    return done


def _recorded(decision: Decision, inbound_id: int, row: Json) -> Recorded:
    number = decision.ticket.number if decision.ticket else None
    return Recorded(inbound_id, decision.decided, decision.reason, decision, number, row["waited"])


def _decided_row(decision: Decision, origin: Origin, moment: datetime) -> Json:
    ticket_id = decision.ticket.id if decision.ticket else None
    arrival, outcome = decision.prepared.arrival, decision.decided
    row = _ledger_row(arrival, origin, moment, outcome, decision.reason, decision.trace, decision.writer)
    waited = waited_until(decision.message, moment) if ticket_id and origin.mailbox_id else None
    return {**row, "ticket_id": ticket_id, "verdict": decision.prepared.verdict.kept(), "waited": waited}


def _hold(session: Session, decision: Decision, origin: Origin) -> Recorded:
    """Put a message aside that could be read."""
    verdict = decision.prepared.verdict
    held = _quarantine(session, decision.prepared.arrival, origin, decision.reason, "", decision.trace, verdict)
    return dataclasses.replace(held, decision=decision)


def put_aside(session: Session, arrival: Arrival, origin: Origin, reason: str, flaw: str) -> Recorded:
    """Put ``arrival`` aside, about which nothing was decided."""
    held = _quarantine(session, arrival, origin, reason, flaw)
    emit(session, [held_event(held.inbound_id, origin.account_id, reason)])
    return held


def _quarantine(
    session: Session,
    arrival: Arrival,
    origin: Origin,
    reason: str,
    flaw: str,
    trace: list[Json] | None = None,
    verdict: SenderVerdict = NO_VERDICT,
) -> Recorded:
    """Put ``arrival`` aside with its raw source, for somebody to look at.

    Its id in quarantine is given at the next flush, which is under the lock of deciding: so ids there are in the order
    of commits: until then nothing here may flush, ``database.execute`` included. Whoever deletes all that he has seen
    names the newest, and nothing may come up below it.
    """
    moment = now()
    trace = trace or [{"stage": "record", "text": REASONS[reason], "reason": reason, "error": flaw}]
    row = _ledger_row(arrival, origin, moment, Outcome.QUARANTINED, reason, trace) | {"verdict": verdict.kept()}
    [inbound_id] = _enter(session, origin, [row])
    [raw_id] = store_raw(session, [arrival.packed])
    session.add(
        Quarantine(
            inbound_id=inbound_id,
            account_id=origin.account_id,
            raw_id=raw_id,
            label=origin.label,
            reason=reason,
            size=len(arrival.raw),
            error=_storable(flaw),
            sender=row["sender"],
            subject=row["subject"],
            created_at=moment,
        )
    )
    return Recorded(inbound_id, Outcome.QUARANTINED, reason)


def _storable(text: str) -> str:
    """``text`` without what a database may refuse: this is written when it has just refused something."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:1000]


def _enter(session: Session, origin: Origin, rows: Sequence[Json]) -> list[int]:
    """Write ``rows`` into the ledger, with the terms that they are found by; returns their ids."""
    if not rows:
        return []
    ids = insert_rows(session, InboundMail, rows)
    write_terms(session, zip(ids, (terms_of(row, origin.account_id) for row in rows), strict=True))
    return ids


def _ledger_row(
    arrival: Arrival,
    origin: Origin,
    moment: datetime,
    outcome: Outcome,
    reason: str,
    trace: list[Json],
    writer: Writer = NOBODY,
) -> Json:
    return {
        "label": origin.label,
        **envelope_of(arrival.message, arrival.raw, writer).as_row(),
        "mailbox_id": origin.mailbox_id,
        "run_id": origin.run_id,
        "identity": arrival.identity,
        "occurrence": arrival.occurrence,
        "sha256": arrival.sha256,
        "size": len(arrival.raw),
        "outcome": outcome,
        "reason": reason,
        "trace": trace,
        "verdict": None,
        "ticket_id": None,
        "recorded_at": moment,
        "waited": None,
        "deletion": Deletion.NONE if origin.mailbox_id is None else Deletion.PENDING,
    }
