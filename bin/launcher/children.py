"""The processes that a command starts, and that all end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue
from types import FrameType, TracebackType

# Seconds that a child may take to end by itself.
PATIENCE = 15

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody pressed Ctrl-C or asked this process to end. Who handles what went wrong must not take it for that."""


class Children:
    """Starts processes and ends them all when the ``with`` block ends, however it ends.

    Ctrl-C, SIGTERM and SIGHUP raise ``Stopped`` in the block. Every child has a session of its own, so that Ctrl-C in
    the terminal reaches this process alone, which then stops the children, the last one started first, together with
    whatever they started themselves.
    """

    def __init__(self) -> None:
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._ended: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self._starting = False
        self._asked_to_stop = False

    def __enter__(self) -> Children:
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in STOP_SIGNALS:  # a second Ctrl-C must not cut this short and leave a child behind
            signal.signal(number, signal.SIG_IGN)
        for _, process in reversed(self._children):
            _end(process)

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        """Start ``command``, which is to run as long as this process; ``name`` is what users know it by."""
        process = self._spawn(name, command, env, pass_fds)
        threading.Thread(target=self._watch, args=(name, process), daemon=True).start()
        return process

    def run(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> int:
        """Run ``command`` to its end; returns its exit code."""
        return self._spawn(name, command, env, ()).wait()

    def wait(self) -> tuple[str, int]:
        """Wait until a child that was to run on ends; returns its name and exit code."""
        if self._asked_to_stop:  # the exception may have been lost
            raise Stopped
        return self._ended.get()

    def _spawn(
        self, name: str, command: Sequence[str], env: Mapping[str, str], pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        self._starting = True  # a signal right here would leave a process that nobody knows of
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, pass_fds=pass_fds, start_new_session=True
        )
        self._children.append((name, process))
        self._starting = False
        if self._asked_to_stop:
            raise Stopped
        return process

    def _watch(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self._ended.put((name, process.wait()))

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked_to_stop:  # a second exception would cut short what the first one has begun
            return
        self._asked_to_stop = True
        if not self._starting:
            raise Stopped


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    with suppress(ProcessLookupError, PermissionError):  # what is left of its session, if anything
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
