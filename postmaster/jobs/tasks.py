"""The jobs: thin functions that Redis knows by name. Their arguments are ids, and each may come twice without harm."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec

import structlog
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from postmaster.accounts.health import REQUESTABLE, SCHEDULED, account_health
from postmaster.accounts.models import AccountState, MailAccount
from postmaster.broker import redis
from postmaster.database import database_message, transaction
from postmaster.extensions import now
from postmaster.fetching.run import FetchOptions, fetch_account
from postmaster.fetching.schedule import SETTLING, slot_after_run
from postmaster.operations import dispatch as dispatching
from postmaster.operations import retention
from postmaster.operations import upkeep as housekeeping
from postmaster.operations.dispatch import ALONE_SECONDS, RUN_SECONDS, SLOW_SECONDS, is_doubtful
from postmaster.operations.heartbeat import count_workers

# Set when this process is to end: the run that is under way ends after its current batch.
STOPPING = threading.Event()

# Who started a run that nobody asked for.
TASKS = "schedule"

# Seconds that a run waits for a free session, which the command line may have taken.
HOST_WAIT = 5

log = structlog.get_logger("postmaster.jobs")


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
def retain() -> None:
    """Remove what is older than it is to be kept."""
    retention.remove_old()


@job
def fetch(account_id: int, token: str) -> None:
    """Fetch the account, if this job has the claim on it; then queue the next of its host, or what it kept waiting."""
    turn = _take_claim(account_id, token)
    if turn is None:
        return
    options = FetchOptions(
        started_by=turn.requested_by or TASKS, timeout=turn.seconds, stop=STOPPING, guarded=True, host_wait=HOST_WAIT
    )
    result = fetch_account(account_id, options)
    if result.error:
        log.warning("fetch failed", account=result.label, code=result.error.code, error=str(result.error))
        if result.error.code == "host-busy":
            _put_back(account_id, turn.requested_by)
    if not STOPPING.is_set():
        kept_others = turn.doubtful or result.seconds > SLOW_SECONDS
        dispatching.dispatch_due(redis(), None if kept_others else turn.host)


@dataclass(frozen=True, slots=True)
class TaskTurn:
    """An account's turn: its host, who asked for the run, whether it is doubtful, and how long it may take."""

    host: str
    requested_by: str | None
    doubtful: bool
    seconds: int


def _take_claim(account_id: int, token: str) -> TaskTurn | None:
    """Use up the claim ``token``. None: there is no such claim any more, or the account is not to be fetched by now."""
    with transaction() as session:
        query = select(MailAccount).join(AccountState)
        account = session.scalars(query.where(MailAccount.id == account_id, AccountState.claim == token)).first()
        if account is None or account.state is None:
            return None
        state = account.state
        requested_by = state.requested_by if state.requested_at else None
        state.claim = state.claimed_at = state.requested_at = state.requested_by = None
        if account_health(account) not in (REQUESTABLE if requested_by else SCHEDULED):
            return None
        state.next_run_at = slot_after_run(session, account, now())
        host = session.execute(select(dispatching.host_column()).where(MailAccount.id == account_id)).scalar_one()
        doubtful = is_doubtful(state)
        seconds = ALONE_SECONDS if doubtful and count_workers(session) < 2 else RUN_SECONDS
        return TaskTurn(host, requested_by, doubtful, seconds)


def _put_back(account_id: int, requested_by: str | None) -> None:
    """Its host had no session free: try again soon."""
    with transaction() as session:
        state = session.get(AccountState, account_id)
        if state is not None and state.claim is None:
            state.next_run_at = now() + SETTLING
            state.requested_by, state.requested_at = requested_by, now() if requested_by else None
