"""The runs as they are looked at: newest first, filtered, and cut by ids, so that they never have to be counted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.resources.keyset import KeysetPage, keyset_page
from postmaster.resources.listing import PAGE_SIZE, matching
from postmaster.resources.numbers import MAX_ID


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
    if wanted.newer_than is not None:
        query = query.where(FetchRun.id > wanted.newer_than)
    if wanted.queue_ids is not None:
        accounts = select(MailAccount.id).where(MailAccount.queue_id.in_(wanted.queue_ids))
        query = query.where(FetchRun.account_id.in_(accounts))
    return query
