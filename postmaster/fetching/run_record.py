"""The life of a run in the database: begun with the lease, ended with what it found out about the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from postmaster.accounts.mailbox import MailboxKey
from postmaster.accounts.models import AccountState, MailAccount
from postmaster.accounts.turns import note_failure, note_success
from postmaster.accounts.wait import state_of
from postmaster.database import transaction
from postmaster.errors import PAUSING, UNCLEAR, MailError
from postmaster.extensions import now
from postmaster.fetching.caution import Caution, load_caution, note_broken_run
from postmaster.fetching.counters import CUT_SHORT, HELD, AccountResult, RunCounters
from postmaster.fetching.lease import Lease, fence, release, take_lease
from postmaster.fetching.outages import note_outage
from postmaster.fetching.pause import is_paused, refuse_if_paused
from postmaster.fetching.pending import mark_deleted
from postmaster.fetching.schedule import interval_of, slot_after_run, wait_after
from postmaster.ledger.models import FetchRun, Mailbox, RunStatus

# How long refusals that may pass by themselves are put up with before the account waits: sooner, an hour's trouble
# of a server would stop the mail until somebody acts; later, a mailbox might be locked for too many wrong passwords.
REMINDER_INTERVAL = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that holds the lease of its mailbox; ``first`` if none over that mailbox went well before."""

    id: int
    account_id: int
    lease: Lease
    started_at: datetime
    first: bool
    caution: Caution


def begin_run(session: Session, account: MailAccount, key: MailboxKey, started_by: str) -> Run:
    """Take the lease and write down that a run began; runs that died with the lease are closed as interrupted.

    Raises ``fetching-paused``, ``account-paused``, ``lease-held`` or ``host-busy``. The caller commits.
    """
    refuse_if_paused(session, account)
    moment = now()
    lease = take_lease(session, key, f"{started_by}, since {moment:%Y-%m-%d %H:%M:%S} UTC")
    mailbox = session.get_one(Mailbox, lease.mailbox_id)  # the session has it until its changes are written
    died = session.execute(
        update(FetchRun)
        .where(FetchRun.mailbox_id == lease.mailbox_id, FetchRun.status == RunStatus.RUNNING)
        .values(status=RunStatus.INTERRUPTED, finished_at=moment)
    )
    if died.rowcount:  # type: ignore[attr-defined]
        note_broken_run(session, lease.mailbox_id, account.id)
    run = FetchRun(
        account_id=account.id,
        mailbox_id=lease.mailbox_id,
        label=account.label,
        started_by=started_by[:100],
        started_at=moment,
        updated_at=moment,
    )
    session.add(run)
    _leave_queue(session, account, moment)
    session.flush()
    first = mailbox.confirmed_at is None
    caution = load_caution(session, lease.mailbox_id, account.id)
    return Run(run.id, account.id, lease, moment, first, caution)


def _leave_queue(session: Session, account: MailAccount, moment: datetime) -> None:
    """The run that begins is the one that was due or asked for."""
    state = state_of(account)
    state.next_run_at = slot_after_run(session, account, moment)
    state.requested_at = state.requested_by = None
    state.claim = state.claimed_at = None


class RunTransaction:
    """What belongs into each transaction in which ``run`` records messages, beside the messages.

    Afterwards ``paused`` says whether all fetching, or that of the account, was paused meanwhile.
    """

    def __init__(self, run: Run, counters: RunCounters) -> None:
        self.run = run
        self.counters = counters
        self.paused = False

    def begin(self, session: Session, confirmed: Sequence[int], expected: int) -> None:
        """Renew the lease, mark the rows ``confirmed`` as deleted on the server, and save how far the run is.

        It may be called again with the same rows: a transaction that the database refused is begun anew. Raises
        ``lease-lost``.
        """
        fence(session, self.run.lease)
        mark_deleted(session, confirmed)
        save_progress(session, self.run, self.counters, expected)
        self.paused = is_paused(session, self.run.account_id)


def save_progress(session: Session, run: Run, counters: RunCounters, expected: int, **facts: object) -> None:
    """Write down how far the run is, out of ``expected`` messages, and ``facts`` about it. The caller commits."""
    progress = {
        "left_reasons": dict(counters.left_reasons),
        "bytes": counters.bytes,
        "expected": expected,
        "updated_at": now(),
    }
    session.connection().execute(_SAVING, {"run_id": run.id, **counters.counters(), **progress, **facts})


_SAVING = update(FetchRun).where(FetchRun.id == bindparam("run_id"))


def end_run(session: Session, run: Run, result: AccountResult, confirmed: Sequence[int], revision: str) -> bool:
    """Close the run, release the lease, and update the account's state. The caller commits.

    ``revision`` is the ``config_revision`` the run worked with: a refused login pauses the account until it changes.
    Returns whether the account is still there.
    """
    mark_deleted(session, confirmed)
    error, moment = result.error, now()
    status = RunStatus.FAILED if error else RunStatus.OK
    facts = {"status": status, "finished_at": moment, "error": error.as_dict() if error else None}
    save_progress(session, run, result.counters, result.counters.found, **facts)
    release(session, run.lease)
    if error is None and run.first:
        session.execute(update(Mailbox).where(Mailbox.id == run.lease.mailbox_id).values(confirmed_at=moment))
    account = session.get(MailAccount, run.account_id)
    if account is not None:  # deleted while it was fetched: its run and its mail stay
        state_of(account).last_run_seconds = (moment - run.started_at).total_seconds()
        _update_state(session, account, result, revision)
    return account is not None


def record_failure(account_id: int, result: AccountResult) -> None:
    """Write down an error that kept a run from beginning."""
    with transaction() as session:
        account = session.get(MailAccount, account_id)
        if account is not None:
            _leave_queue(session, account, now())
            _update_state(session, account, result, account.config_revision)


def _update_state(session: Session, account: MailAccount, result: AccountResult, revision: str) -> None:
    state = state_of(account)
    state.last_run_at = now()
    if result.error is None or result.counters.found:  # otherwise it did not get to see the mailbox
        _set_backlog(state, result.counters.left)
    _set_error(state, result.error)
    state.paused_revision = state.held_revision = state.held_count = None
    if result.error is None:
        note_outage(session, account, state, state.last_run_at)
        state.last_success_at = state.last_run_at
        note_success(session, account, state)
        if any(result.counters.left_reasons[reason] for reason in CUT_SHORT):
            state.next_run_at = None
    elif result.error.code == "first-fetch-held":
        state.held_revision, state.held_count = revision, result.counters.left_reasons[HELD]
    else:
        record_fault(session, account, result.error)
        state.paused_revision = revision if _pauses(session, account.id, result.error) else None


def _pauses(session: Session, account_id: int, error: MailError) -> bool:
    """Whether the account waits until somebody acts: its login is refused for good, or has been for a day."""
    if error.code in PAUSING:
        return True
    if error.code not in UNCLEAR:
        return False
    mine = FetchRun.account_id == account_id, FetchRun.finished_at.is_not(None)
    other = or_(FetchRun.status == RunStatus.OK, FetchRun.error["code"].as_string().not_in(UNCLEAR))
    last_other = select(func.coalesce(func.max(FetchRun.id), 0)).where(*mine, other).scalar_subquery()
    since = session.scalar(select(func.min(FetchRun.started_at)).where(*mine, FetchRun.id > last_other))
    return since is not None and now() - since >= REMINDER_INTERVAL


def record_fault(session: Session, account: MailAccount, error: MailError) -> None:
    """Write down that one more run failed, and when the next one is tried. The caller commits."""
    state, moment = state_of(account), now()
    note_failure(session, account, state, error)
    state.failures += 1
    state.next_run_at = moment + wait_after(error, state.failures, interval_of(session, account))
    _set_error(state, error)


def _set_backlog(state: AccountState, left: int) -> None:
    if left > state.backlog:
        state.backlog_growth += 1
    elif left < state.backlog:
        state.backlog_growth = 0
    state.backlog = left


def _set_error(state: AccountState, error: MailError | None) -> None:
    state.error_code = error.code if error else None
    state.error_stage = error.stage if error else None
    state.error_message = error.message if error else None
    state.error_advice = error.advice if error else None
    state.error_server = error.server if error else None
