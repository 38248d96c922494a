"""The one door through which mail becomes tickets: one durable commit a batch, or nothing at all.

Raw mail, tickets, articles, ledger rows and the renewed lease are one transaction. Only after its commit is anything
deleted on the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from postmaster.database import (
    database_message,
    dialect_of,
    once_more_after_deadlock,
    read_session,
    transaction,
)
from postmaster.desk.tickets import hold_counter
from postmaster.errors import MailError, mail_error
from postmaster.extensions import now
from postmaster.ledger.ahead import OvertakenError, foresee, side_connection
from postmaster.ledger.apply import file_decisions, lock_deciding, settle_decisions
from postmaster.ledger.entries import Origin, Recorded, enter_decided, put_aside
from postmaster.ledger.hourly_counts import count_dispatched, count_mail
from postmaster.ledger.waiting import count_waiting_times
from postmaster.logs import Logger
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.context import DecisionContext, load_context
from postmaster.pipeline.decision import Decision, Prepared
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.preparing import Setup, check_senders, prepare_all, read_setup
from postmaster.pipeline.stages import decide
from postmaster.roundtrips import sent_together

log = Logger("postmaster.record")


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
            lock_deciding(session)  # as others have it who put mail aside: ids there are in the order of commits
            _count(session, origin, [Outcome.QUARANTINED], [None])
            return put_aside(session, arrival, origin, "unstorable", flaw)
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
        except (OvertakenError, DBAPIError, PoolTimeoutError) as error:  # what the database minds, it minds again below
            log.info("a batch is decided about again, in its turn", error=database_message(error))
    return once_more_after_deadlock(lambda: _record_in_turn(batch, begin))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages with all that can be found out about them before any transaction."""

    arrivals: Sequence[Arrival]
    prepared: Sequence[Prepared]
    setup: Setup
    origin: Origin

    def decide(self, session: Session, moment: datetime) -> tuple[DecisionContext, Sequence[Decision]]:
        """Decide at ``moment`` about those that could be read, as the database is now."""
        desk = load_context(session, self.setup.configuration, self.prepared, moment, self.origin.time_zone)
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
        moment = now()  # one for both: over midnight, another day's counter would be held
        hold_counter(session, moment.astimezone(batch.origin.time_zone).date())
        desk, decisions = batch.decide(session, moment)
        done = _file(session, batch, desk, decisions)
        _settle(session, batch.origin, desk, decisions, done)
    return done


def _record_ahead(batch: _Batch, begin: BeginTransaction) -> list[Recorded]:
    """The same, but nobody waits for more than the end of it. Raises OvertakenError, with nothing recorded, and
    ``database-away`` if the connection broke off while it was committed: then it may be recorded.
    """
    committing = False
    try:
        with side_connection() as side, transaction() as session:
            begin(session)
            foreseen = foresee(session, side, lambda: batch.decide(session, now()))
            desk, decisions = foreseen.desk, foreseen.decisions
            done = _file(session, batch, desk, decisions, claimed=True)
            foreseen.make_certain(session)
            _settle(session, batch.origin, desk, decisions, done)
            committing = True
    except DBAPIError as error:
        if committing and error.connection_invalidated:
            raise _away(error) from error
        raise
    return done


def _file(
    session: Session, batch: _Batch, desk: DecisionContext, decisions: Sequence[Decision], *, claimed: bool = False
) -> list[Recorded]:
    """Add the rows of all messages; returns what became of each, in their order."""
    file_decisions(session, decisions, desk.choices.moment, desk.day, claimed=claimed)
    readable = iter(enter_decided(session, decisions, batch.origin, desk.choices.moment))
    return [
        put_aside(session, arrival, batch.origin, "unreadable", arrival.flaw)
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
    with sent_together(session):
        settle_decisions(session, decisions, moment)
        count_waiting_times(session, (row.waited for row in done if row.waited is not None), moment)
        _count(session, origin, [row.outcome for row in done], [_queue_of(row) for row in done])


def _count(session: Session, origin: Origin, outcomes: Sequence[Outcome], queue_ids: Sequence[int | None]) -> None:
    """Count messages by their account, and by the queue that each came into."""
    moment = now()
    count_mail(session, origin.account_id, outcomes, moment)
    count_dispatched(session, queue_ids, moment)


def _queue_of(row: Recorded) -> int | None:
    return row.decision.ticket.queue.id if row.decision and row.decision.ticket else None
