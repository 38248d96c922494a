"""The runs as they are looked at: newest first, filtered, and cut by ids, so that they never have to be counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.desk.models import Ticket
from postmaster.ledger.models import FetchRun, InboundMail, RunStatus
from postmaster.pipeline.outcome import RECORDED, Outcome
from postmaster.resources.keyset import KeysetPage, count_newer, keyset_page, stretch_page
from postmaster.resources.listing import PAGE_SIZE, matching
from postmaster.resources.numbers import MAX_ID

# By how much a run with a higher id may have begun earlier: a clock may be put back by so much. Transactions side by
# side are in disorder by seconds at most.
DISORDER = timedelta(hours=1)

# How a run may have ended, other than well.
UNWELL = (RunStatus.FAILED, RunStatus.INTERRUPTED)


@dataclass(frozen=True)
class RunFilter:
    """Which runs: words in the account's label or in who started them, of one account, with one status, with mail
    only, those begun from ``since`` to before ``until``, those before the id ``before``, and after ``newer_than``;
    of the accounts whose mail goes to one of ``queue_ids``.
    """

    text: str = ""
    account_id: int | None = None
    status: RunStatus | None = None
    with_mail: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: int = MAX_ID
    newer_than: int | None = None
    queue_ids: Collection[int] | None = None

    @property
    def is_sifted(self) -> bool:
        """Whether runs have to be looked at one by one."""
        times = self.since is not None or self.until is not None
        return bool(self.text.strip() or self.status or self.with_mail or times) or self.queue_ids is not None


def run_history(session: Session, wanted: RunFilter, size: int = PAGE_SIZE) -> KeysetPage[FetchRun]:
    """The newest runs that are wanted, ``size`` of them at most. Of one account, an index finds them; those of all that
    went a certain way may be few among millions, since each poll is a run.
    """
    if wanted.account_id is not None or not wanted.is_sifted:
        return keyset_page(session, _filtered(wanted), FetchRun.id, wanted.before, size)
    low, high = _bounds(session, wanted)
    query = _filtered(wanted).where(FetchRun.id >= low)
    found = stretch_page(session, query, FetchRun.id, min(wanted.before, high), size)
    return KeysetPage(found.rows) if found.unsearched and found.next is not None and found.next <= low else found


def _bounds(session: Session, wanted: RunFilter) -> tuple[int, int]:
    """The ids between which the runs of that time are: from the first to below the second."""
    low, high = (wanted.newer_than or 0) + 1, MAX_ID
    if wanted.since is not None:
        low = max(low, _first_since(session, wanted.since - DISORDER) or MAX_ID)
    if wanted.until is not None:
        high = _first_since(session, wanted.until + DISORDER) or MAX_ID
    return low, high


def _first_since(session: Session, moment: datetime) -> int | None:
    begun = select(FetchRun.id).where(FetchRun.started_at >= moment)
    return session.scalar(begun.order_by(FetchRun.started_at, FetchRun.id).limit(1))


def newest_run(session: Session) -> int:
    """The id of the run that began last; 0 if there is none."""
    return session.scalar(select(func.max(FetchRun.id))) or 0


def count_newer_runs(session: Session, wanted: RunFilter, after: int) -> int:
    """How many runs are wanted that began after the one with the id ``after``; ``MANY_NEW`` if there are more.

    A run that was under way when the list was made is none of these, whatever became of it since: a list of failed runs
    does not announce it.
    """
    return count_newer(session, _filtered(wanted), FetchRun.id, after)


def last_ended(session: Session, account_id: int) -> int:
    """The id of the last run of that account that has ended; 0 if there is none."""
    ended = select(FetchRun.id).where(FetchRun.account_id == account_id, FetchRun.status != RunStatus.RUNNING)
    return session.scalar(ended.order_by(FetchRun.id.desc()).limit(1)) or 0


def ended_run(session: Session, account_id: int, after: int) -> FetchRun | None:
    """The first run of that account behind the one with the id ``after``, once it has ended."""
    later = select(FetchRun).where(FetchRun.account_id == account_id, FetchRun.id > after)
    return session.scalars(later.where(FetchRun.status != RunStatus.RUNNING).order_by(FetchRun.id).limit(1)).first()


@dataclass(frozen=True)
class RunSum:
    """Runs taken together: of how many ``accounts`` they were, for how many of these they failed or were interrupted
    (``unwell``), how many messages were ``found`` and had which outcome (``counts``), and when the first one ``began``,
    None if there is none.
    """

    accounts: int
    unwell: Mapping[RunStatus, int]
    found: int
    counts: Mapping[Outcome, int]
    began: datetime | None


def sum_of_runs(session: Session, after: int, started_by: str) -> RunSum:
    """The runs behind the one with the id ``after`` that ``started_by`` asked for and that have ended, in one query."""
    of_account = FetchRun.account_id
    unwell = [func.count(case((FetchRun.status == status, of_account)).distinct()) for status in UNWELL]
    counters = [func.sum(getattr(FetchRun, row.counter)) for row in RECORDED]
    columns = func.count(of_account.distinct()), func.sum(FetchRun.found), func.min(FetchRun.started_at)
    theirs = FetchRun.id > after, FetchRun.status != RunStatus.RUNNING, FetchRun.started_by == started_by
    accounts, found, began, *sums = session.execute(select(*columns, *unwell, *counters).where(*theirs)).one()
    counts = {row.outcome: int(count or 0) for row, count in zip(RECORDED, sums[len(unwell) :], strict=True)}
    return RunSum(accounts, dict(zip(UNWELL, sums, strict=False)), int(found or 0), counts, began)


def tickets_of_run(session: Session, run_id: int, limit: int) -> Sequence[str]:
    """The numbers of the first tickets that a run opened: through the index of its messages."""
    opened = InboundMail.run_id == run_id, InboundMail.outcome == Outcome.NEW
    numbers = select(Ticket.number).join(InboundMail, InboundMail.ticket_id == Ticket.id).where(*opened)
    return session.scalars(numbers.order_by(InboundMail.id).limit(limit)).all()


def _filtered(wanted: RunFilter) -> Select[FetchRun]:
    query = select(FetchRun).where(*matching((FetchRun.label, FetchRun.started_by), wanted.text))
    if wanted.account_id is not None:
        query = query.where(FetchRun.account_id == wanted.account_id)
    if wanted.status is not None:
        query = query.where(FetchRun.status == wanted.status)
    if wanted.with_mail:
        query = query.where(FetchRun.found > 0)
    if wanted.since is not None:
        query = query.where(FetchRun.started_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(FetchRun.started_at < wanted.until)
    if wanted.newer_than is not None:
        query = query.where(FetchRun.id > wanted.newer_than)
    if wanted.queue_ids is not None:
        accounts = select(MailAccount.id).where(MailAccount.queue_id.in_(wanted.queue_ids))
        query = query.where(FetchRun.account_id.in_(accounts))
    return query
