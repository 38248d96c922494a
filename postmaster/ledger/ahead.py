"""Deciding about a batch before it is its turn, where several can record at once (docs/decisions/06).

Almost all that a batch writes waits for nobody: its rows are added first, their part of the log is on the disk, and
only then the lock is taken under which nobody else decides. What the decisions rest on is read again there, as it is
committed by then: if it is the same, so are the decisions, and what others may be writing, too, is written. Otherwise
nothing has happened, and the batch is decided about from the beginning, with the lock (``record``).

Measured beside the way without it, in turns on a busy machine: others are kept waiting for a sixth of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from postmaster.database import database_message
from postmaster.desk.tickets import claim_numbers
from postmaster.extensions import db
from postmaster.ledger.apply import LATER, lock_deciding
from postmaster.logs import Logger
from postmaster.pipeline.context import DecisionContext
from postmaster.pipeline.decision import Decision

log = Logger("postmaster.record")

# How often a batch is decided about anew because somebody else has taken the ticket numbers that it had foreseen.
ATTEMPTS = 3

# How long a statement beside the session waits for a lock. Whoever has it may wait for the session, which is idle
# meanwhile as far as PostgreSQL can see: it would never find that they wait for each other.
PATIENCE = "3s"

# A commit of next to nothing takes all to the disk that stands before it in the log, whoever wrote it.
_FLUSH = text("SELECT pg_logical_emit_message(true, 'postmaster', '')")

# Decides about the batch, as the database is at that moment.
Decide = Callable[[], tuple[DecisionContext, Sequence[Decision]]]


class OvertakenError(Exception):
    """Others have changed what the decisions rest on. Nothing was recorded."""


class Foreseen:
    """Decisions that are not certain yet. Their new tickets have numbers that nobody else gets."""

    def __init__(self, side: Connection, desk: DecisionContext, decisions: Sequence[Decision], before: int) -> None:
        """``before`` is the last ticket number that was given out before theirs."""
        self.desk = desk
        self.decisions = decisions
        self._side = side
        self._before = before

    def make_certain(self, session: Session) -> None:
        """Keep others from deciding until ``session`` has committed. Raises OvertakenError if they were faster; the
        numbers have gone back then, unless somebody has taken some behind them.
        """
        self._side.execute(_FLUSH)
        lock_deciding(session)
        if not self.desk.holds(self._side):
            claim_numbers(self._side, self.desk.day, self.desk.tickets.last_number, self._before)
            raise OvertakenError("somebody else has recorded mail that these decisions depend on")


def foresee(session: Session, side: Connection, decide: Decide) -> Foreseen:
    """Decide now; ``session`` writes what comes of it. Raises OvertakenError if the ticket numbers are in demand, and
    DBAPIError if a lock is held for longer than ``PATIENCE``.
    """
    desk, decisions, before = _with_numbers(side, decide)
    later = (each.ticket for each in decisions if each.outcome in LATER)
    desk.tickets.note_articles(session, {ticket.id for ticket in later if ticket and ticket.id})
    return Foreseen(side, desk, decisions, before)


@contextmanager
def side_connection() -> Iterator[Connection]:
    """A connection that commits each statement by itself, and that waits for locks only for a while.

    To let go of it takes round trips, for which nobody should be kept waiting. It raises nothing: what it stood beside
    is committed by then.
    """
    side = db.engine.execution_options(isolation_level="AUTOCOMMIT").connect()
    try:
        side.exec_driver_sql(f"SET lock_timeout = '{PATIENCE}'")
        yield side
    finally:
        _let_go(side)


def _let_go(side: Connection) -> None:
    """Have whoever gets the connection next wait as the server has it; nobody gets one that cannot be told so."""
    try:
        if not side.invalidated:
            side.exec_driver_sql("RESET lock_timeout")
        side.close()
    except Exception as error:  # SQLAlchemy's own, or what the driver says to be told not to commit by itself any more
        log.info("a connection is given up", error=database_message(error))
        with suppress(Exception):
            side.invalidate()


def _with_numbers(side: Connection, decide: Decide) -> tuple[DecisionContext, Sequence[Decision], int]:
    """Decisions whose new tickets have their numbers, and the last number that was given out before."""
    for _ in range(ATTEMPTS):
        desk, decisions = decide()
        first, last = desk.tickets.first_number, desk.tickets.last_number
        if first == last or claim_numbers(side, desk.day, first, last):
            return desk, decisions, first
    raise OvertakenError("others take ticket numbers all the time")
