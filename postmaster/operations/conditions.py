"""What raises an alert, as data: each condition finds what is wrong now. A new one is a row in ``CONDITIONS``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from postmaster.accounts.columns import NOT_PAUSED
from postmaster.accounts.complaint import complaint_of
from postmaster.accounts.credential_health import (
    CredentialHealth,
    credential_health,
    credential_health_column,
    need_of,
)
from postmaster.accounts.health import HEALTH_LABELS, account_health
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.wait import silent_since
from postmaster.clock import TOLERANCE
from postmaster.desk.models import Queue, SystemAddress
from postmaster.errors import MailError
from postmaster.fetching.caution import fatal_mail
from postmaster.fetching.pause import current_pause
from postmaster.fetching.withheld import long_withheld
from postmaster.ledger.models import PipeQueue, Quarantine
from postmaster.operations.customers import directory_problem
from postmaster.operations.heartbeat import alive, count_workers
from postmaster.operations.lateness import Late, late_accounts, longest_runs
from postmaster.operations.models import ProcessRole
from postmaster.operations.state import MORE_WORKERS, START, waiting_words
from postmaster.outlets.service import valid_outlets
from postmaster.outlets.troubles import Trouble, halted_outlets, late_outlets
from postmaster.pipeline.filters.loading import load_filters
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.naming import filter_flaws, present_choices
from postmaster.resources.models import Validity
from postmaster.system.settings import CUSTOMER_FILE, DEFAULT_QUEUE, FETCH_INTERVAL, SILENCE_ALERT, get_setting

# Runs in a row after which a growing backlog raises an alert.
GROWING_RUNS = 3

# How long after the last message a queue that a pipe names is wrong: what was mended there is not told here.
PIPE_PATIENCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class IncidentTrouble:
    """One thing that is wrong. ``subject`` tells it from others of its condition; ``path`` is the page about it.

    ``size`` is how much is wrong, where that can grow: messages, accounts, seconds.
    """

    subject: str
    sentence: str
    path: str
    size: int = 0


# None: it cannot be told at the moment, and what was wrong counts as being so still.
Find = Callable[[Session, datetime], Sequence[IncidentTrouble] | None]


@dataclass(frozen=True, slots=True)
class IncidentCondition:
    """A kind of trouble. It is told once it has lasted for ``patience``.

    What somebody acknowledged is told again when its size is more than ``leeway`` times what it was then.
    """

    name: str
    title: str
    find: Find
    patience: timedelta = timedelta(0)
    leeway: int = 1


def _silent(session: Session, moment: datetime) -> Sequence[IncidentTrouble] | None:
    if current_pause(session):
        return None
    patience, usual = timedelta(minutes=get_setting(session, SILENCE_ALERT)), get_setting(session, FETCH_INTERVAL)
    last = func.coalesce(AccountState.last_success_at, MailAccount.created_at)
    query = select(MailAccount).outerjoin(AccountState).where(MailAccount.validity == Validity.VALID, NOT_PAUSED)
    accounts = session.scalars(query.where(last < moment - patience).order_by(MailAccount.id)).unique()
    # Two runs at least should have gone well in the meantime, where the interval is long.
    return [
        _silence(account, moment)
        for account in accounts
        if silent_since(account) < moment - max(patience, 2 * timedelta(minutes=account.interval or usual))
    ]


def _silence(account: MailAccount, moment: datetime) -> IncidentTrouble:
    minutes = int((moment - silent_since(account)).total_seconds() // 60)
    health = HEALTH_LABELS[account_health(account)]
    why = complaint_of(account) or ""
    sentence = f"No mail was fetched from {account.label} for {minutes} minutes; the account is: {health}. {why}"
    return IncidentTrouble(str(account.id), sentence.strip(), f"/accounts/{account.id}/status")


def _growing(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    query = select(MailAccount).join(AccountState).where(AccountState.backlog_growth >= GROWING_RUNS)
    valid = query.where(MailAccount.validity == Validity.VALID, NOT_PAUSED).order_by(MailAccount.id)
    return list(_backlogs(session.scalars(valid).unique().all()))


def _backlogs(accounts: Sequence[MailAccount]) -> Iterator[IncidentTrouble]:
    for account in accounts:
        left = account.state.backlog if account.state else 0
        sentence = f"More and more mail stays on the server of {account.label}: {left} messages by now."
        yield IncidentTrouble(str(account.id), sentence, f"/accounts/{account.id}/status", left)


# How a credential may stand that somebody has to look after, although its accounts may still be fetched.
OUTDATED = (
    CredentialHealth.NEEDS_KEY,
    CredentialHealth.NEEDS_UPDATE,
    CredentialHealth.NEEDS_AUTHORISATION,
    CredentialHealth.SECRET_EXPIRED,
    CredentialHealth.SECRET_EXPIRES_SOON,
)


def _outdated(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    users = exists().where(MailAccount.credential_id == Credential.id, MailAccount.validity == Validity.VALID)
    query = select(Credential).where(users, credential_health_column().in_(OUTDATED)).order_by(Credential.id)
    return [
        IncidentTrouble(
            str(credential.id), str(need_of(credential)), f"/credentials/{credential.id}", _urgency(credential)
        )
        for credential in session.scalars(query).unique()
    ]


def _urgency(credential: Credential) -> int:
    """One whose secret expires soon can still be used; what comes after that is worse."""
    return 1 if credential_health(credential) is CredentialHealth.SECRET_EXPIRES_SOON else 2


def _quarantined(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    count = session.scalar(select(func.count()).select_from(Quarantine)) or 0
    sentence = f"In quarantine: {count} messages that could not become tickets."
    return [IncidentTrouble("", sentence, "/quarantine", count)] if count else []


def _withheld(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    """Messages that servers did not hand over in several runs, so that waiting will hardly help."""
    return _of_accounts(session, long_withheld(session), _withholding)


def _of_accounts(
    session: Session, counts: Mapping[int, int], tell: Callable[[MailAccount, int], IncidentTrouble]
) -> Sequence[IncidentTrouble]:
    """What is wrong with the valid ones among the accounts of ``counts``."""
    valid = select(MailAccount).where(MailAccount.id.in_(counts), MailAccount.validity == Validity.VALID)
    return [tell(account, counts[account.id]) for account in session.scalars(valid)]


def _withholding(account: MailAccount, count: int) -> IncidentTrouble:
    what, them = ("message is", "it") if count == 1 else ("messages are", "them")
    sentence = (
        f"{account.label}: {count} {what} left on the server, which does not hand {them} over. Open {them} there with "
        f"another program, and forward or move {them}; the account's page names {them}."
    )
    return IncidentTrouble(str(account.id), sentence, f"/accounts/{account.id}", count)


def _fatal(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    """Messages that are left because run after run ended in the middle of them."""
    return _of_accounts(session, fatal_mail(session), _fatality)


def _fatality(account: MailAccount, count: int) -> IncidentTrouble:
    sentence = (
        f"{account.label}: {count} {'message is' if count == 1 else 'messages are'} left on the server: run after run "
        "was killed in the middle of it, as when memory runs out, or took too long. Give PostMaster more memory and "
        "save the account to have it tried again, or move it away with a mail program; the account's page names it."
    )
    return IncidentTrouble(str(account.id), sentence, f"/accounts/{account.id}", count)


def _misnamed(session: Session, moment: datetime) -> Sequence[IncidentTrouble]:
    """Queues that a pipe named lately and that are not there. A pipe that was mended names another one, or none."""
    valid = exists().where(Queue.name == PipeQueue.queue_name, Queue.validity == Validity.VALID)
    query = select(PipeQueue.queue_name).where(~valid, PipeQueue.last_at > moment - PIPE_PATIENCE)
    return [
        IncidentTrouble(
            name[:100],
            f"The pipe of a mail transfer agent names the queue “{name}”, which is not there, or not valid; its mail "
            "goes to PostmasterDefaultQueue. Correct --queue of flask read there, or add the queue or set it valid.",
            "/queues",
        )
        for name in session.scalars(query.order_by(PipeQueue.queue_name))
    ]


def _flawed(session: Session, _moment: datetime) -> Sequence[IncidentTrouble] | None:
    """Filters that were stored and cannot be used, so that mail goes elsewhere than somebody meant."""
    try:
        filters = load_filters(session)
    except MailError:
        return None
    return [
        IncidentTrouble(
            str(each.id),
            f"The filter “{each.name}” cannot be used, and is skipped. It {each.flaw}",
            f"/filters/{each.id}",
        )
        for each in filters
        if each.flaw
    ]


def _naming(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    """Accounts, addresses and filters that name what is not valid, so that mail goes elsewhere than somebody meant."""
    return [*_lost_accounts(session), *_lost_addresses(session), *_lost_filters(session), *_lost_default(session)]


def _lost_accounts(session: Session) -> Iterator[IncidentTrouble]:
    query = (
        select(MailAccount)
        .join(Queue, Queue.id == MailAccount.queue_id)
        .where(MailAccount.validity == Validity.VALID, Queue.validity != Validity.VALID)
    )
    for account in session.scalars(query.order_by(MailAccount.id)).unique():
        name = account.queue.name if account.queue else ""
        sentence = (
            f"The account {account.label} dispatches into the queue “{name}”, which is not valid: its mail is "
            "dispatched by address. Choose another queue there, or set that one valid."
        )
        yield IncidentTrouble(f"account {account.id}", sentence, f"/accounts/{account.id}")


def _lost_addresses(session: Session) -> Iterator[IncidentTrouble]:
    query = (
        select(SystemAddress)
        .join(Queue, Queue.id == SystemAddress.queue_id)
        .where(SystemAddress.validity == Validity.VALID, Queue.validity != Validity.VALID)
    )
    for address in session.scalars(query.order_by(SystemAddress.id)):
        sentence = (
            f"The address {address.address} is linked with the queue “{address.queue.name}”, which is not valid: mail "
            "to it goes to PostmasterDefaultQueue. Choose another queue there, or set that one valid."
        )
        yield IncidentTrouble(f"address {address.id}", sentence, f"/addresses/{address.id}")


def _lost_filters(session: Session) -> Iterator[IncidentTrouble]:
    choices = present_choices(session)
    query = select(PostmasterFilter).where(PostmasterFilter.validity == Validity.VALID)
    for each in session.scalars(query.order_by(PostmasterFilter.name)).unique():
        flaws = [f"{control.name} {flaw.flaw}" for control, flaw in filter_flaws(each, choices)]
        if flaws:
            sentence = f"The filter “{each.name}” names what is not valid, which is left out: {'; '.join(flaws)}."
            yield IncidentTrouble(f"filter {each.id}", sentence, f"/filters/{each.id}")


def _lost_default(session: Session) -> Iterator[IncidentTrouble]:
    name = get_setting(session, DEFAULT_QUEUE)
    valid = select(Queue.id).where(Queue.name == name, Queue.validity == Validity.VALID)
    if session.scalar(valid) is None:
        sentence = f"{DEFAULT_QUEUE.name} is “{name}”, which is not a valid queue: the first valid one is used instead."
        yield IncidentTrouble("default", sentence, f"/settings/{DEFAULT_QUEUE.name}")


def _unread_customers(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    problem = directory_problem(session)
    return [IncidentTrouble("", problem, f"/settings/{CUSTOMER_FILE.name}")] if problem else []


def _missing(role: ProcessRole) -> Find:
    sentence = f"No {role.value} runs, or none has Redis. {START}"

    def find(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
        works = any(process.role is role and not process.trouble for process in alive(session))
        valid = select(MailAccount.id).outerjoin(AccountState).where(MailAccount.validity == Validity.VALID, NOT_PAUSED)
        needed = session.scalar(valid.limit(1))
        return [] if works or needed is None else [IncidentTrouble("", sentence, "/status")]

    return find


def _wrong_clocks(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    wrong = {row.host: row.seconds_ahead for row in alive(session) if abs(row.seconds_ahead) > TOLERANCE}
    return [_wrong_clock(host, seconds) for host, seconds in wrong.items()]


def _wrong_clock(host: str, seconds: float) -> IncidentTrouble:
    way = "ahead of" if seconds > 0 else "behind"
    sentence = (
        f"The clock of {host} is {abs(seconds):.0f} s {way} the database's, by which mail is fetched; certificates and "
        "tokens may be refused there. Have both machines take the time by NTP: timedatectl set-ntp true"
    )
    return IncidentTrouble(host[:100], sentence, "/status", int(abs(seconds)))


def _late(session: Session, _moment: datetime) -> Sequence[IncidentTrouble] | None:
    """Only while workers live: that none does is told as such."""
    if current_pause(session):
        return None
    late = late_accounts(session) if count_workers(session) else []
    return [_lateness(late, longest_runs(session))] if late else []


def _lateness(late: Sequence[Late], running: Sequence[tuple[str, datetime]]) -> IncidentTrouble:
    """One for all of them: what they wait for is the same."""
    first = late[0]
    runs = ", ".join(f"{label} (since {since:%H:%M} UTC)" for label, since in running)
    busy = f"Being fetched, the longest first: {runs}." if runs else "Nothing is being fetched."
    sentence = (
        f"{waiting_words(len(late))} for a worker longer than two intervals, the longest {first.label}, due since "
        f"{first.since:%Y-%m-%d %H:%M} UTC. {busy} {MORE_WORKERS}"
    )
    return IncidentTrouble("", sentence, "/runs", len(late))


def _of_outlets(find: Callable[[Session, datetime], Iterable[Trouble]]) -> Find:
    def found(session: Session, moment: datetime) -> Sequence[IncidentTrouble]:
        return [
            IncidentTrouble(str(outlet.id), sentence, f"/outlets/{outlet.id}/status")
            for outlet, sentence in find(session, moment)
        ]

    return found


def _nobody_hands_over(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    if not valid_outlets(session) or any(process.role is ProcessRole.OUTLETS for process in alive(session)):
        return []
    return [IncidentTrouble("", f"No process hands events over to outlets. {START}", "/outlets")]


# A restart of the worker is no incident.
RESTART = timedelta(minutes=2)

CONDITIONS: Sequence[IncidentCondition] = (
    IncidentCondition("silence", "No mail fetched", _silent),
    IncidentCondition("backlog", "Backlog grows", _growing, leeway=2),
    IncidentCondition("credential", "Credential needs an update", _outdated),
    IncidentCondition("quarantine", "Mail in quarantine", _quarantined),
    IncidentCondition("withheld", "Mail the server does not hand over", _withheld),
    IncidentCondition("fatal", "Mail that ends the run", _fatal),
    IncidentCondition("pipe", "A pipe names a queue that is not there", _misnamed),
    IncidentCondition("filter", "A filter cannot be used", _flawed),
    IncidentCondition("naming", "Something names what is not valid", _naming),
    IncidentCondition("customers", "Customer directory is not read", _unread_customers),
    IncidentCondition("worker", "Fetching has stopped", _missing(ProcessRole.WORKER), RESTART),
    IncidentCondition("scheduler", "No schedule", _missing(ProcessRole.SCHEDULER), RESTART),
    IncidentCondition("late", "Accounts wait for a worker", _late, leeway=2),
    IncidentCondition("outlet", "An outlet hands nothing over", _of_outlets(halted_outlets)),
    IncidentCondition("undelivered", "Events wait to be handed over", _of_outlets(late_outlets)),
    IncidentCondition("outlets", "Events are not handed over", _nobody_hands_over, RESTART),
    IncidentCondition("clock", "Clock is wrong", _wrong_clocks, leeway=2),
)
