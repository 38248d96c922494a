"""The one switch that pauses all fetching, with who did it, since when, and why; and what a run asks about pauses."""

from __future__ import annotations

from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.errors import InputError, MailError, mail_error
from postmaster.extensions import Json, now
from postmaster.ledger.models import FetchPause
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.fields import Field
from postmaster.resources.readers import line

REASON = Field("reason", "Reason", mandatory=True, read=line(500), help="Why all fetching is paused.")

_ONLY = 1


def current_pause(session: Session) -> FetchPause | None:
    """The pause, if all fetching is paused."""
    return session.get(FetchPause, _ONLY)


def pause_json(pause: FetchPause | None) -> Json:
    """The form that ``flask pause status --json`` prints, and the API answers."""
    facts = (pause.reason, pause.paused_by, pause.paused_at.isoformat()) if pause else (None, None, None)
    return {"paused": pause is not None, **dict(zip(("reason", "by", "since"), facts, strict=True))}


def paused_error(pause: FetchPause) -> MailError:
    """The error that nothing is fetched at the moment."""
    since = f"{pause.paused_at:%Y-%m-%d %H:%M} UTC"
    return mail_error("fetching-paused", who=pause.paused_by, since=since, reason=pause.reason)


def refuse_if_paused(session: Session, account: MailAccount) -> None:
    """Raises ``fetching-paused`` if all fetching is paused, ``account-paused`` if that of ``account`` is."""
    pause = current_pause(session)
    if pause is not None:
        raise paused_error(pause)
    state = account.state
    if state is not None and state.paused_at is not None:
        since = f"{state.paused_at:%Y-%m-%d %H:%M} UTC"
        raise mail_error("account-paused", who=state.paused_by, since=since, reason=state.paused_reason)


def is_paused(session: Session, account_id: int) -> bool:
    """Whether all fetching is paused by now, or that of the account."""
    return bool(session.connection().scalar(_PAUSED, {"account_id": account_id}))


_PAUSED = select(
    or_(
        exists().where(FetchPause.id == _ONLY),
        exists().where(AccountState.account_id == bindparam("account_id"), AccountState.paused_at.is_not(None)),
    )
)


def pause_fetching(session: Session, reason: str, actor: str) -> FetchPause:
    """Pause all fetching; runs end after their current batch. The caller commits.

    Raises InputError if no reason is given, or if it is paused already.
    """
    lock_administration(session)
    reason = REASON.parse(reason)
    pause = current_pause(session)
    if pause is not None:
        raise InputError("pause", f"{paused_error(pause).message}.", "It stays so.", code="already-paused")
    pause = FetchPause(id=_ONLY, reason=reason, paused_by=actor, paused_at=now())
    session.add(pause)
    audit(session, actor, "pause", "fetching", "all", {"reason": [None, reason]})
    return pause


def resume_fetching(session: Session, actor: str) -> bool:
    """Resume fetching; returns False if it was not paused. The caller commits."""
    lock_administration(session)
    pause = current_pause(session)
    if pause is None:
        return False
    session.delete(pause)
    audit(session, actor, "resume", "fetching", "all", {"reason": [pause.reason, None]})
    return True
