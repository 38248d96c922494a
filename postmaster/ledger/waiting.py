"""How long mail waited: from when the mailbox's server had it until it was recorded."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Executable, func, select
from sqlalchemy.orm import Session

from postmaster.database import dialect_of, insert_into
from postmaster.ledger.flow_models import WaitingHour
from postmaster.ledger.hourly_counts import hour_of
from postmaster.parsing.dates import parse_date
from postmaster.parsing.message import ParsedMessage

# A month, in seconds. What is older was in its mailbox before anybody fetched it, and says nothing of how fast mail is.
MAX_WAITED = 30 * 24 * 3600

# Seconds up to which messages are counted together: finer than anybody looks at, and a handful of rows an hour.
_MINUTES = (1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 120, 240, 480, 24 * 60, 7 * 24 * 60)
BOUNDS = (15, 30, 45, *(int(minutes * 60) for minutes in _MINUTES), MAX_WAITED)


@dataclass(frozen=True, slots=True)
class Waited:
    """Seconds within which half of the mail, and 95 in a hundred, had become tickets; and of how many messages."""

    half: int
    most: int
    mails: int


def waited_until(message: ParsedMessage, moment: datetime) -> int | None:
    """Seconds from when the last server took ``message`` until ``moment``; None if it does not say when, or that was
    longer than ``MAX_WAITED`` ago.

    That is what its topmost Received field tells after the semicolon (RFC 5321 section 4.4). A clock that is ahead of
    ours counts as no time at all.
    """
    for value in message.header_values("Received")[:1]:
        arrived = parse_date(value.rpartition(";")[2])
        if arrived is not None:
            waited = max(0, int((moment - arrived).total_seconds()))
            return waited if waited <= MAX_WAITED else None
    return None


def count_waiting_times(session: Session, waited: Iterable[int], moment: datetime) -> None:
    """Add messages that waited that many seconds to the hour of ``moment``. The caller commits."""
    counts = Counter(BOUNDS[bisect_left(BOUNDS, seconds)] for seconds in waited)
    rows = [{"hour": hour_of(moment), "seconds": bound, "mails": count} for bound, count in sorted(counts.items())]
    if rows:
        session.connection().execute(_adding(dialect_of(session)), rows)


@cache
def _adding(dialect: str) -> Executable:
    statement = insert_into(dialect, WaitingHour)
    grown = {"mails": WaitingHour.mails + statement.excluded.mails}
    return statement.on_conflict_do_update(index_elements=["hour", "seconds"], set_=grown)


def waited_since(session: Session, moment: datetime) -> Waited | None:
    """How long the mail recorded from the hour of ``moment`` on had waited; None if there was none that tells."""
    query = select(WaitingHour.seconds, func.sum(WaitingHour.mails)).where(WaitingHour.hour >= hour_of(moment))
    counts = {bound: int(count) for bound, count in session.execute(query.group_by(WaitingHour.seconds))}
    total = sum(counts.values())
    return Waited(_quantile(counts, 0.5), _quantile(counts, 0.95), total) if total else None


def _quantile(counts: Mapping[int, int], share: float) -> int:
    """The seconds within which ``share`` of the messages were through, as if those of one bound were spread evenly."""
    wanted, seen = share * sum(counts.values()), 0
    for bound in sorted(counts):
        if seen + counts[bound] >= wanted:
            place = BOUNDS.index(bound)
            floor = BOUNDS[place - 1] if place else 0
            return round(floor + (bound - floor) * (wanted - seen) / counts[bound])
        seen += counts[bound]
    return max(counts)
