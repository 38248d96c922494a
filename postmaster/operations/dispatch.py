"""From due accounts to jobs: each gets a *claim* in its state, and only the job that names the claim may start a run.

So an account is queued once, whatever Redis keeps, loses or repeats: a job whose claim is gone is an extra copy and
ends at once. No more accounts of a host are queued than may have sessions there, so that no worker waits for one;
a run that ends queues the next of its host.

There are two lanes, as in a feedback queue. Each account begins in the fast one, which all workers serve: a run has
``FAST_SECONDS`` to open the mailbox, and ends after its batch when they are over. Accounts whose last run failed or
took longer are *doubtful*. They have all the time they need, but never all workers: one is left to the fast lane, so
that mail servers that hardly answer keep nobody waiting but themselves, however many are new or break down at once.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from postmaster.logs import Logger
from postmaster.operations.heartbeat import count_workers
from postmaster.system.settings import SESSIONS_PER_HOST, get_setting

if TYPE_CHECKING:
    from redis import Redis

# What a claim begins with that a worker has taken.
TAKEN = "taken-"

# Seconds that a run of the fast lane has; it is cut off half a minute later if it is in the middle of a batch.
FAST_SECONDS = 10

# Seconds after which a run of a doubtful account leaves the rest of the mailbox to the next one, so that others get
# their turn: sooner on the only worker there is. And after which the process of a job that does not end is ended:
# longer than that run with its last session ever takes.
RUN_SECONDS = 900
ALONE_SECONDS = 50
JOB_TIMEOUT = 1800

FETCH = "postmaster.jobs.tasks.fetch"

log = Logger("postmaster.dispatch")


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
    """Take ``claims`` back; their accounts are as due as before. The caller commits.

    One whose worker has died before its run began has its next turn fixed already: it is due at once.
    """
    for claim in claims:
        due = {"next_run_at": None} if claim.token.startswith(TAKEN) else {}
        session.execute(
            update(AccountState)
            .where(AccountState.account_id == claim.account_id, AccountState.claim == claim.token)
            .values(claim=None, claimed_at=None, **due)
        )


def _claim(session: Session, host: str | None) -> list[Claim]:
    limit = get_setting(session, SESSIONS_PER_HOST)
    busy, doubtful_free = _busy(session), free_for_doubtful(session)
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
    """The accounts to be queued: id, host, whether somebody asked for it, and whether it is doubtful.

    Those asked for come first, and those that fail last: what keeps the doubtful from their turn is not what only
    takes long, but what does not answer.
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
        .order_by(requested.desc(), AccountState.requested_at, AccountState.failures > 0, due_since, MailAccount.id)
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


def free_for_doubtful(session: Session) -> int:
    """How many doubtful accounts may be queued besides those that are queued or running; less than none when a worker
    went away meanwhile.
    """
    queued = or_(AccountState.claim.is_not(None), running_clause())
    query = select(func.count()).select_from(MailAccount).join(AccountState)
    taken = session.scalar(query.where(queued, doubtful_column())) or 0
    return max(count_workers(session) - 1, 1) - taken


def doubtful_column() -> ColumnElement[bool]:
    """``is_doubtful``, as SQL."""
    return or_(AccountState.failures > 0, func.coalesce(AccountState.last_run_seconds, 0) > FAST_SECONDS)


def is_doubtful(state: AccountState) -> bool:
    """Whether the last run of the account failed, or took longer than the fast lane has time."""
    return state.failures > 0 or (state.last_run_seconds or 0) > FAST_SECONDS


def host_column() -> ColumnElement[str]:
    """The host on which an account's sessions count: ``server_of``."""
    return func.lower(func.coalesce(MailAccount.host, config.current().outlook_host))
