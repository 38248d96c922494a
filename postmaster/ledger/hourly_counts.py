"""Mail by the hour: counted in the transaction that records it, so that charts and metrics never count the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from operator import add

from sqlalchemy import Executable, delete, func, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.database import dialect_of, insert_into
from postmaster.extensions import now
from postmaster.ledger.models import MailHour
from postmaster.pipeline.outcome import RECORDED, Outcome

# The hours that a chart shows; older ones are added up in one row an account, so that the totals stay.
CHART_HOURS = 24
MAX_HOURS = 48
ALL_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)

# What came through the pipe, and what was counted for accounts that are deleted.
UNASSIGNED = 0

COUNTER_COLUMNS = tuple(row.counter for row in RECORDED)
_TOTAL = reduce(add, (getattr(MailHour, name) for name in COUNTER_COLUMNS))


def count_mail(session: Session, account_id: int | None, outcomes: Iterable[Outcome], moment: datetime) -> None:
    """Add messages with these outcomes to the hour of ``moment``. The caller commits."""
    counts = Counter(outcomes)
    _add(session, account_id or UNASSIGNED, _hour_of(moment), {row.counter: counts[row.outcome] for row in RECORDED})


def mails_by_hour(session: Session, account_id: int) -> list[tuple[datetime, int]]:
    """The beginnings of the last 24 hours, the oldest first, each with how many messages were recorded in it."""
    last = _hour_of(now())
    hours = [last - timedelta(hours=count) for count in reversed(range(CHART_HOURS))]
    rows = session.execute(
        select(MailHour.hour, _TOTAL).where(MailHour.account_id == account_id, MailHour.hour >= hours[0])
    )
    counts: dict[datetime, int] = dict(rows.all())
    return [(hour, counts.get(hour, 0)) for hour in hours]


def recorded_since(session: Session, hour: datetime, account_ids: Collection[int] | None) -> dict[int, int]:
    """How many messages were recorded from ``hour`` on, for these accounts or for all that have some, by their id."""
    query = select(MailHour.account_id, func.sum(_TOTAL)).where(MailHour.hour >= hour)
    if account_ids is not None:
        query = query.where(MailHour.account_id.in_(account_ids))
    rows = session.execute(query.group_by(MailHour.account_id))
    return {account_id: int(count) for account_id, count in rows}


def mail_totals(session: Session) -> dict[str, int]:
    """How many messages were recorded with each outcome, since there is PostMaster."""
    sums = [func.coalesce(func.sum(getattr(MailHour, name)), 0) for name in COUNTER_COLUMNS]
    return dict(zip(COUNTER_COLUMNS, session.execute(select(*sums)).one(), strict=True))


def add_up_old_hours(session: Session) -> None:
    """Add hours that no chart shows any more to the account's row of all before. The caller commits."""
    known = select(MailAccount.id)
    old = MailHour.hour < _hour_of(now()) - timedelta(hours=MAX_HOURS)
    foreign = MailHour.account_id.not_in(known) & (MailHour.account_id != UNASSIGNED)
    rows = session.scalars(select(MailHour).where((old & (MailHour.hour != ALL_BEFORE)) | foreign)).all()
    accounts = set(session.scalars(known))
    for row in rows:
        owner = row.account_id if row.account_id in accounts else UNASSIGNED
        _add(session, owner, ALL_BEFORE, {name: getattr(row, name) for name in COUNTER_COLUMNS})
        session.execute(delete(MailHour).where(MailHour.account_id == row.account_id, MailHour.hour == row.hour))


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _add(session: Session, account_id: int, hour: datetime, counts: dict[str, int]) -> None:
    session.execute(_adding(dialect_of(session)), {"account_id": account_id, "hour": hour, **counts})


@cache
def _adding(dialect: str) -> Executable:
    statement = insert_into(dialect, MailHour)
    grown = {name: getattr(MailHour, name) + statement.excluded[name] for name in COUNTER_COLUMNS}
    return statement.on_conflict_do_update(index_elements=["account_id", "hour"], set_=grown)
