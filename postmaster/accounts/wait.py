"""Waiting after a failure ends as soon as somebody changes what may have been wrong."""

from __future__ import annotations

from postmaster.accounts.models import MailAccount


def end_wait(account: MailAccount) -> None:
    """End the wait of ``account`` if its last run failed or was held back. The caller commits."""
    state = account.state
    if state is not None and (state.failures or state.held_revision):
        state.next_run_at = None
