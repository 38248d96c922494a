"""The jobs: thin functions that Redis knows by name. Their arguments are ids, and each may come twice without harm."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster.accounts.health import REQUESTABLE, SCHEDULED, account_health
from postmaster.accounts.models import AccountState, MailAccount
from postmaster.broker import redis
from postmaster.database import database_message, transaction
from postmaster.extensions import now
from postmaster.fetching.counters import AccountResult
from postmaster.fetching.run import FetchOptions, fetch_account
from postmaster.fetching.schedule import SETTLING, slot_after_run
from postmaster.logs import Logger
from postmaster.operations import customers as customer_directory
from postmaster.operations import dispatch as dispatching
from postmaster.operations import retention
from postmaster.operations import upkeep as housekeeping
from postmaster.operations.heartbeat import count_workers

# Set when this process is to end: the run that is under way ends after its current batch.
STOPPING = threading.Event()

# Who started a run that nobody asked for.
TASKS = "schedule"

# Seconds that a run waits for a free session, which the command line may have taken.
HOST_WAIT = 5

# How a run of the fast lane fails for want of time: the account has more of it in the other lane, at once.
HURRIED = ("connect-timeout", "server-slow", "session-deadline")

log = Logger("postmaster.jobs")


JobP = ParamSpec("JobP")


def job(function: Callable[JobP, None]) -> Callable[JobP, None]:
    """``function`` as a job: while database or Redis are away it ends with a line in the log, and comes again."""

    @functools.wraps(function)
    def run(*args: JobP.args, **kwargs: JobP.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except (DBAPIError, RedisError) as error:
            log.warning("a job was broken off and comes again", job=function.__name__, error=database_message(error))

    return run


@job
def tick() -> None:
    """Queue the accounts that are due, new ones among them."""
    housekeeping.schedule_new_accounts()
    dispatching.dispatch_due(redis())


@job
def upkeep() -> None:
    """Put right what was left behind, then queue what became due by it."""
    housekeeping.run_upkeep(redis())
    dispatching.dispatch_due(redis())


@job
def customers() -> None:
    """Read the file of the customer directory again, if it has changed."""
    customer_directory.read_again()


@job
def retain() -> None:
    """Remove what is older than it is to be kept."""
    retention.remove_old()


@job
def fetch(account_id: int, token: str) -> None:
    """Fetch the account, if this job has the claim on it; then queue the next of its host, or what it kept waiting."""
    turn = _take_claim(account_id, token)
    if turn is None:
        return
    result = fetch_account(account_id, turn.options())
    if result.error:
        log.warning("fetch failed", account=result.label, code=result.error.code, error=str(result.error))
    _end_turn(turn, result)
    if not STOPPING.is_set():
        changed_lane = turn.doubtful or result.error is not None or result.seconds > dispatching.FAST_SECONDS
        dispatching.dispatch_due(redis(), None if changed_lane else turn.host)


@dataclass(frozen=True, slots=True)
class TaskTurn:
    """An account's turn: its host, who asked for the run, whether it is doubtful, and how long it may take.

    ``claim`` stands in the account's state until the run begins, so that the account counts as being at a worker.
    """

    account_id: int
    claim: str
    host: str
    requested_by: str | None
    doubtful: bool
    seconds: int

    def options(self) -> FetchOptions:
        """How to fetch then."""
        return FetchOptions(
            started_by=self.requested_by or TASKS,
            timeout=self.seconds,
            opening_seconds=None if self.doubtful else self.seconds,
            stop=STOPPING,
            guarded=True,
            host_wait=HOST_WAIT,
        )


def _take_claim(account_id: int, token: str) -> TaskTurn | None:
    """Use up the claim ``token``. None: the claim is gone, or the account is not to be fetched by now."""
    with transaction() as session:
        query = select(MailAccount).join(AccountState)
        account = session.scalars(query.where(MailAccount.id == account_id, AccountState.claim == token)).first()
        if account is None or account.state is None:
            return None
        state, doubtful = account.state, dispatching.is_doubtful(account.state)
        requested_by = state.requested_by if state.requested_at else None
        if doubtful and dispatching.free_for_doubtful(session) < 0:  # a worker went away meanwhile: it stays due
            state.claim = state.claimed_at = None
            return None
        state.requested_at = state.requested_by = None
        if account_health(account) not in (REQUESTABLE if requested_by else SCHEDULED):
            state.claim = state.claimed_at = None
            return None
        state.claim, state.claimed_at = f"{dispatching.TAKEN}{token}", now()
        state.next_run_at = slot_after_run(session, account, now())
        host = session.execute(select(dispatching.host_column()).where(MailAccount.id == account_id)).scalar_one()
        return TaskTurn(account_id, state.claim, host, requested_by, doubtful, _seconds(session, doubtful))


def _seconds(session: Session, doubtful: bool) -> int:
    """How long a run may take before it leaves the rest of the mailbox to the next one."""
    if not doubtful:
        return dispatching.FAST_SECONDS
    return dispatching.RUN_SECONDS if count_workers(session) > 1 else dispatching.ALONE_SECONDS


def _end_turn(turn: TaskTurn, result: AccountResult) -> None:
    """Give the claim up if no run began, and have the account fetched again soon if it had no session, or no time."""
    code = result.error.code if result.error else ""
    with transaction() as session:
        state = session.get(AccountState, turn.account_id)
        if state is None:
            return
        if state.claim == turn.claim:
            state.claim = state.claimed_at = None
        if code == "host-busy" and state.claim is None:
            state.next_run_at = now() + SETTLING
            state.requested_by, state.requested_at = turn.requested_by, now() if turn.requested_by else None
        elif code in HURRIED and not turn.doubtful:
            state.next_run_at = None
