"""Whoever starts a process of ours may ignore signals, or hold them back: it hears them nevertheless.

So are all that start under some window managers and agents (baskerville/bspwm#1534, util-linux/util-linux#4014,
Perl/perl5#6898): SIGCHLD that is ignored has the system keep no exit status.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.cli.test_pipe import READ, child_of
from tests.servers.ports import wait_until
from tests.support import Desk, mail

TOP = Path(__file__).parents[1]

STARTS = {
    "SIGCHLD ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "all held back": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
}


@pytest.fixture(params=STARTS.values(), ids=STARTS.keys())
def starter(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Words that start the command after them, with signals as they are there."""
    return after(request.param)


def after(code: str) -> tuple[str, ...]:
    """Words that start the command after them in the process in which ``code`` ran."""
    return sys.executable, "-c", f"import os, signal, sys; {code}; os.execv(sys.argv[1], sys.argv[1:])"


@contextmanager
def reading(environ: Mapping[str, str], *starter: str) -> Iterator[subprocess.Popen[bytes]]:
    """``flask read`` that waits for its message in a child."""
    with subprocess.Popen([*starter, *READ], env=environ, cwd=TOP, stdin=PIPE, stderr=PIPE) as process:
        wait_until(lambda: child_of(process.pid), "the child to be there")
        yield process


def test_an_agent_is_told_that_its_mail_is_stored(
    starter: tuple[str, ...], environ: dict[str, str], desk: Desk
) -> None:
    done = subprocess.run([*starter, *READ], env=environ, input=mail("x"), capture_output=True, check=False, cwd=TOP)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(desk.tickets()) == 1


def test_an_agent_that_gives_up_keeps_the_mail(starter: tuple[str, ...], environ: dict[str, str]) -> None:
    with reading(environ, *starter) as process:
        process.terminate()
        assert process.wait(60) == 75
        assert process.stderr is not None
        assert b"It was ended by SIGTERM." in process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGUSR1, signal.SIGXCPU], ids=lambda number: number.name)
def test_whatever_ends_it_ends_both_processes(environ: dict[str, str], number: signal.Signals) -> None:
    with reading(environ) as process:
        process.send_signal(number)
        assert process.wait(60) == 75
        assert process.stderr is not None
        assert f"It was ended by {number.name}." in process.stderr.read().decode()


def test_a_signal_that_came_before_it_began_keeps_the_mail(environ: dict[str, str]) -> None:
    held = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); os.kill(os.getpid(), signal.SIGTERM)"
    done = subprocess.run(
        [*after(held), *READ], env=environ, input=mail("x"), capture_output=True, check=False, cwd=TOP
    )
    assert done.returncode == 75


def test_the_end_of_a_child_is_told(starter: tuple[str, ...], environ: dict[str, str]) -> None:
    script = "import subprocess, sys, postmaster; sys.exit(subprocess.call(['sh', '-c', 'exit 3']))"
    command = [*starter, sys.executable, "-c", script]
    assert subprocess.run(command, env=environ, cwd=TOP, check=False).returncode == 3


def test_it_can_be_ended(starter: tuple[str, ...], environ: dict[str, str]) -> None:
    command = [*starter, sys.executable, "-c", "import postmaster; print('here', flush=True); input()"]
    with subprocess.Popen(command, env=environ, cwd=TOP, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.terminate()
        assert process.wait(60) == -signal.SIGTERM


def test_signals_are_waited_for_together_with_the_child(environ: dict[str, str]) -> None:
    """A handler would run after waitpid(2) if its signal came right before that."""
    with reading(environ) as process:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = re.search(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
        assert caught
        assert not int(caught[1], 16) >> (signal.SIGTERM - 1) & 1
        process.terminate()
        assert process.wait(60) == 75


def test_a_thread_of_somebody_else_keeps_what_it_holds_back(environ: dict[str, str]) -> None:
    script = """
import signal, threading

def load():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    import postmaster
    print(signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, []))

thread = threading.Thread(target=load)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", script], env=environ, cwd=TOP, capture_output=True, check=True)
    assert done.stdout == b"True\n"
