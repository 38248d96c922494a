"""The state of an account: made when it is needed first, and no longer waiting once somebody changed what was wrong."""

from __future__ import annotations

from datetime import datetime

from postmaster.accounts.models import AccountState, MailAccount


def state_of(account: MailAccount) -> AccountState:
    """The account's state, made if it has none yet."""
    if account.state is None:
        account.state = AccountState(failures=0, backlog=0, backlog_growth=0)
    return account.state


def silent_since(account: MailAccount) -> datetime:
    """Since when it is silent: nobody expects mail of an account while it is paused."""
    state = account.state
    success, resumed = (state.last_success_at, state.resumed_at) if state else (None, None)
    return last_sign(account.created_at, success, resumed)


def last_sign(created: datetime, success: datetime | None, resumed: datetime | None) -> datetime:
    """The same of an account of which only these times are known."""
    return max(success or created, resumed or success or created)


def keep_wait(account: MailAccount, before: str) -> None:
    """Keep the wait of ``account``, whose ``config_revision`` was ``before``: what was changed has nothing to do with
    what was wrong. The caller commits.
    """
    state = account.state
    if state is None:
        return
    if state.paused_revision == before:
        state.paused_revision = account.config_revision
    if state.held_revision == before:
        state.held_revision = account.config_revision


def end_wait(account: MailAccount) -> None:
    """End the wait of ``account`` if its last run failed or was held back. The caller commits."""
    state = account.state
    if state is not None and (state.failures or state.held_revision):
        state.next_run_at = None
