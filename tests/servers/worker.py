"""The worker as processes of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.servers.flask_process import FlaskProcesses, Forked
from tests.servers.ports import wait_until

TOP = Path(__file__).parents[2]

# The program, and the same with a quick clock.
USUAL, QUICK = "worker", "tests.jobs.fast_worker"


class Worker:
    """``python worker.py``, or with ``quick`` the same with a quick clock. ``log`` is what it wrote.

    With ``processes`` it is forked there.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        folder: Path,
        *arguments: str,
        quick: bool = True,
        processes: FlaskProcesses | None = None,
    ) -> None:
        self._module, self._arguments, self._processes = QUICK if quick else USUAL, arguments, processes
        self.command = [sys.executable, "-m", self._module, *arguments]
        self.environ = {**os.environ, **environ}
        self.output = folder / f"worker-{id(self)}.log"
        self.process: subprocess.Popen[bytes] | Forked | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.process is not None:
            self.kill()

    def start(self) -> None:
        """Start it, in a process group of its own."""
        with self.output.open("ab") as output:
            if self._processes:
                streams: dict[str, Any] = {"stdout": output, "stderr": output}
                begin = self._processes.begin
                self.process = begin(self.environ, *self._arguments, module=self._module, new_session=True, **streams)
                return
            self.process = subprocess.Popen(
                self.command, cwd=TOP, env=self.environ, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def log(self) -> str:
        """What it wrote."""
        return self.output.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Its process, which looks after the others."""
        assert self.process is not None
        return self.process.pid

    def children(self) -> list[int]:
        """The processes that it has started and that live: the workers, and the scheduler as the last one."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, as an operator would."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 90) -> int:
        """Its exit code, when it has ended; no child may be left."""
        assert self.process is not None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGUSR1)  # each process writes down where it is
            raise AssertionError(f"it does not end: {self.children()}\n{self.log}") from None
        wait_until(lambda: not self._group_lives(), "the children of the worker to be gone")
        self.process = None
        return code

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it with all its children, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def _group_lives(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True
