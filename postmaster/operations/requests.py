"""What an admin asks for: fetch now, and the first fetch of a full mailbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.accounts.health import REQUESTABLE, Health, account_health
from postmaster.accounts.mailbox import mailbox_key
from postmaster.accounts.models import MailAccount
from postmaster.accounts.wait import state_of
from postmaster.broker import redis
from postmaster.database import read_session, transaction
from postmaster.errors import ConfigError, InputError
from postmaster.extensions import now
from postmaster.fetching.lease import mailbox_row
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.logs import Logger
from postmaster.operations.dispatch import dispatch_due
from postmaster.operations.state import FetchingState, fetching_state
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.models import Validity

log = Logger("postmaster.requests")


class Answer(StrEnum):
    """What becomes of a request to fetch an account now."""

    QUEUED = "queued"
    ALREADY_QUEUED = "already-queued"
    RUNNING = "running"
    NOT_VALID = "not-valid"
    PAUSED = "paused"
    NEEDS_CREDENTIAL = "needs-credential"
    NEEDS_CONFIRMATION = "needs-confirmation"


REFUSED_BY_HEALTH: Mapping[Health, Answer] = {
    Health.INVALID: Answer.NOT_VALID,
    Health.PAUSED_BY_HAND: Answer.PAUSED,
    Health.NEEDS_CREDENTIAL: Answer.NEEDS_CREDENTIAL,
    Health.NEEDS_CONFIRMATION: Answer.NEEDS_CONFIRMATION,
}


# What becomes of a request to fetch one account.
ANSWER_TEXTS: Mapping[Answer, str] = {
    Answer.QUEUED: "{label} is queued for fetching.",
    Answer.ALREADY_QUEUED: "{label} is already queued; it is not fetched twice.",
    Answer.RUNNING: "{label} is already being fetched; no second run is queued.",
    Answer.NOT_VALID: "{label} is not fetched: the account is not valid.",
    Answer.PAUSED: "{label} is not fetched: the account is paused. Resume it first.",
    Answer.NEEDS_CREDENTIAL: "{label} is not fetched: the account needs a valid credential.",
    Answer.NEEDS_CONFIRMATION: "{label} is not fetched: its first fetch has to be confirmed.",
}
WELL = (Answer.QUEUED, Answer.ALREADY_QUEUED, Answer.RUNNING)


@dataclass(frozen=True)
class Requested:
    """The answer for each account by its id, and whether anybody is there to fetch."""

    answers: Mapping[int, Answer]
    state: FetchingState

    @property
    def sentence(self) -> str:
        """The whole answer in words, for a toast."""
        queued, running, waiting = (
            sum(given is answer for given in self.answers.values())
            for answer in (Answer.QUEUED, Answer.RUNNING, Answer.ALREADY_QUEUED)
        )
        refused = len(self.answers) - queued - running - waiting
        parts = [
            f"{count} {words}"
            for count, words in (
                (queued, "queued"),
                (running, "running already"),
                (waiting, "queued already"),
                (refused, "cannot be fetched as they stand"),
            )
            if count
        ]
        told = f"Accounts: {', '.join(parts)}." if parts else "There is no valid account to fetch."
        return told if self.state.ok else f"{told} {self.state.sentence} {self.state.advice}"


def request_fetch(account_ids: Collection[int] | None, actor: str) -> Requested:
    """Request a fetch of these accounts, or with None of all valid ones, before all others; answers at once.

    A pause after a refused login and a wait after a failure do not hold this run back. An account that is queued or
    running already is not queued again. While all fetching is paused the requests wait until it is resumed. The caller
    sees that ``actor`` is an admin.
    """
    from redis.exceptions import RedisError

    with transaction() as session:
        lock_administration(session)
        runs = select(FetchRun.account_id).where(FetchRun.status == RunStatus.RUNNING)
        running = set(session.scalars(runs))
        answers = {account.id: _request(account, running, actor) for account in _accounts(session, account_ids)}
        if Answer.QUEUED in answers.values():
            _audit_request(session, account_ids, answers, actor)
    try:
        dispatch_due(redis())
    except (RedisError, ConfigError) as error:  # the requests stand in the database: the next tick finds them
        log.warning("requests wait for Redis", error=str(error))
    with read_session() as session:
        return Requested(answers, fetching_state(session))


def _accounts(session: Session, account_ids: Collection[int] | None) -> list[MailAccount]:
    query = select(MailAccount).order_by(MailAccount.id)
    chosen = MailAccount.validity == Validity.VALID if account_ids is None else MailAccount.id.in_(account_ids)
    return list(session.scalars(query.where(chosen)).unique())


def _request(account: MailAccount, running: Collection[int | None], actor: str) -> Answer:
    health, state = account_health(account), state_of(account)
    if health not in REQUESTABLE:
        return REFUSED_BY_HEALTH[health]
    if account.id in running:
        return Answer.RUNNING
    if state.requested_at is not None:
        return Answer.ALREADY_QUEUED
    state.requested_at, state.requested_by = now(), actor[:100]
    return Answer.ALREADY_QUEUED if state.claim is not None else Answer.QUEUED


def _audit_request(
    session: Session, account_ids: Collection[int] | None, answers: Mapping[int, Answer], actor: str
) -> None:
    queued = [account_id for account_id, answer in answers.items() if answer is Answer.QUEUED]
    labels = {account.id: account.label for account in _accounts(session, queued)}
    if account_ids is None:
        audit(session, actor, "fetch", "account", "all", {"queued": len(queued)})
        return
    for account_id in queued:
        audit(session, actor, "fetch", "account", f"{labels[account_id]} ({account_id})", {}, account_id)


def confirm_first_fetch(session: Session, account_id: int, actor: str) -> int:
    """Confirm the first fetch of an account's mailbox, so that the schedule takes all its mail; returns how much there
    was when it was looked at. The caller commits, and may request a fetch then.

    Raises InputError if the account is not waiting for a confirmation.
    """
    lock_administration(session)
    account = session.get_one(MailAccount, account_id)
    key = mailbox_key(account)
    if account.state is None or key is None or account_health(account) is not Health.NEEDS_CONFIRMATION:
        message = f"The account {account.label} is not waiting for a confirmation."
        raise InputError("account", message, "Nothing to do.", code="nothing-to-confirm")
    mailbox_row(session, key).confirmed_at = now()
    state, count = account.state, account.state.held_count or 0
    state.held_revision = state.held_count = state.next_run_at = None
    state.error_code = state.error_stage = state.error_message = state.error_advice = state.error_server = None
    audit(session, actor, "confirm", "account", f"{account.label} ({account.id})", {"messages": count}, account.id)
    return count
