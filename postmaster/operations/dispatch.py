"""From due accounts to jobs: each gets a *claim* in its state, and only the job that names the claim may start a run.

So an account is queued once, whatever Redis keeps, loses or repeats: a job whose claim is gone is an extra copy and
ends at once. No more accounts of a host are queued than may have sessions there, so that no worker waits for one;
a run that ends queues the next of its host.

Accounts are *doubtful* whose last run failed or was slow, and while a run takes long. They never have all workers: one
is left to the others, so that mail servers that hardly answer keep nobody waiting but themselves.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, union_all, update
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.columns import health_column
from postmaster.accounts.health import REQUESTABLE, SCHEDULED
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.broker import DUE, REQUESTED
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.fetching.pause import current_pause
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.heartbeat import count_workers
from postmaster.system.settings import SESSIONS_PER_HOST, get_setting

if TYPE_CHECKING:
    from redis import Redis

# Seconds after which a run leaves the rest of a mailbox to the next one, so that other accounts get their turn; and
# after which a job that does not end is broken off. Longer than that run with its last session ever takes.
RUN_SECONDS = 900
JOB_TIMEOUT = 1800

# Seconds after which a run is slow; and after which that of a doubtful account leaves the only worker there is, or half
# a minute later if it is in the middle of a batch.
SLOW_SECONDS = 60
ALONE_SECONDS = 50

FETCH = "postmaster.jobs.tasks.fetch"

log = structlog.get_logger("postmaster.dispatch")


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to start one run over an account."""

    account_id: int
    token: str
    requested: bool

    @property
    def job_id(self) -> str:
        """The id of the job that carries it."""
        return f"fetch-{self.account_id}-{self.token}"


def dispatch_due(redis: Redis, host: str | None = None) -> int:
    """Queue the accounts, or those of ``host``, that are due or asked for, and whose host has sessions free.

    Returns how many were queued. If Redis is away the claims are given up, so that the accounts stay due.
    """
    from redis.exceptions import RedisError

    with read_session() as session:
        if current_pause(session) or not session.execute(_waiting(host).limit(1)).first():
            return 0
    with transaction() as session:
        claims = _claim(session, host)
    try:
        for claim in claims:
            enqueue(redis, claim)
    except RedisError:
        with transaction() as session:
            release_claims(session, claims)
        raise
    return len(claims)


def enqueue(redis: Redis, claim: Claim) -> None:
    """Put the job of ``claim`` into the queue; what somebody asked for comes before what is due."""
    from rq import Queue

    queue = Queue(REQUESTED if claim.requested else DUE, connection=redis)
    queue.enqueue(
        FETCH,
        claim.account_id,
        claim.token,
        job_id=claim.job_id,
        description=claim.job_id,
        job_timeout=JOB_TIMEOUT,
        result_ttl=0,
        failure_ttl=0,
    )


def release_claims(session: Session, claims: Sequence[Claim]) -> None:
    """Take ``claims`` back; their accounts are as due as before. The caller commits."""
    for claim in claims:
        session.execute(
            update(AccountState)
            .where(AccountState.account_id == claim.account_id, AccountState.claim == claim.token)
            .values(claim=None, claimed_at=None)
        )


def _claim(session: Session, host: str | None) -> list[Claim]:
    limit = get_setting(session, SESSIONS_PER_HOST)
    busy, doubtful_free = _busy(session), _free_for_doubtful(session)
    claims = []
    for account_id, its_host, requested, doubtful in session.execute(_waiting(host)).all():
        if busy[its_host] >= limit or (doubtful and doubtful_free <= 0):
            continue
        claim = Claim(account_id, secrets.token_hex(8), requested)
        taken = session.execute(
            update(AccountState)
            .where(AccountState.account_id == account_id, AccountState.claim.is_(None))
            .values(claim=claim.token, claimed_at=now())
        )
        if taken.rowcount == 1:  # type: ignore[attr-defined]
            busy[its_host] += 1
            doubtful_free -= doubtful
            claims.append(claim)
    return claims


def _waiting(host: str | None) -> Select[int, str, bool, bool]:
    """The accounts to be queued: id, host, whether somebody asked for it, and whether it is doubtful; those asked for
    first.
    """
    requested = AccountState.requested_at.is_not(None)
    moment = or_(AccountState.next_run_at.is_(None), AccountState.next_run_at <= now())
    due = and_(moment, health_column().in_(SCHEDULED))
    due_since = func.coalesce(AccountState.next_run_at, AccountState.last_run_at)
    query = (
        select(MailAccount.id, host_column(), requested, doubtful_column())
        .join(AccountState)
        .outerjoin(Credential)
        .where(
            or_(and_(requested, health_column().in_(REQUESTABLE)), due),
            AccountState.claim.is_(None),
            ~running_clause(),
        )
        .order_by(requested.desc(), AccountState.requested_at, due_since, MailAccount.id)
    )
    return query if host is None else query.where(host_column() == host)


def _busy(session: Session) -> Counter[str]:
    """How many accounts of each host are queued or running."""
    queued = select(AccountState.account_id).where(AccountState.claim.is_not(None))
    running = select(FetchRun.account_id).where(FetchRun.status == RunStatus.RUNNING)
    both = union_all(queued, running).subquery()
    return Counter(session.scalars(select(host_column()).join(both, both.c.account_id == MailAccount.id)))


def running_clause() -> ColumnElement[bool]:
    """Whether an account is being fetched."""
    return exists().where(FetchRun.account_id == MailAccount.id, FetchRun.status == RunStatus.RUNNING)


def _free_for_doubtful(session: Session) -> int:
    """How many doubtful accounts may be queued besides those that are queued or running."""
    began = FetchRun.started_at < now() - timedelta(seconds=SLOW_SECONDS)
    long = exists().where(FetchRun.account_id == MailAccount.id, FetchRun.status == RunStatus.RUNNING, began)
    queued = or_(AccountState.claim.is_not(None), running_clause())
    query = select(func.count()).select_from(MailAccount).join(AccountState)
    taken = session.scalar(query.where(or_(long, and_(queued, doubtful_column())))) or 0
    return max(count_workers(session) - 1, 1) - taken


def doubtful_column() -> ColumnElement[bool]:
    """``is_doubtful``, as SQL."""
    return or_(AccountState.failures > 0, func.coalesce(AccountState.last_run_seconds, 0) > SLOW_SECONDS)


def is_doubtful(state: AccountState) -> bool:
    """Whether the last run of the account failed or was slow."""
    return state.failures > 0 or (state.last_run_seconds or 0) > SLOW_SECONDS


def host_column() -> ColumnElement[str]:
    """The host on which an account's sessions count: ``server_of``."""
    return func.lower(func.coalesce(MailAccount.host, config.current().outlook_host))
