"""When an account stood still: written down as a row when it is over, and read off its state as long as it lasts.

So what an account that is well costs is nothing, and uptime is told by time, not by runs: those become rarer the longer
an account fails.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.fetching.schedule import interval_of
from postmaster.ledger.flow_models import Outage

# Intervals without a run that went well, after which an account counts as standing still although none failed.
INTERVALS = 2


def still_since(state: AccountState, interval: timedelta, moment: datetime) -> tuple[datetime, bool] | None:
    """Since when no run went well, and whether that is because they failed; None if one did within two intervals.

    While somebody has paused the account none is expected, so that time is no outage. One whose runs failed before it
    was paused stands still until one goes well.
    """
    failing, until = state.failing_since, state.paused_at or moment
    success = max(filter(None, (state.last_success_at, state.resumed_at)), default=None)
    if success and (failing or until) - success > INTERVALS * interval:
        return success, failing is not None
    return (failing, True) if failing else None


def note_outage(session: Session, account: MailAccount, state: AccountState, moment: datetime) -> None:
    """Write down how long ``account`` has stood still, if it has: a run goes well at ``moment``. The caller commits."""
    found = still_since(state, interval_of(session, account), moment)
    if found:
        since, failed = found
        session.add(Outage(account_id=account.id, began_at=since, ended_at=moment, failed=failed))
