"""What is put right every minute, so that nothing has to be put right by hand: after kill -9 of a worker, after Redis
lost its data, after the clock or an interval was changed.
"""

from __future__ import annotations

from datetime import timedelta

from redis import Redis
from rq import Queue
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.accounts.wait import state_of
from postmaster.broker import DUE, REQUESTED
from postmaster.database import read_session, transaction
from postmaster.errors import mail_error
from postmaster.extensions import now
from postmaster.fetching.caution import note_broken_run
from postmaster.fetching.lease import is_held
from postmaster.fetching.run_record import record_fault
from postmaster.fetching.schedule import SETTLING, interval_of, longest_ahead, next_slot, shortest_interval
from postmaster.ledger.hourly_counts import add_up_old_hours
from postmaster.ledger.models import FetchRun, Mailbox, RunStatus
from postmaster.operations.dispatch import Claim, release_claims
from postmaster.operations.heartbeat import forget_dead
from postmaster.operations.uptime import forget_old_outages
from postmaster.resources.models import Validity

# A job that is in no queue so long after it was queued is lost, or its worker died on the way to the run.
CLAIM_LASTS = timedelta(seconds=60)


def run_upkeep(redis: Redis) -> None:
    """Put everything right that can be."""
    schedule_new_accounts()
    close_dead_runs()
    with transaction() as session:
        pull_in_far_runs(session)
        add_up_old_hours(session)
        forget_old_outages(session)
        forget_dead(session)
    give_up_lost_claims(redis)


def schedule_new_accounts() -> int:
    """Give accounts that were never fetched their state: they are due at once. Returns how many there were."""
    known = select(AccountState.account_id)
    new = select(MailAccount).where(MailAccount.id.not_in(known), MailAccount.validity == Validity.VALID)
    with read_session() as session:
        if session.scalars(new.limit(1)).first() is None:
            return 0
    with transaction() as session:
        accounts = session.scalars(new).unique().all()
        for account in accounts:
            state_of(account).next_run_at = now()  # due, and it can be told for how long
    return len(accounts)


def close_dead_runs() -> int:
    """Close runs whose process is gone, and have their accounts fetched again; returns how many there were."""
    with read_session() as session:
        moment = now().timestamp()
        rows = session.execute(
            select(FetchRun.id, Mailbox)
            .join(Mailbox, FetchRun.mailbox_id == Mailbox.id)
            .where(FetchRun.status == RunStatus.RUNNING)
        ).all()
        dead = [run_id for run_id, mailbox in rows if not is_held(mailbox, moment)]
    return sum(_close(run_id) for run_id in dead)


def _close(run_id: int) -> bool:
    error, moment = mail_error("run-died"), now()
    with transaction() as session:
        closed = session.execute(
            update(FetchRun)
            .where(FetchRun.id == run_id, FetchRun.status == RunStatus.RUNNING)
            .values(status=RunStatus.INTERRUPTED, finished_at=moment, error=error.as_dict())
        )
        if closed.rowcount != 1:  # type: ignore[attr-defined]
            return False
        account = session.scalars(select(MailAccount).join(FetchRun).where(FetchRun.id == run_id)).unique().first()
        run = session.get_one(FetchRun, run_id)
        if run.mailbox_id is not None:
            note_broken_run(session, run.mailbox_id, run.account_id)
        if account is not None:
            record_fault(session, account, error)
            if state_of(account).failures == 1:
                state_of(account).next_run_at = None
    return True


def pull_in_far_runs(session: Session) -> None:
    """Schedule accounts anew whose next run is farther ahead than it can be: an interval became shorter, or the clock
    was set back. The caller commits.
    """
    moment = now()
    horizon = moment + shortest_interval(session) + SETTLING
    query = select(MailAccount).join(AccountState).where(AccountState.next_run_at > horizon)
    for account in session.scalars(query).unique():
        state = state_of(account)
        if state.next_run_at and state.next_run_at > moment + longest_ahead(session, account, state.failures):
            state.next_run_at = next_slot(account.id, interval_of(session, account), moment)


def give_up_lost_claims(redis: Redis) -> int:
    """Take back claims whose job is no longer in any queue; returns how many there were."""
    moment = now()
    with read_session() as session:
        rows = session.execute(
            select(AccountState.account_id, AccountState.claim).where(
                AccountState.claim.is_not(None), ~AccountState.claimed_at.between(moment - CLAIM_LASTS, moment)
            )
        ).all()
    if not rows:
        return 0
    waiting = {job for name in (REQUESTED, DUE) for job in Queue(name, connection=redis).job_ids}
    claims = [Claim(account_id, token or "", requested=False) for account_id, token in rows]
    lost = [claim for claim in claims if claim.job_id not in waiting]
    with transaction() as session:
        release_claims(session, lost)
    return len(lost)
