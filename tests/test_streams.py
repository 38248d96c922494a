"""Whoever starts a process of ours may leave it streams that do not wait (O_NONBLOCK): it waits nevertheless.

So do programs with an event loop, and a stream keeps it for all that have it (python-trio/trio#1707,
moonbitlang/async#553, mitogen-hq/mitogen#712, nickstenning/honcho#168).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD

from tests.cli.test_pipe import READ
from tests.servers.ports import wait_until
from tests.support import Desk, mail

TOP = Path(__file__).parents[1]

# More than a pipe has room for (pipe(7)).
MUCH = 1_000_000


def test_a_message_that_comes_bit_by_bit_is_taken_whole(desk: Desk, environ: Mapping[str, str]) -> None:
    desk.ok("status")
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    with subprocess.Popen(READ, env=environ, stdin=ours, cwd=TOP) as process, open(theirs, "wb", 0) as agent:
        for words in (mail("in pieces", body="The first.\r\n"), b"The second.\r\n", b"The third.\r\n"):
            agent.write(words)
            wait_until(lambda: is_empty(theirs) or process.poll() is not None, "it to ask for more")
            os.set_blocking(ours, False)  # again, by others who have it
        os.close(ours)
        agent.close()
        assert process.wait(60) == 0
    number = desk.tickets()[0]["number"]
    assert "The third." in desk.ok("ticket", "show", number).stdout


def is_empty(pipe: int) -> bool:
    """Whether all has been read that was written into it (FIONREAD, pipe(7))."""
    return ioctl(pipe, FIONREAD, bytes(4)) == bytes(4)


def test_output_that_nobody_takes_at_once_is_written_whole(environ: Mapping[str, str]) -> None:
    script = f"import postmaster, sys; print('here', file=sys.stderr, flush=True); print('x' * {MUCH})"
    theirs, ours = os.pipe()
    os.set_blocking(ours, False)
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=environ, stdout=ours, stderr=subprocess.PIPE, cwd=TOP) as process:
        os.close(ours)
        assert process.stderr is not None
        assert process.stderr.readline() == b"here\n"
        with open(theirs, "rb") as agent:
            assert len(agent.read()) == MUCH + 1
        assert process.wait(60) == 0
