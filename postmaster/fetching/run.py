"""Fetching an account: take the lease, process its mailbox, record how it went."""

from __future__ import annotations

import gc
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.mailbox import mailbox_key
from postmaster.accounts.models import MailAccount
from postmaster.database import database_message, read_session, transaction
from postmaster.errors import MailError, mail_error
from postmaster.fetching import batches
from postmaster.fetching.batches import BatchLimits, MailboxWork
from postmaster.fetching.bisection import Bisection, key_of
from postmaster.fetching.caution import forget_broken_runs, note_broken_run, note_under_way, was_broken_off
from postmaster.fetching.counters import HELD, INTERRUPTED, PAUSED, TIMEOUT, AccountResult
from postmaster.fetching.endpoint import endpoint_of
from postmaster.fetching.lease import renewing
from postmaster.fetching.pending import load_ledger
from postmaster.fetching.run_record import Run, RunTransaction, begin_run, end_run, record_failure
from postmaster.fetching.withheld import remember_withheld
from postmaster.ledger.entries import Origin
from postmaster.logs import Logger
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.rules import account_rules
from postmaster.sources.base import Endpoint, MailSource
from postmaster.sources.open import open_source
from postmaster.system.settings import FIRST_FETCH_CONFIRM, MAX_EMAIL_SIZE, RECONNECT_MESSAGE, read_configuration

# Seconds after which a session is ended and another one opened, and after which it is cut off.
SESSION_SECONDS = 480
SESSION_DEADLINE = 600
# Seconds that a run with a time limit may go over it to end the current batch.
GRACE_SECONDS = 30
# Seconds that a run waits for a free session on a busy host, and how often it asks.
HOST_WAIT_SECONDS = 300
HOST_POLL_SECONDS = 0.2

log = Logger("postmaster.fetch")

ReportProgress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class FetchOptions:
    """How to fetch. ``timeout``: seconds for an account, None for no limit. ``stop`` ends after the current batch.

    ``opening_seconds``: within which each session has to have listed the mailbox, None for as long as any server gets.
    ``guarded``: a mailbox never fetched before with more than FirstFetchConfirm messages is left alone.
    ``host_wait``: seconds to wait for a free session on a busy host. ``on_progress`` is told the account's id, how many
    messages are done, and how many there are.
    """

    started_by: str
    timeout: float | None = None
    opening_seconds: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    guarded: bool = False
    host_wait: float = HOST_WAIT_SECONDS
    on_progress: ReportProgress = lambda _account, _done, _found: None


@dataclass(frozen=True)
class Plan:
    """Everything a run needs to know of its account, read once at its beginning."""

    endpoint: Endpoint
    origin: Origin
    revision: str
    largest: int
    reconnect_after: int
    first_confirm: int


def fetch_account(account_id: int, options: FetchOptions) -> AccountResult:
    """Fetch one account now. Never raises for what happens to mail: the result's ``error`` says what went wrong."""
    started = time.monotonic()
    _freeze_startup()
    with read_session() as session:
        account = session.get_one(MailAccount, account_id)
        result = AccountResult(account.id, account.label)
    try:
        _fetch(account_id, options, result)
    except MailError as error:
        result.error = error
        if error.stage != "lease":
            record_failure(account_id, result)
    except Exception as error:  # whatever it is, other accounts go on
        result.error = _explained(error, result.label)
    result.seconds = time.monotonic() - started
    return result


@cache
def _freeze_startup() -> None:
    """Let no search for cycles go through what starting made: it stays (measured: a tenth of a message's time)."""
    gc.freeze()


def _explained(error: Exception, label: str) -> MailError:
    """The MailError for what is not one: the database, memory, or a flaw of ours."""
    if isinstance(error, DBAPIError):
        return mail_error("database-away", server=database_message(error))
    if isinstance(error, MemoryError):
        return mail_error("memory-short")
    reference = secrets.token_hex(4)
    log.error("fetch failed", reference=reference, account=label, exc_info=error)
    return mail_error("unexpected", reference=reference)


def _fetch(account_id: int, options: FetchOptions, result: AccountResult) -> None:
    plan, run = _begin(account_id, options)
    recording = RunTransaction(run, result.counters)
    watch = Stopwatch(options, recording)
    most = plan.first_confirm if options.guarded and run.first else None
    with read_session() as session:
        ledger = load_ledger(session, run.lease.mailbox_id)
    limits = BatchLimits(plan.largest, watch.stop_reason, most)
    size = run.caution.batch_size(batches.BATCH_MESSAGES)
    bisection = Bisection(size, run.caution.left, partial(note_under_way, run.lease.mailbox_id))
    work = MailboxWork(ledger, plan.origin, recording, limits, bisection)
    try:
        with renewing(run.lease):
            _work(plan, work, options, watch, result)
    except MailError as error:
        _take_down(error, watch, result)
    except Exception as error:  # a run that failed must not be written down as one that went well
        result.error = _explained(error, result.label)
    finally:
        work.close()
        work.count_left(watch.why_stopped)
        result.notes += work.notes
        with transaction() as session:
            if end_run(session, run, result, work.confirmed, plan.revision):
                _remember(session, run, work, result)


def _remember(session: Session, run: Run, work: MailboxWork, result: AccountResult) -> None:
    """Keep in mind for the next run at which messages this one ended, or which it could not have."""
    if result.error and was_broken_off(result.error, reading=work.bisection.reading):
        note_broken_run(session, run.lease.mailbox_id, run.account_id)
    if result.error is None and not work.remaining:
        if run.caution.broken:
            forget_broken_runs(session, run.lease.mailbox_id)
        remember_withheld(session, run.account_id, {key_of(each.mail): str(each) for each in work.withheld})


def _take_down(error: MailError, watch: Stopwatch, result: AccountResult) -> None:
    """What ended the run. A server that hangs up over QUIT has lost nothing, and may have deleted everything: that is
    a failure only if mail of an earlier run is still there, so that it never deletes.
    """
    if error.code == "quit-lost" and not result.counters.outcomes[Outcome.ALREADY_RECORDED]:
        result.notes.append(error.message)
        watch.why_stopped = watch.why_stopped or INTERRUPTED
        return
    result.error = error
    watch.why_stopped = HELD if error.code == "first-fetch-held" else watch.why_stopped


def _begin(account_id: int, options: FetchOptions) -> tuple[Plan, Run]:
    """Read the plan and take the lease, waiting while the host is busy with other sessions of ours."""
    give_up = time.monotonic() + options.host_wait
    while True:
        try:
            with transaction() as session:
                account = session.get_one(MailAccount, account_id)
                key = mailbox_key(account)
                if key is None:
                    raise mail_error("credential-missing")
                run = begin_run(session, account, key, options.started_by)
                return make_plan(session, account, run), run
        except MailError as error:
            if error.code != "host-busy" or options.stop.is_set() or time.monotonic() > give_up:
                raise
            options.stop.wait(HOST_POLL_SECONDS)


def make_plan(session: Session, account: MailAccount, run: Run | None = None) -> Plan:
    """What a run over ``account`` needs; without ``run`` for one that records nothing."""
    environment, settings = config.current(), read_configuration(session)
    origin = Origin(
        rules=account_rules(account),
        label=account.label,
        time_zone=environment.time_zone,
        mailbox_id=run.lease.mailbox_id if run else None,
        run_id=run.id if run else None,
        account_id=account.id,
    )
    return Plan(
        endpoint=endpoint_of(account, environment),
        origin=origin,
        revision=account.config_revision,
        largest=settings[MAX_EMAIL_SIZE] * 1024,
        reconnect_after=settings[RECONNECT_MESSAGE],
        first_confirm=settings[FIRST_FETCH_CONFIRM],
    )


def _work(plan: Plan, work: MailboxWork, options: FetchOptions, watch: Stopwatch, result: AccountResult) -> None:
    """Open sessions until nothing remains, the time is up, or a session did not get on.

    If none can be opened after one that broke, it is the break that is told.
    """
    broken: MailError | None = None
    while True:
        watch.open_session()
        before = work.counters.done
        try:
            source = _open(plan, work, options, watch)
        except MailError as error:
            if broken is None:
                raise
            raise broken from error
        try:
            work.process(source, lambda done, found: options.on_progress(result.id, done, found))
        except MailError as error:
            source.abort()
            if watch.stop_reason() or not work.may_go_on(error):
                raise
            broken = error
            continue
        except BaseException:
            source.abort()
            raise
        del source  # before the next one lists the mailbox: a listing takes megabytes
        if not work.remaining or work.counters.done == before or watch.why_stopped:
            return


def _open(plan: Plan, work: MailboxWork, options: FetchOptions, watch: Stopwatch) -> MailSource:
    return open_source(
        plan.endpoint,
        deadline_seconds=watch.deadline,
        reconnect_after=plan.reconnect_after,
        opening_seconds=options.opening_seconds,
        trouble=work.bisection.trouble,
    )


class Stopwatch:
    """Says when to stop: the user's limit, the user's interruption, a pause of the account or of all, or a session that
    has lasted long enough.
    """

    def __init__(self, options: FetchOptions, recording: RunTransaction | None = None) -> None:
        self._options = options
        self._recording = recording
        self._ends = time.monotonic() + options.timeout if options.timeout is not None else None
        self._session_ends = 0.0
        self.why_stopped = ""

    @property
    def deadline(self) -> float:
        """Seconds after which a session that begins now is cut off."""
        if self._ends is None:
            return SESSION_DEADLINE
        return min(SESSION_DEADLINE, max(0.0, self._ends - time.monotonic()) + GRACE_SECONDS)

    def open_session(self) -> None:
        """A session begins."""
        self._session_ends = time.monotonic() + SESSION_SECONDS

    def stop_reason(self) -> str:
        """Why to stop now, or "". Only what ends the whole run is kept in ``why_stopped``."""
        moment = time.monotonic()
        if self._options.stop.is_set():
            self.why_stopped = INTERRUPTED
        elif self._recording is not None and self._recording.paused:
            self.why_stopped = PAUSED
        elif self._ends is not None and moment >= self._ends:
            self.why_stopped = TIMEOUT
        return self.why_stopped or ("session" if moment >= self._session_ends else "")
