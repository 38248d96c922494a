"""Mail by the hour: counted in the transaction that records it, so that charts and metrics never count the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from operator import add

from sqlalchemy import Executable, delete, func, select
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.models import MailAccount
from postmaster.database import dialect_of, insert_into
from postmaster.extensions import now
from postmaster.ledger.flow_models import QueueHour, WaitingHour
from postmaster.ledger.models import MailHour
from postmaster.pipeline.outcome import RECORDED, Outcome

# The hours that a chart shows, and the days before them that say what is usual; older hours are added up in one row an
# account, so that the totals stay. A day may have 25 hours.
CHART_HOURS = 24
USUAL_DAYS = 7
MAX_HOURS = 25 * (USUAL_DAYS + 1)
ALL_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)

# What came through the pipe, and what was counted for accounts that are deleted.
UNASSIGNED = 0

COUNTER_COLUMNS = tuple(row.counter for row in RECORDED)
_TOTAL = reduce(add, (getattr(MailHour, name) for name in COUNTER_COLUMNS))


def midnight() -> datetime:
    """When this day began where the users are.

    Mail is counted by hours of UTC, within which a day begins where time zones are off the full hour (Asia/Kolkata).
    What is counted since then counts all of that hour: some mail too much rather than too little.
    """
    return now().astimezone(config.current().time_zone).replace(hour=0, minute=0, second=0, microsecond=0)


def count_mail(session: Session, account_id: int | None, outcomes: Iterable[Outcome], moment: datetime) -> None:
    """Add messages with these outcomes to the hour of ``moment``. The caller commits."""
    counts = Counter(outcomes)
    _add(session, account_id or UNASSIGNED, hour_of(moment), {row.counter: counts[row.outcome] for row in RECORDED})


def count_dispatched(session: Session, queue_ids: Iterable[int | None], moment: datetime) -> None:
    """Add messages that came into these queues, None for no ticket, to the hour of ``moment``. The caller commits."""
    counts, hour = Counter(queue_id or UNASSIGNED for queue_id in queue_ids), hour_of(moment)
    rows = [{"hour": hour, "queue_id": queue_id, "mails": count} for queue_id, count in sorted(counts.items())]
    if rows:
        session.connection().execute(_dispatching(dialect_of(session)), rows)


def mails_of_account(session: Session, account_id: int) -> dict[datetime, int]:
    """How many messages of an account were recorded in each hour that is kept and had some."""
    query = select(MailHour.hour, _TOTAL).where(MailHour.account_id == account_id, MailHour.hour >= _first_hour())
    found: dict[datetime, int] = dict(session.execute(query).all())
    return found


def mails_of_queue(session: Session, queue_id: int | None = None) -> dict[datetime, int]:
    """How many messages came in in each hour that is kept and had some: into that queue, or all there were."""
    query = select(QueueHour.hour, func.sum(QueueHour.mails)).where(QueueHour.hour >= _first_hour())
    if queue_id is not None:
        query = query.where(QueueHour.queue_id == queue_id)
    return {hour: int(count) for hour, count in session.execute(query.group_by(QueueHour.hour))}


def dispatched_since(session: Session, moment: datetime) -> dict[int, int]:
    """How many messages came into each queue from the hour of ``moment`` on, by its id."""
    query = select(QueueHour.queue_id, func.sum(QueueHour.mails)).where(QueueHour.hour >= hour_of(moment))
    return {queue_id: int(count) for queue_id, count in session.execute(query.group_by(QueueHour.queue_id))}


def _first_hour() -> datetime:
    return hour_of(now()) - timedelta(hours=MAX_HOURS)


def recorded_since(session: Session, moment: datetime, account_ids: Collection[int] | None) -> dict[int, int]:
    """How many messages were recorded from the hour of ``moment`` on, by the id of their account: one of these, or any
    that has some.
    """
    query = select(MailHour.account_id, func.sum(_TOTAL)).where(MailHour.hour >= hour_of(moment))
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
    old = MailHour.hour < _first_hour()
    foreign = MailHour.account_id.not_in(known) & (MailHour.account_id != UNASSIGNED)
    rows = session.scalars(select(MailHour).where((old & (MailHour.hour != ALL_BEFORE)) | foreign)).all()
    accounts = set(session.scalars(known))
    for row in rows:
        owner = row.account_id if row.account_id in accounts else UNASSIGNED
        _add(session, owner, ALL_BEFORE, {name: getattr(row, name) for name in COUNTER_COLUMNS})
        session.execute(delete(MailHour).where(MailHour.account_id == row.account_id, MailHour.hour == row.hour))
    for model in (QueueHour, WaitingHour):
        session.execute(delete(model).where(model.hour < _first_hour()))


def hour_of(moment: datetime) -> datetime:
    """The hour of UTC that ``moment`` is in, by its beginning."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _add(session: Session, account_id: int, hour: datetime, counts: dict[str, int]) -> None:
    session.connection().execute(_adding(dialect_of(session)), {"account_id": account_id, "hour": hour, **counts})


@cache
def _adding(dialect: str) -> Executable:
    statement = insert_into(dialect, MailHour)
    grown = {name: getattr(MailHour, name) + statement.excluded[name] for name in COUNTER_COLUMNS}
    return statement.on_conflict_do_update(index_elements=["account_id", "hour"], set_=grown)


@cache
def _dispatching(dialect: str) -> Executable:
    statement = insert_into(dialect, QueueHour)
    grown = {"mails": QueueHour.mails + statement.excluded.mails}
    return statement.on_conflict_do_update(index_elements=["hour", "queue_id"], set_=grown)
