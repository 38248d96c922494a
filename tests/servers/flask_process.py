"""``flask …`` as processes of their own, of which each begins where everything is imported.

Two thirds of the time of a command go into imports, and most tests that need a process are about what it reads, writes,
and ends with. So one process imports the app, and forks for each command. What is about the start itself (a library
that is missing, a limit of memory, a signal while it starts) begins at ``python -m flask``, with ``COMMAND``.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from tests.servers.process import Server

TOP = Path(__file__).parents[2]

COMMAND = (sys.executable, "-m", "flask", "--app", "postmaster")

# Bytes that a command's words and environment may take together.
LONGEST_REQUEST = 200_000

# Seconds that a command may take.
PATIENCE = 120


class FlaskProcesses(Server):
    """The process that forks. Calling it is ``subprocess.run`` of the command, with its output captured."""

    def __init__(self) -> None:
        super().__init__()
        self._door, self._far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.settimeout(PATIENCE)

    def command(self) -> Sequence[str | Path]:
        return (sys.executable, "-m", "tests.servers.flask_process", str(self._far_end.fileno()))

    def popen_options(self) -> dict[str, Any]:
        return {"cwd": TOP, "pass_fds": [self._far_end.fileno()]}

    def wait_ready(self) -> None:
        self._far_end.close()
        assert self._door.recv(1) == b"!", self.output

    def __call__(
        self,
        environ: Mapping[str, str],
        *words: str,
        input: bytes = b"",  # noqa: A002 - subprocess's word
        stdout: IO[Any] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``flask WORDS``; nothing of this process's own environment is handed on."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
            given.write(input)
            given.seek(0)
            request = json.dumps({"words": words, "environ": dict(environ)}).encode()
            assert len(request) < LONGEST_REQUEST
            socket.send_fds(self._door, [request], [file.fileno() for file in (given, stdout or said, told)])
            code = int(self._door.recv(100))
            said.seek(0)
            told.seek(0)
            return subprocess.CompletedProcess(words, code, said.read(), told.read())


def serve(door: socket.socket) -> None:
    """Carry out one command after the other, until there is nobody any more who could give one."""
    import flask.cli  # noqa: F401

    import postmaster  # noqa: F401

    gc.freeze()  # a child that looks for cycles need not copy these pages
    door.send(b"!")
    while True:
        request, files, _, _ = socket.recv_fds(door, LONGEST_REQUEST, 3)
        if not request:
            return
        child = os.fork()
        if not child:
            door.close()
            become_flask(json.loads(request), files)
        for file in files:
            os.close(file)
        door.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def become_flask(request: Any, files: Sequence[int]) -> NoReturn:
    """Go on as ``python -m flask --app postmaster WORDS`` does after its imports."""
    import flask.cli

    from postmaster.pipe_guard import guard_pipe

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv = [str(Path(flask.cli.__file__).with_name("__main__.py")), "--app", "postmaster", *request["words"]]
    guard_pipe()
    flask.cli.main()
    raise AssertionError("flask's main function ends the process")


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
