"""``flask …`` as processes of their own, of which each begins where everything is imported.

Two thirds of the time of a command go into imports, and most tests that need a process are about what it reads, writes,
and ends with. So one process imports the app, and forks for each command. What is about the start itself (a library
that is missing, a limit of memory, a signal while it starts) begins at ``python -m flask``, with ``COMMAND``.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from tests.servers.process import Server

TOP = Path(__file__).parents[2]

COMMAND = (sys.executable, "-m", "flask", "--app", "postmaster")

# Bytes that a command's words and environment may take together.
LONGEST_REQUEST = 200_000

# Seconds that a command may take.
PATIENCE = 120


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
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``python -m MODULE WORDS`` to its end; nothing of this process's own environment is handed on."""
        near_end, far_end = socket.socketpair()
        near_end.settimeout(PATIENCE)
        environ = {"FLASK_APP": "postmaster", **environ}
        request = json.dumps({"module": module, "words": words, "environ": environ}).encode()
        assert len(request) < LONGEST_REQUEST
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
            given.write(input)
            given.seek(0)
            files = [file.fileno() for file in (given, stdout or said, stderr or told, far_end)]
            with near_end:
                with far_end:
                    socket.send_fds(self._door, [request], files)
                code = int(near_end.recv(100))
            said.seek(0)
            told.seek(0)
            return subprocess.CompletedProcess(words, code, said.read(), told.read())


def serve(door: socket.socket) -> None:
    """Begin one command after the other, until there is nobody any more who could give one."""
    import flask.cli  # noqa: F401

    import postmaster  # noqa: F401

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
    """Fork a child that becomes the command, and tell what it ended with. The child comes back from it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, answer = files
    if child := os.fork():
        os.write(answer, str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
        os._exit(0)
    os.close(answer)
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
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
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
