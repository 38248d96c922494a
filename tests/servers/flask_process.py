"""``flask …``, or another module, as processes of their own, of which each begins where everything is imported.

Two thirds of the time of a command go into imports, and most tests that need a process are about what it reads, writes,
and ends with. So one process imports the app, and forks for each command. What is about the start itself (a library
that is missing, a signal while it starts) begins at ``python -m flask``, with ``COMMAND``.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO, Any, Self

from tests.servers.process import Server

TOP = Path(__file__).parents[2]

COMMAND = (sys.executable, "-m", "flask", "--app", "postmaster")

_popen = subprocess.Popen

# Bytes that a command's words and environment may take together.
LONGEST_REQUEST = 200_000

# Seconds that a command may take.
PATIENCE = 120


class Forked:
    """A process that was forked for a command, with what the tests need of ``subprocess.Popen``."""

    def __init__(
        self, words: Sequence[str], environ: Mapping[str, str], told: socket.socket, stdin: IO[bytes] | None
    ) -> None:
        self.args, self.environ, self.stdin = words, environ, stdin
        self.returncode: int | None = None
        self._told = told
        self._told.settimeout(PATIENCE)
        self.pid = int(told.recv(100))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        if kind is not None:
            self.kill()
        if self.stdin is not None:
            self.stdin.close()
        self.wait()

    def wait(self, timeout: float = PATIENCE) -> int:
        """What it ended with."""
        if self.returncode is None:
            with DefaultSelector() as selector:  # whatever number the socket has
                selector.register(self._told, EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = int(self._told.recv(100, socket.MSG_PEEK))  # it stays there: several threads may wait
        return self.returncode

    def poll(self) -> int | None:
        """What it ended with, if it has."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def communicate(self, input: bytes = b"", timeout: float = PATIENCE) -> tuple[None, None]:  # noqa: A002
        """Hand it its input, and wait for its end."""
        assert self.stdin is not None
        with suppress(BrokenPipeError), self.stdin:
            self.stdin.write(input)
        self.wait(timeout)
        return None, None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class FlaskProcesses(Server):
    """The process that forks. Calling it is ``subprocess.run`` of a command, with its output captured."""

    def __init__(self) -> None:
        super().__init__()
        self._door, self._far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def command(self) -> Sequence[str | Path]:
        return (sys.executable, "-m", "tests.servers.flask_process", str(self._far_end.fileno()))

    def popen_options(self) -> dict[str, Any]:
        return {"cwd": TOP, "pass_fds": [self._far_end.fileno()]}

    def wait_ready(self) -> None:
        self._far_end.close()
        self._door.settimeout(PATIENCE)
        assert self._door.recv(1) == b"!", self.output

    def __call__(
        self,
        environ: Mapping[str, str],
        *words: str,
        module: str = "flask",
        input: bytes = b"",  # noqa: A002 - subprocess's word
        stdout: IO[Any] | None = None,
        stderr: IO[Any] | None = None,
        memory: int = 0,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``python -m MODULE WORDS`` to its end; nothing of this process's own environment is handed on.

        ``memory`` is how many bytes it may have, if there is a limit.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
            given.write(input)
            given.seek(0)
            files = (given, stdout or said, stderr or told)
            code = self._fork(environ, words, module, files, memory=memory).wait()
            said.seek(0)
            told.seek(0)
            return subprocess.CompletedProcess(words, code, said.read(), told.read())

    def begin(
        self,
        environ: Mapping[str, str],
        *words: str,
        module: str = "flask",
        stdin: int | IO[Any] = subprocess.DEVNULL,
        stdout: IO[Any] | None = None,
        stderr: IO[Any] | None = None,
        new_session: bool = False,
    ) -> Forked:
        """The same as a process that runs on. What it writes is thrown away unless it is told where to write it."""
        with open(os.devnull, "r+b") as nothing:
            if stdin != subprocess.PIPE:
                given = nothing if isinstance(stdin, int) else stdin
                return self._fork(environ, words, module, (given, stdout or nothing, stderr or nothing), new_session)
            read_end, write_end = os.pipe()
            with os.fdopen(read_end, "rb") as given:
                files = (given, stdout or nothing, stderr or nothing)
                return self._fork(environ, words, module, files, new_session, os.fdopen(write_end, "wb"))

    def popen(self, command: list[str], **options: Any) -> Forked | subprocess.Popen[bytes]:
        """In place of ``subprocess.Popen``: quick, where what is started is a command of ours."""
        if command[: len(COMMAND)] != [*COMMAND]:
            return _popen(command, **options)
        files = {name: options[name] for name in ("stdin", "stdout", "stderr")}
        return self.begin(options["env"], *command[len(COMMAND) :], **files)

    def _fork(
        self,
        environ: Mapping[str, str],
        words: Sequence[str],
        module: str,
        files: Sequence[IO[Any]],
        new_session: bool = False,
        stdin: IO[bytes] | None = None,
        memory: int = 0,
    ) -> Forked:
        near_end, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {"FLASK_APP": "postmaster", **environ}
        request = json.dumps(
            {"module": module, "words": words, "environ": environ, "session": new_session, "memory": memory}
        ).encode()
        assert len(request) < LONGEST_REQUEST
        with far_end:
            socket.send_fds(self._door, [request], [*(file.fileno() for file in files), far_end.fileno()])
        return Forked(words, environ, near_end, stdin)


def serve(door: socket.socket) -> None:
    """Begin one command after the other, until there is nobody any more who could give one."""
    import flask.cli  # noqa: F401

    import postmaster.jobs.__main__
    import postmaster.web
    from tests.disk import wait_for_no_disk

    assert postmaster.jobs.__main__
    assert postmaster.web
    wait_for_no_disk()

    gc.freeze()  # a child that looks for cycles need not copy these pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for a command
    door.send(b"!")
    while True:
        request, files, _, _ = socket.recv_fds(door, LONGEST_REQUEST, 4)
        if not request:
            return
        if not os.fork():
            door.close()
            carry_out(json.loads(request), files)
            return
        for file in files:
            os.close(file)


def carry_out(request: Any, files: Sequence[int]) -> None:
    """Fork a child that becomes the command; tell its id, and what it ended with. The child comes back from it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, answer = files
    if child := os.fork():
        for file in standard:  # whoever reads what the command writes waits for the command alone
            os.close(file)
        os.write(answer, str(child).encode())
        os.write(answer, str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
        os._exit(0)
    os.close(answer)
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
    if request["session"]:
        os.setsid()
    if request["memory"]:
        resource.setrlimit(resource.RLIMIT_AS, (request["memory"],) * 2)
    os.environ.clear()
    os.environ.update(request["environ"])
    run(request["module"], request["words"])


def run(module: str, words: Sequence[str]) -> None:
    """As ``python -m MODULE WORDS`` does after its imports."""
    from postmaster.pipe_guard import guard_pipe

    spec = find_spec(f"{module}.__main__" if module == "flask" else module)
    assert spec
    sys.argv = [str(spec.origin), *words]
    guard_pipe()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            raise
        leave(end.code or 0)
    leave(0)


def leave(code: int) -> None:
    """End as Python does, but for taking apart all objects: each would be copied first, since this process was forked.

    That takes longer (measured: 80 ms) than most commands do. So files have to be closed, and what objects complain of
    as they go is not heard.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError, AttributeError):  # what cannot be written Python tells in its own way
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
