"""How the runs stand that are queued or under way: one query for all accounts, whatever there is to see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import QUEUED, AccountState
from postmaster.fetching.counters import DONE
from postmaster.ledger.models import FetchRun, RunStatus


class Activity(StrEnum):
    """What happens with an account at the moment, if anything does."""

    QUEUED = "queued"
    RUNNING = "running"


_DONE = reduce(add, (getattr(FetchRun, name) for name in DONE))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: ``done`` of ``expected`` messages, ``rate`` of them a second. ``by``: who started it."""

    account_id: int
    activity: Activity
    by: str
    since: datetime | None
    done: int = 0
    expected: int = 0
    rate: float = 0.0


def progress(session: Session) -> Mapping[int, Progress]:
    """The accounts that are queued or running, by their id; empty if nothing happens. Each page asks: two indexes hold
    those accounts, and no others.
    """
    queued = select(AccountState.account_id).where(QUEUED)
    at_work = select(FetchRun.account_id).where(FetchRun.status == RunStatus.RUNNING)
    running = and_(FetchRun.account_id == AccountState.account_id, FetchRun.status == RunStatus.RUNNING)
    query = (
        select(
            AccountState.account_id,
            AccountState.requested_by,
            AccountState.requested_at,
            AccountState.claimed_at,
            FetchRun.id.label("run_id"),
            FetchRun.started_by,
            FetchRun.started_at,
            FetchRun.updated_at,
            FetchRun.expected,
            _DONE.label("done"),
        )
        .outerjoin(FetchRun, running)
        .where(AccountState.account_id.in_(queued.union_all(at_work)))
    )
    rows: Iterable[Row[Any]] = session.execute(query)
    return {row.account_id: _view(row) for row in rows}


def _view(row: Row[Any]) -> Progress:
    if row.run_id is None:
        by = row.requested_by or "schedule"
        return Progress(row.account_id, Activity.QUEUED, by, row.requested_at or row.claimed_at)
    seconds = (row.updated_at - row.started_at).total_seconds()
    rate = row.done / seconds if seconds > 0 else 0.0
    return Progress(row.account_id, Activity.RUNNING, row.started_by, row.started_at, row.done, row.expected, rate)
