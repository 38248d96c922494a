"""What keeps mail of accounts from being fetched, or some of it on its server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.accounts.columns import NOT_PAUSED
from postmaster.accounts.complaint import complaint_of
from postmaster.accounts.health import HEALTH_LABELS, account_health
from postmaster.accounts.models import AccountState, MailAccount
from postmaster.accounts.wait import silent_since
from postmaster.fetching.caution import fatal_mail
from postmaster.fetching.pause import current_pause
from postmaster.fetching.withheld import long_withheld
from postmaster.operations.heartbeat import count_workers
from postmaster.operations.incident_condition import IncidentTrouble
from postmaster.operations.lateness import Late, late_accounts, longest_runs
from postmaster.operations.state import MORE_WORKERS, waiting_words
from postmaster.quantity import quantity
from postmaster.resources.models import Validity
from postmaster.system.settings import FETCH_INTERVAL, SILENCE_ALERT, get_setting

# Runs in a row after which a growing backlog raises an alert.
GROWING_RUNS = 3


def silent(session: Session, moment: datetime) -> Sequence[IncidentTrouble] | None:
    if current_pause(session):
        return None
    patience, usual = timedelta(minutes=get_setting(session, SILENCE_ALERT)), get_setting(session, FETCH_INTERVAL)
    last = func.coalesce(AccountState.last_success_at, MailAccount.created_at)
    query = select(MailAccount).outerjoin(AccountState).where(MailAccount.validity == Validity.VALID, NOT_PAUSED)
    accounts = session.scalars(query.where(last < moment - patience).order_by(MailAccount.id)).unique()
    # Two runs at least should have gone well in the meantime, where the interval is long.
    return [
        _silence(account, moment)
        for account in accounts
        if silent_since(account) < moment - max(patience, 2 * timedelta(minutes=account.interval or usual))
    ]


def _silence(account: MailAccount, moment: datetime) -> IncidentTrouble:
    minutes = int((moment - silent_since(account)).total_seconds() // 60)
    health = HEALTH_LABELS[account_health(account)]
    why = complaint_of(account) or ""
    sentence = (
        f"No mail was fetched from {account.label} for {quantity(minutes, 'minute')}; the account is: {health}. {why}"
    )
    return IncidentTrouble(str(account.id), sentence.strip(), f"/accounts/{account.id}/status")


def growing(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    query = select(MailAccount).join(AccountState).where(AccountState.backlog_growth >= GROWING_RUNS)
    valid = query.where(MailAccount.validity == Validity.VALID, NOT_PAUSED).order_by(MailAccount.id)
    return list(_backlogs(session.scalars(valid).unique().all()))


def _backlogs(accounts: Sequence[MailAccount]) -> Iterator[IncidentTrouble]:
    for account in accounts:
        left = account.state.backlog if account.state else 0
        sentence = f"More and more mail stays on the server of {account.label}: {quantity(left, 'message')} by now."
        yield IncidentTrouble(str(account.id), sentence, f"/accounts/{account.id}/status", left)


def withheld(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    """Messages that servers did not hand over in several runs, so that waiting will hardly help."""
    return _left(
        session,
        long_withheld(session),
        "left on the server, which does not hand {them} over. Open {them} there with another program, and forward or "
        "move {them}; the account's page names {them}.",
    )


def fatal(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    """Messages that are left because run after run ended in the middle of them."""
    return _left(
        session,
        fatal_mail(session),
        "left on the server: run after run was killed in the middle of {them}, as when memory runs out, or took too "
        "long. Give PostMaster more memory and save the account to have {them} tried again, or move {them} away with a "
        "mail program; the account's page names {them}.",
    )


def _left(session: Session, counts: Mapping[int, int], why: str) -> Sequence[IncidentTrouble]:
    """What is left on the servers of the valid ones among the accounts of ``counts``, and ``why``."""
    valid = select(MailAccount).where(MailAccount.id.in_(counts), MailAccount.validity == Validity.VALID)
    return [_left_of(account, counts[account.id], why) for account in session.scalars(valid)]


def _left_of(account: MailAccount, count: int, why: str) -> IncidentTrouble:
    told = why.format(them="it" if count == 1 else "them")
    sentence = f"{account.label}: {quantity(count, 'message is', 'messages are')} {told}"
    return IncidentTrouble(str(account.id), sentence, f"/accounts/{account.id}", count)


def late(session: Session, _moment: datetime) -> Sequence[IncidentTrouble] | None:
    """Only while workers live: that none does is told as such."""
    if current_pause(session):
        return None
    late = late_accounts(session) if count_workers(session) else []
    return [_lateness(late, longest_runs(session))] if late else []


def _lateness(late: Sequence[Late], running: Sequence[tuple[str, datetime]]) -> IncidentTrouble:
    """One for all of them: what they wait for is the same."""
    first = late[0]
    runs = ", ".join(f"{label} (since {since:%H:%M} UTC)" for label, since in running)
    busy = f"Being fetched, the longest first: {runs}." if runs else "Nothing is being fetched."
    sentence = (
        f"{waiting_words(len(late))} for a worker longer than two intervals, the longest {first.label}, due since "
        f"{first.since:%Y-%m-%d %H:%M} UTC. {busy} {MORE_WORKERS}"
    )
    return IncidentTrouble("", sentence, "/runs", len(late))
