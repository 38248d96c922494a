"""The life of a run in the database: begun with the lease, ended with what it found out about the account."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from postmaster.accounts.mailbox import MailboxKey
from postmaster.accounts.models import AccountState, MailAccount
from postmaster.database import writing
from postmaster.errors import MailError
from postmaster.extensions import now
from postmaster.intake.lease import Lease, give_back, take_lease
from postmaster.intake.ledger import confirm
from postmaster.intake.models import FetchRun, RunStatus
from postmaster.intake.tally import AccountResult, Tally


@dataclass(frozen=True, slots=True)
class Run:
    """A run that holds the lease of its mailbox."""

    id: int
    account_id: int
    lease: Lease


def begin_run(session: Session, account: MailAccount, key: MailboxKey, started_by: str) -> Run:
    """Take the lease and write down that a run began; runs that died with the lease are closed as interrupted.

    Raises ``lease-held`` or ``host-busy``. The caller commits.
    """
    moment = now()
    lease = take_lease(session, key, f"{started_by}, since {moment:%Y-%m-%d %H:%M:%S} UTC")
    session.execute(
        update(FetchRun)
        .where(FetchRun.mailbox_id == lease.mailbox_id, FetchRun.status == RunStatus.RUNNING)
        .values(status=RunStatus.INTERRUPTED, finished_at=moment)
    )
    run = FetchRun(
        account_id=account.id,
        mailbox_id=lease.mailbox_id,
        label=account.label,
        started_by=started_by,
        started_at=moment,
    )
    session.add(run)
    session.flush()
    return Run(run.id, account.id, lease)


def save_progress(session: Session, run: Run, tally: Tally) -> None:
    """Write down how far the run is. The caller commits."""
    values = tally.counters() | {"left_reasons": dict(tally.left_reasons), "bytes": tally.bytes}
    session.execute(update(FetchRun).where(FetchRun.id == run.id).values(values))


def end_run(session: Session, run: Run, result: AccountResult, confirmed: list[int], revision: str) -> None:
    """Close the run, give the lease back, and tell the account's state. The caller commits.

    ``revision`` is the ``config_revision`` the run worked with: a refused login pauses the account until it changes.
    """
    confirm(session, confirmed)
    save_progress(session, run, result.tally)
    error = result.error
    session.execute(
        update(FetchRun)
        .where(FetchRun.id == run.id)
        .values(
            status=RunStatus.FAILED if error else RunStatus.OK,
            finished_at=now(),
            error=error.as_dict() if error else None,
        )
    )
    give_back(session, run.lease)
    account = session.get(MailAccount, run.account_id)
    if account is not None:  # deleted while it was fetched: its run and its mail stay
        _tell_state(account, result, revision)


def tell_failure(account_id: int, result: AccountResult) -> None:
    """Write down an error that kept a run from beginning."""
    with writing() as session:
        account = session.get(MailAccount, account_id)
        if account is not None:
            _tell_state(account, result, account.config_revision)


def _tell_state(account: MailAccount, result: AccountResult, revision: str) -> None:
    state = account.state or AccountState(failures=0)
    account.state = state
    state.last_run_at = now()
    state.backlog = result.tally.left
    if result.error is None:
        state.last_success_at, state.failing_since, state.failures = state.last_run_at, None, 0
    else:
        state.failures += 1
        state.failing_since = state.failing_since or state.last_run_at
    _tell_error(state, result.error)
    refused = result.error is not None and result.error.code == "login-refused"
    state.paused_revision = revision if refused else None


def _tell_error(state: AccountState, error: MailError | None) -> None:
    state.error_code = error.code if error else None
    state.error_stage = error.stage if error else None
    state.error_message = error.message if error else None
    state.error_advice = error.advice if error else None
    state.error_server = error.server if error else None
