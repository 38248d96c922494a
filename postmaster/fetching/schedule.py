"""When an account is fetched next: as data in its state, worked out whenever a run begins or ends.

Accounts with the same interval are spread over it: each has its own moment in it, made of its id, so that accounts of
one server are not fetched at once, and are still at the same distance after a night without a worker.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.errors import MailError, Temporary
from postmaster.system.settings import FETCH_INTERVAL, get_setting

# Multiples of it, each taken modulo 1, are spread more evenly than those of any other number.
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2

# Longest wait after a failure. What somebody has to change first (Permanent) waits that long at once; the change
# itself ends the wait.
MAX_WAIT = timedelta(hours=1)

# What failed here, and not at the mail server, which loses nothing by being asked again: that is tried a minute later.
OURS = frozenset({"database-away", "filters-not-compiled"})
SOON = timedelta(minutes=1)

# A run that begins so shortly before the account's moment stands for the one at that moment; of short intervals it is
# a tenth, so that a run that had to wait for its turn does not lose the next one.
SETTLING = timedelta(seconds=30)


def interval_of(session: Session, account: MailAccount) -> timedelta:
    """The time between two runs of ``account``: its own interval, or FetchIntervalMinutes."""
    return timedelta(minutes=account.interval or get_setting(session, FETCH_INTERVAL))


def next_slot(account_id: int, interval: timedelta, moment: datetime) -> datetime:
    """The account's own moment in the interval that follows ``moment``: later than it, by an interval at most.

    ``interval`` is whole seconds.
    """
    period = int(interval.total_seconds())
    phase = int(account_id * GOLDEN_RATIO % 1 * period)
    count = (math.floor(moment.timestamp()) - phase) // period + 1
    return datetime.fromtimestamp(count * period + phase, UTC)


def slot_after_run(session: Session, account: MailAccount, moment: datetime) -> datetime:
    """When ``account`` is due again after a run that begins at ``moment``."""
    interval = interval_of(session, account)
    return next_slot(account.id, interval, moment + min(SETTLING, interval / 10))


def wait_after(error: MailError, failures: int, interval: timedelta) -> timedelta:
    """How long to wait after the ``failures``-th failure in a row: doubling from ``interval`` up to an hour.

    Where the interval is longer than that, it stays the interval. A server that says when to come again is asked then,
    within these bounds. What failed here begins with a minute.
    """
    longest = max(interval, MAX_WAIT)
    if not isinstance(error, Temporary):
        return longest
    if error.retry_after is not None:
        return min(longest, max(interval, timedelta(seconds=error.retry_after)))
    first = min(interval, SOON) if error.code in OURS else interval
    doubled: timedelta = first * (1 << min(failures - 1, 10))
    return min(longest, doubled)


def longest_ahead(session: Session, account: MailAccount, failures: int) -> timedelta:
    """How far ahead the next run may be. What is farther was worked out with another interval, or another clock."""
    interval = interval_of(session, account)
    return (max(interval, MAX_WAIT) if failures else interval) + SETTLING


def shortest_interval(session: Session) -> timedelta:
    """The shortest interval that any account has."""
    own = session.scalars(select(MailAccount.interval).where(MailAccount.interval.is_not(None)).distinct())
    return timedelta(minutes=min([get_setting(session, FETCH_INTERVAL), *(minutes for minutes in own if minutes)]))
