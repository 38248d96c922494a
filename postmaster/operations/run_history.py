"""The runs as they are looked at: newest first, filtered, and cut by ids, so that they never have to be counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.resources.keyset import KeysetPage, keyset_page
from postmaster.resources.listing import PAGE_SIZE, matching
from postmaster.resources.numbers import MAX_ID


@dataclass(frozen=True)
class RunFilter:
    """Which runs: words in the account's label or in who started them, of one account, with one status, with mail
    only, those begun from ``since`` to before ``until``, and those before the id ``before``.
    """

    text: str = ""
    account_id: int | None = None
    status: RunStatus | None = None
    with_mail: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: int = MAX_ID


def run_history(session: Session, wanted: RunFilter, size: int = PAGE_SIZE) -> KeysetPage[FetchRun]:
    """The newest runs that are wanted, ``size`` of them at most."""
    return keyset_page(session, _filtered(wanted), FetchRun.id, wanted.before, size)


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
    return query
