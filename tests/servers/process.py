"""A server process: started in a process group of its own, so that it ends with all its children."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol, Self


class Process(Protocol):
    """What a server needs of ``subprocess.Popen``, and of a process that is forked for it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float = ...) -> int: ...


class Server:
    """The life of one server process. Subclasses say how it is started, and when it is ready.

    ``folder`` is not below pytest's own temporary folder, because a server that runs as another user cannot enter
    that one.
    """

    user: str | None = None
    stop_signal = signal.SIGTERM
    last_signal = signal.SIGKILL
    """What it gets when nobody needs it any more."""
    environ: Mapping[str, str] = {}
    """What it has in its environment beside what this process has."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pm-"))
        self.folder.chmod(0o755)
        self.process: Process | None = None

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def wait_ready(self) -> None:
        raise NotImplementedError

    def popen_options(self) -> dict[str, Any]:
        """More arguments of ``subprocess``."""
        return {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end(self.last_signal)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self.process = self.launch(output)
        try:
            self.wait_ready()
        except TimeoutError as error:
            self.kill()
            raise RuntimeError(f"{self.command()[0]} did not start: {self.output}") from error

    def launch(self, output: IO[bytes]) -> Process:
        """Start its process, which writes to ``output``."""
        return subprocess.Popen(
            self.command(),
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **{"cwd": self.folder, **self.popen_options(), **run_as(self.user)},
        )

    @property
    def output(self) -> str:
        """What the server wrote to standard output and standard error."""
        return (self.folder / "output").read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        try:
            self.process.wait(timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None


def shell_environment(**more: str) -> dict[str, str]:
    """What a user's shell has, which is nothing of PostMaster, and ``more``."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("POSTMASTER_")}
    return own | more


def run_as(user: str | None) -> dict[str, Any]:
    """Arguments of ``subprocess`` that start a process as ``user``; nothing where that needs root and we are not."""
    if user is None or os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
