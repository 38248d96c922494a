"""What the processes do: a worker fetches, a scheduler says when. Each goes on by itself after Redis was away."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from flask import Flask, current_app
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.timeouts import BaseDeathPenalty, TimerDeathPenalty

from postmaster.broker import CONTROL, QUEUES, connect, redis
from postmaster.database import transaction
from postmaster.jobs.schedule import FetchScheduler
from postmaster.jobs.tasks import STOPPING
from postmaster.logs import Logger
from postmaster.operations.alerting import watch
from postmaster.operations.heartbeat import BEAT_SECONDS, Presence, beat, deregister
from postmaster.operations.models import ProcessRole
from postmaster.outlets.delivering import Deliverer

# Seconds after which a process that lost Redis tries again.
RETRY_SECONDS = 2

# How long a process that ends waits for an alert that it is just sending: another one would send it a minute later.
SENDING_SECONDS = 10

# Threads that work off the schedule's own jobs: one may be at what takes long, such as removing old mail.
CONTROL_THREADS = 2

# How long a scheduler that ends waits for such a job. One that is broken off comes again.
CONTROL_SECONDS = 10

NO_REDIS = "Redis is out of reach"
NEEDS_REDIS = (ProcessRole.WORKER, ProcessRole.SCHEDULER)

log = Logger("postmaster.worker")


class ProcessLimit(BaseDeathPenalty):
    """Ends the process of a job that takes too long, as a kill would, and is put right as that is.

    RQ's own way raises an exception wherever the job is: who reads a message there would take the message for the
    cause, and who catches all errors, or may not raise any, would go on for ever.
    """

    def setup_death_penalty(self) -> None:
        """Set the alarm; nobody hears it but the system."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(self._timeout)

    def cancel_death_penalty(self) -> None:
        """The job is done."""
        signal.alarm(0)


class FetchWorker(SimpleWorker):
    """An RQ worker that runs its jobs itself: a fork a job would cost a new connection to the database and a new TLS
    context each. What it leaves behind when it is killed is put right by ``operations.upkeep``.
    """

    max_connection_wait_time = RETRY_SECONDS
    death_penalty_class: type[BaseDeathPenalty] = ProcessLimit

    @property
    def dequeue_timeout(self) -> int:
        """Seconds that it waits for a job before it looks whether to end."""
        return 1

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """RQ asks this before it takes a job, and only then: the moment to end without losing one."""
        if STOPPING.is_set():
            raise StopRequested
        return bool(super().should_run_maintenance_tasks)

    def _install_signal_handlers(self) -> None:
        """Signals are the process's business, see ``_process``."""


class ControlWorker(FetchWorker):
    """One that runs in a thread, which no signal reaches."""

    death_penalty_class = TimerDeathPenalty


def run_worker(app: Flask) -> None:
    """Process the queues until asked to end."""
    with app.app_context(), _process(ProcessRole.WORKER):
        _until_stopped(lambda: FetchWorker(QUEUES, connection=connect()).work(logging_level="WARNING"))


def run_scheduler(app: Flask) -> None:
    """Queue what ``SCHEDULE`` says, and do it, until asked to end. Mail is never fetched here, so however long that
    takes elsewhere, accounts get their turn and what was left behind is put right.
    """
    with app.app_context(), _process(ProcessRole.SCHEDULER):
        threads = [_start_thread(f"control {number}", _work_off_control) for number in range(CONTROL_THREADS)]
        _until_stopped(lambda: FetchScheduler(connect()).run_until(STOPPING))
        for thread in threads:
            thread.join(CONTROL_SECONDS)


def run_outlets(app: Flask) -> None:
    """Hand events over until asked to end. It needs no Redis, and fetching does not wait for it."""
    with app.app_context(), _process(ProcessRole.OUTLETS):
        Deliverer(STOPPING).run()


def _work_off_control() -> None:
    _until_stopped(lambda: ControlWorker([CONTROL], connection=connect()).work(logging_level="WARNING"))


def _until_stopped(work: Callable[[], object]) -> None:
    """Do ``work`` again and again: it ends when Redis goes away."""
    while not STOPPING.is_set():
        try:
            work()
        except (RedisError, OSError) as error:
            log.warning("no connection to Redis, trying again", error=str(error))
        STOPPING.wait(RETRY_SECONDS)


@contextmanager
def _process(role: ProcessRole) -> Iterator[None]:
    """Say that this process lives, and watch what is wrong elsewhere, until the block ends.

    SIGTERM is waited for by a thread: what a signal's handler raises or locks can break whatever it interrupts.
    """
    for name in ("rq.worker", "rq_scheduler.scheduler"):
        logging.getLogger(name).setLevel(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which asks us to end
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    presence, ended = Presence(role), threading.Event()
    _start_thread("signals", _wait_for_signal)
    watching = _start_thread("alerts", lambda: watch(STOPPING))
    trouble = _trouble if role in NEEDS_REDIS else str
    beating = _start_thread("presence", lambda: _beat(presence, ended, trouble))
    try:
        yield
    finally:
        STOPPING.set()
        watching.join(SENDING_SECONDS)
        ended.set()
        beating.join(BEAT_SECONDS)
        with suppress(Exception), transaction() as session:
            deregister(session, presence)


def _start_thread(name: str, loop: Callable[[], None]) -> threading.Thread:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def run() -> None:
        with app.app_context():
            loop()

    thread = threading.Thread(target=run, daemon=True, name=name)
    thread.start()
    return thread


def _wait_for_signal() -> None:
    signal.sigwait({signal.SIGTERM})
    STOPPING.set()


def _beat(presence: Presence, ended: threading.Event, trouble: Callable[[], str]) -> None:
    parent = os.getppid()
    while True:
        try:
            with transaction() as session:
                beat(session, presence, trouble())
        except Exception as error:  # the next beat tries again; whoever looks sees that this one is missing
            log.warning("could not say that this process lives", error=" ".join(str(error).split())[:200])
        if ended.wait(BEAT_SECONDS):
            return
        if os.getppid() != parent:  # whoever looks after us was killed, so nobody would start us again
            os.kill(os.getpid(), signal.SIGTERM)


def _trouble() -> str:
    try:
        redis().ping()
    except RedisError:
        return NO_REDIS
    return ""
