"""The one door through which mail becomes tickets: one durable commit a batch, or nothing at all.

Raw mail, tickets, articles, ledger rows and the renewed lease are one transaction. Only after its commit is anything
deleted on the server.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from postmaster.bulk import insert_rows
from postmaster.database import database_message, dialect_of, read_session, transaction
from postmaster.desk.tickets import hold_counter, store_raw
from postmaster.errors import MailError, mail_error
from postmaster.extensions import Json, now
from postmaster.ledger.ahead import OvertakenError, deciding_ahead
from postmaster.ledger.apply import file_decisions, lock_deciding, settle_decisions
from postmaster.ledger.envelope import envelope_of
from postmaster.ledger.hourly_counts import count_dispatched, count_mail
from postmaster.ledger.mail_events import held_event, mail_events
from postmaster.ledger.models import Deletion, InboundMail, Quarantine
from postmaster.ledger.search_index import terms_of, write_terms
from postmaster.ledger.waiting import count_waiting_times, waited_until
from postmaster.outbox.emit import emit
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.context import DecisionContext, load_context
from postmaster.pipeline.decision import REASONS, Decision, Prepared, Rules
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.preparing import Setup, check_senders, prepare_all, read_setup
from postmaster.pipeline.sender import NOBODY, Writer
from postmaster.pipeline.stages import decide
from postmaster.pipeline.verdict import NO_VERDICT, SenderVerdict

log = structlog.get_logger("postmaster.record")


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
    """What an arrival became: its row in the ledger, the outcome, and the ticket's number if it is in one."""

    inbound_id: int
    outcome: Outcome
    reason: str
    decision: Decision | None = None
    ticket: str | None = None


BeginTransaction = Callable[[Session], None]


class NotRecordedError(Exception):
    """What ``begin`` raises to have nothing recorded; it reaches the caller of ``record``."""


def record(arrivals: Sequence[Arrival], origin: Origin, begin: BeginTransaction) -> list[Recorded]:
    """Record ``arrivals`` durably, in their order; returns what each became.

    ``begin`` is called first in every transaction: it renews the lease, and raises if it was lost. A message that
    the database refuses goes to quarantine, without taking the others with it. Raises ``database-away`` if nothing
    can be stored at the moment, with nothing half done.
    """
    try:
        return _record_together(arrivals, origin, begin)
    except NotRecordedError:
        raise
    except (MailError, DBAPIError, PoolTimeoutError) as error:
        if not _is_poison(error):
            raise _away(error) from error
        log.warning("a batch was refused, its messages are stored one by one", error=database_message(error))
    except Exception as error:  # whatever a message makes our own code raise, it must not stop the others
        log.warning("a batch failed, its messages are stored one by one", error=repr(error))
    return [_record_alone(arrival, origin, begin) for arrival in arrivals]


def _record_alone(arrival: Arrival, origin: Origin, begin: BeginTransaction) -> Recorded:
    try:
        return _record_together([arrival], origin, begin)[0]
    except (MailError, DBAPIError, PoolTimeoutError) as error:
        if not _is_poison(error):
            raise _away(error) from error
        flaw = database_message(error)
    except Exception as error:
        flaw = repr(error)
    try:
        with transaction() as session:
            begin(session)
            _count(session, origin, [Outcome.QUARANTINED], [None])
            return _put_aside(session, arrival, origin, "unstorable", flaw)
    except (DBAPIError, PoolTimeoutError) as error:
        raise _away(error) from error


def _is_poison(error: Exception) -> bool:
    """Whether the database minds what it was given, and not the moment."""
    return isinstance(error, DataError | IntegrityError)


def _away(error: MailError | DBAPIError | PoolTimeoutError) -> MailError:
    return error if isinstance(error, MailError) else mail_error("database-away", server=database_message(error))


def _record_together(arrivals: Sequence[Arrival], origin: Origin, begin: BeginTransaction) -> list[Recorded]:
    batch, several = _prepared(arrivals, origin)
    if several and batch.prepared:
        try:
            return _record_ahead(batch, begin)
        except (OvertakenError, DBAPIError) as error:  # what the database minds, it minds again below
            log.info("a batch is decided about again, in its turn", error=str(error)[:500])
    return _record_in_turn(batch, begin)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages with all that can be found out about them before any transaction."""

    arrivals: Sequence[Arrival]
    prepared: Sequence[Prepared]
    setup: Setup
    origin: Origin

    def decide(self, session: Session) -> tuple[DecisionContext, Sequence[Decision]]:
        """Decide about those that could be read, as the database is now."""
        desk = load_context(session, self.setup.configuration, self.prepared, now(), self.origin.time_zone)
        return desk, [decide(each, desk) for each in self.prepared]


def _prepared(arrivals: Sequence[Arrival], origin: Origin) -> tuple[_Batch, bool]:
    """What is to be recorded, and whether others may record at the same time."""
    with read_session() as session:
        setup, several = read_setup(session), dialect_of(session) == "postgresql"
    arrivals = [arrival.pack_ahead() for arrival in check_senders(arrivals, origin.rules, setup)]
    return _Batch(arrivals, prepare_all(arrivals, origin.rules, setup), setup, origin), several


def _record_in_turn(batch: _Batch, begin: BeginTransaction) -> list[Recorded]:
    """Decide and record while nobody else does."""
    with transaction() as session:
        begin(session)
        lock_deciding(session)
        hold_counter(session, now().astimezone(batch.origin.time_zone).date())
        desk, decisions = batch.decide(session)
        done = _file(session, batch, desk, decisions)
        _settle(session, batch.origin, desk, decisions, done)
    return done


def _record_ahead(batch: _Batch, begin: BeginTransaction) -> list[Recorded]:
    """The same, but nobody waits for more than the end of it. Raises OvertakenError, with nothing recorded."""
    with transaction() as session:
        begin(session)
        with deciding_ahead(session, partial(batch.decide, session)) as foreseen:
            desk, decisions = foreseen.desk, foreseen.decisions
            done = _file(session, batch, desk, decisions, claimed=True)
            foreseen.make_certain(session)
        _settle(session, batch.origin, desk, decisions, done)
    return done


def _file(
    session: Session, batch: _Batch, desk: DecisionContext, decisions: Sequence[Decision], *, claimed: bool = False
) -> list[Recorded]:
    """Add the rows of all messages; returns what became of each, in their order."""
    file_decisions(session, decisions, desk.choices.moment, desk.day, claimed=claimed)
    readable = iter(_enter_decided(session, decisions, batch.origin, desk.choices.moment))
    return [
        _put_aside(session, arrival, batch.origin, "unreadable", arrival.flaw)
        if arrival.message is None
        else next(readable)
        for arrival in batch.arrivals
    ]


def _settle(
    session: Session,
    origin: Origin,
    desk: DecisionContext,
    decisions: Sequence[Decision],
    done: Sequence[Recorded],
) -> None:
    """Write what others may be writing, too: what follow-ups change, and counts."""
    moment = desk.choices.moment
    settle_decisions(session, decisions, moment)
    waited = (_waited(decision, origin, moment) for decision in decisions)
    count_waiting_times(session, (seconds for seconds in waited if seconds is not None), moment)
    _count(session, origin, [row.outcome for row in done], [_queue_of(row) for row in done])


def _count(session: Session, origin: Origin, outcomes: Sequence[Outcome], queue_ids: Sequence[int | None]) -> None:
    """Count messages by their account, and by the queue that each came into."""
    moment = now()
    count_mail(session, origin.account_id, outcomes, moment)
    count_dispatched(session, queue_ids, moment)


def _queue_of(row: Recorded) -> int | None:
    return row.decision.ticket.queue.id if row.decision and row.decision.ticket else None


def _enter_decided(session: Session, decisions: Sequence[Decision], origin: Origin, moment: datetime) -> list[Recorded]:
    """Enter messages into the ledger once their tickets are stored, or put them aside if that was decided."""
    kept = [decision for decision in decisions if decision.outcome is not Outcome.QUARANTINED]
    ids = iter(_enter(session, origin, [_decided_row(decision, origin, moment) for decision in kept]))
    done = [
        _hold(session, decision, origin) if decision.outcome is Outcome.QUARANTINED else _recorded(next(ids), decision)
        for decision in decisions
    ]
    for row, decision in zip(done, decisions, strict=True):
        emit(session, mail_events(row.inbound_id, decision, origin.account_id))
    return done


def _recorded(inbound_id: int, decision: Decision) -> Recorded:
    number = decision.ticket.number if decision.ticket else None
    return Recorded(inbound_id, decision.decided, decision.reason, decision, number)


def _decided_row(decision: Decision, origin: Origin, moment: datetime) -> Json:
    ticket_id = decision.ticket.id if decision.ticket else None
    arrival, outcome = decision.prepared.arrival, decision.decided
    row = _ledger_row(arrival, origin, moment, outcome, decision.reason, decision.trace, decision.writer)
    waited = _waited(decision, origin, moment)
    return {**row, "ticket_id": ticket_id, "verdict": decision.prepared.verdict.kept(), "waited": waited}


def _waited(decision: Decision, origin: Origin, moment: datetime) -> int | None:
    return waited_until(decision.message, moment) if decision.ticket and origin.mailbox_id else None


def _hold(session: Session, decision: Decision, origin: Origin) -> Recorded:
    """Put a message aside that could be read."""
    verdict = decision.prepared.verdict
    held = _quarantine(session, decision.prepared.arrival, origin, decision.reason, "", decision.trace, verdict)
    return dataclasses.replace(held, decision=decision)


def _put_aside(session: Session, arrival: Arrival, origin: Origin, reason: str, flaw: str) -> Recorded:
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
    """Put ``arrival`` aside with its raw source, for somebody to look at."""
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
