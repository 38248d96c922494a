"""Accounts that are due and wait for a worker far too long, so that mail stands still although workers live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from postmaster.accounts.columns import NOT_PAUSED
from postmaster.accounts.health import SCHEDULED, account_health
from postmaster.accounts.models import AccountState, MailAccount
from postmaster.extensions import now
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.dispatch import running_clause
from postmaster.resources.models import Validity
from postmaster.system.settings import FETCH_INTERVAL, get_setting

# Of their own intervals, how many accounts may wait for their turn.
INTERVALS = 2

# No account waits too long that waits shorter than this: two of the shortest interval that can be set.
SHORTEST = INTERVALS * timedelta(minutes=1)

# Accounts that are looked at, those that are due for the longest time first: each page asks, and so many tell enough.
MAX_CHECKED = 500

# Runs that an incident names.
MAX_LATE_NAMED = 5


@dataclass(frozen=True, slots=True)
class Late:
    """An account that is due ``since`` then, and has had no turn."""

    label: str
    since: datetime


def late_accounts(session: Session) -> Sequence[Late]:
    """Those that wait longer than two of their intervals, the longest first; usually found to be none by one query."""
    moment, usual, late = now(), get_setting(session, FETCH_INTERVAL), []
    for account in session.scalars(_waiting(moment - SHORTEST)).unique():
        # What was changed in the meantime may be what made it due.
        state, credential = account.state, account.credential
        due = (state.next_run_at or state.last_run_at or now()) if state else account.created_at
        resumed = [state.resumed_at] if state and state.resumed_at else []
        since = max(due, account.changed_at, *resumed, *([credential.changed_at] if credential else []))
        if _is_late(account, since, moment, usual):
            late.append(Late(account.label, since))
    return sorted(late, key=lambda each: each.since)


def _waiting(before: datetime) -> Select[MailAccount]:
    """The accounts that may be late, as far as the database can say at little cost."""
    due = or_(AccountState.account_id.is_(None), AccountState.next_run_at.is_(None), AccountState.next_run_at < before)
    query = select(MailAccount).outerjoin(AccountState).where(MailAccount.validity == Validity.VALID, NOT_PAUSED, due)
    return query.where(~running_clause()).order_by(AccountState.next_run_at).limit(MAX_CHECKED)


def _is_late(account: MailAccount, since: datetime, moment: datetime, usual: int) -> bool:
    if since >= moment - SHORTEST or account_health(account) not in SCHEDULED:
        return False
    return since < moment - INTERVALS * timedelta(minutes=account.interval or usual)


def longest_runs(session: Session) -> Sequence[tuple[str, datetime]]:
    """The runs that have been under way for the longest time, and since when: label and beginning."""
    running = select(FetchRun.label, FetchRun.started_at).where(FetchRun.status == RunStatus.RUNNING)
    rows = session.execute(running.order_by(FetchRun.started_at).limit(MAX_LATE_NAMED))
    return [(label, started_at) for label, started_at in rows]
