"""Starts the processes of the worker, starts those again that die, and ends them all when asked to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess

from flask import Flask

from postmaster.logs import Logger

# Seconds before a process that died is started again; doubled each time it dies soon, up to the longest.
FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0

# Seconds after which a process counts as having started well.
SETTLED = 60.0

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = Logger("postmaster.worker")

# Children share what the parent has loaded already. The parent holds no connection and has no thread.
_context = multiprocessing.get_context("fork")


@dataclass
class Child:
    """One process, whichever incarnation of it runs at the moment."""

    name: str
    role: Callable[[Flask], None]
    process: ForkProcess | None = None
    started: float = 0.0
    delay: float = FIRST_DELAY
    start_at: float = field(default_factory=time.monotonic)

    def start(self, app: Flask) -> None:
        """Start it."""
        self.process = _context.Process(target=_run, args=(self.role, app), name=self.name)
        # A signal that comes before the process has handlers of its own waits for them: ours would take it there.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        self.started = time.monotonic()

    def bury(self) -> None:
        """It has died: note when it is to be started again."""
        if self.process is None:
            return
        code = self.process.exitcode
        moment = time.monotonic()
        self.delay = FIRST_DELAY if moment - self.started > SETTLED else min(self.delay * 2, LONGEST_DELAY)
        self.start_at = moment + self.delay
        reason = "its job took longer than it may" if code == -signal.SIGALRM else "unknown"
        log.error(
            "a process died and is started again", process=self.name, code=code, reason=reason, seconds=self.delay
        )
        self.process = None


def _run(role: Callable[[Flask], None], app: Flask) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN if number != signal.SIGTERM else signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    role(app)


class Supervisor:
    """Looks after ``children`` until SIGTERM or Ctrl-C; a second signal does not wait for them."""

    def __init__(self, app: Flask, children: Sequence[Child]) -> None:
        self._app = app
        self._children = children
        self._signals = 0
        self._wake_read, self._wake_write = os.pipe()

    def run(self) -> int:
        """Returns the exit code: 0 if all ended as asked, 130 if they were killed."""
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write)
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        while not self._signals:
            self._start_missing()
            # Until a child dies, a signal comes, or it is time to start one again.
            sentinels = [child.process.sentinel for child in self._children if child.process is not None]
            pauses = [child.start_at - time.monotonic() for child in self._children if child.process is None]
            self._sleep(sentinels, max(0.0, min(pauses)) if pauses else None)
        return self._end()

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1

    def _start_missing(self) -> None:
        for child in self._children:
            if child.process is not None and not child.process.is_alive():
                child.bury()
            if child.process is None and time.monotonic() >= child.start_at:
                child.start(self._app)

    def _sleep(self, sentinels: Sequence[int], seconds: float | None = None) -> None:
        """Until one of ``sentinels`` tells of a death, or a signal comes."""
        wait([*sentinels, self._wake_read], timeout=seconds)
        with suppress(BlockingIOError):
            os.read(self._wake_read, 1024)

    def _end(self) -> int:
        log.info("ending; runs finish their current batch")
        alive = [child.process for child in self._children if child.process is not None]
        for process in alive:
            process.terminate()
        # The list is made once a round: a process that died after it was asked must still wake us.
        while alive := [process for process in alive if process.is_alive()]:
            if self._signals > 1:
                for process in alive:
                    process.kill()
                return 130
            self._sleep([process.sentinel for process in alive])
        return 0
