"""When an account begins to fail, and when it is well again: told once each, however many runs fail in between."""

from __future__ import annotations

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.errors import MailError
from postmaster.extensions import Json, iso, now
from postmaster.outbox.emit import NewEvent, emit
from postmaster.outbox.models import EventType


def note_failure(session: Session, account: MailAccount, state: AccountState, error: MailError) -> None:
    """Emit that ``account`` fails from now on, if it was well. The caller counts the failure, and commits."""
    _lock(session, state)
    state.failing_since = state.failing_since or now()
    if not state.failures:
        _tell(session, account, EventType.ACCOUNT_FAILING, {"code": error.code, "stage": error.stage})


def note_success(session: Session, account: MailAccount, state: AccountState) -> None:
    """Have ``account`` be well from now on, and emit it, if it has failed. The caller commits."""
    _lock(session, state)
    if state.failures:
        since = iso(state.failing_since)
        _tell(session, account, EventType.ACCOUNT_RECOVERED, {"failing_since": since, "failures": state.failures})
    state.failing_since, state.failures = None, 0


def _lock(session: Session, state: AccountState) -> None:
    """Let nobody else count failures until the transaction ends, so that each turn is told once."""
    if inspect(state).persistent:
        session.refresh(state, ["failures", "failing_since"], with_for_update=True)


def _tell(session: Session, account: MailAccount, kind: EventType, data: Json) -> None:
    emit(session, [NewEvent(kind, account_id=account.id, data=data)])
