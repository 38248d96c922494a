"""Pausing one account, with who did it, since when, and why (docs/glossary.md#mail-accounts).

Unlike an account that is not valid, one that is paused is to be fetched again: it keeps its mailbox and its place in
the schedule. A moment that passes meanwhile is made up for at once when it is resumed.
"""

from __future__ import annotations

from datetime import datetime

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.accounts.service import AccountService
from postmaster.accounts.wait import state_of
from postmaster.extensions import iso, now
from postmaster.resources.audit import lock_administration
from postmaster.resources.fields import Field
from postmaster.resources.readers import line

REASON = Field(
    "reason", "Reason", mandatory=True, read=line(500), metavar="TEXT", help="Why, for whoever finds it paused."
)


def pause(service: AccountService, account: MailAccount, reason: str) -> bool:
    """Fetch no more mail of ``account``; returns whether it was not paused before. A run ends after its batch.

    The caller commits. Raises InputError if no reason is given.
    """
    lock_administration(service.session)
    reason = REASON.parse(reason)
    state = state_of(account)
    if state.paused_at is not None:
        return False
    set_pause(state, now().replace(microsecond=0), service.actor, reason)
    note_pause(service, account, state)
    return True


def set_pause(state: AccountState, since: datetime, who: str, reason: str) -> None:
    """Note in ``state`` that its account is paused. What somebody asked for before is not made up for."""
    state.paused_at, state.paused_by, state.paused_reason = since, who[:200], reason
    state.requested_at = state.requested_by = None


def note_pause(service: AccountService, account: MailAccount, state: AccountState) -> None:
    """Note in the audit log that ``account`` is paused: why, and since when, which tells it from a later pause."""
    detail = {"reason": [None, state.paused_reason], "paused_at": [None, iso(state.paused_at)]}
    service.note("pause", account, detail)


def resume(service: AccountService, account: MailAccount) -> bool:
    """Fetch mail of ``account`` again; returns whether it was paused. The caller commits."""
    lock_administration(service.session)
    state = account.state
    if state is None or state.paused_at is None:
        return False
    was = {"reason": state.paused_reason, "paused_by": state.paused_by, "paused_at": iso(state.paused_at)}
    state.paused_at = state.paused_by = state.paused_reason = None
    state.resumed_at = now()
    service.note("resume", account, {name: [value, None] for name, value in was.items()})
    return True
