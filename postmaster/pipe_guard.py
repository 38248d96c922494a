"""Keeps a mail transfer agent from bouncing mail: whatever ``flask read`` dies of, it ends with 75, "try again".

An agent keeps mail after EX_TEMPFAIL of sysexits.h alone, and after any other status but 0 sends it back. So the
command runs in a child of this process, which outlives what the child cannot answer for: a library that is missing, an
app that cannot be made, the killer of processes that take too much memory. It comes before all other imports, and so
needs nothing but the standard library.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from postmaster.signals import hear_signals, keep_exit_codes

EXIT_TRY_AGAIN = 75

# The error code of whatever this process itself says at its end.
CODE = "interrupted"

# What the child ends with if the command line is wrong (EX_USAGE), and the command then.
CHILD_USAGE, EXIT_USAGE = 64, 2

# Options of flask itself that take a value: what follows one is no command.
_WITH_VALUE = ("-A", "--app", "-e", "--env-file")

# What this process waits for: what would end it, as an alarm that it was started with (alarm(2)), and the child's end.
_AWAITED = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2),
    *(signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGXCPU, signal.SIGCHLD),
)

_guarded = False


def usage_code() -> int:
    """What wrong usage ends with in this process."""
    return CHILD_USAGE if _guarded else EXIT_USAGE


def is_pipe(arguments: Sequence[str]) -> bool:
    """Whether ``arguments``, those of this process, are ``flask read``."""
    program, *rest = arguments or [""]
    if Path(program).name not in ("flask", "__main__.py"):
        return False
    words = iter(rest)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word == "read"
    return False


def guard_pipe() -> None:
    """Go on in a child if this is ``flask read``; this process never returns, and ends as the child's end means."""
    global _guarded  # noqa: PLW0603 - set once, in the child, before anything else runs
    if _guarded or not is_pipe(sys.argv):
        return
    _guarded = True
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)  # one that comes now waits until somebody can take it
    keep_exit_codes()
    try:
        child = os.fork()
    except OSError as error:
        _end(EXIT_TRY_AGAIN, f"No process could be started ({error.strerror}).")
    if child:
        _end(*_outcome(_outlive(child)))
    _end_by_interrupt()
    hear_signals()


def _outlive(child: int) -> int:
    """Wait for the child's end; returns its exit code.

    The child is told what this process is told, and has the last word: the mail may be stored. Signals are waited for,
    not handled: Python's handler of one that comes right before waitpid(2) would run after it.
    """
    while True:
        number = signal.sigwait(_AWAITED)
        if number != signal.SIGCHLD:
            os.kill(child, number)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)


def _end_by_interrupt() -> None:
    """SIGINT ends this process as SIGTERM does, unless whoever started it had it ignored.

    Python would raise KeyboardInterrupt, and where it cannot (in ``__del__`` and in callbacks of weak references, which
    run while modules are imported) it prints a line and goes on: the process would wait for a message for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _outcome(code: int) -> tuple[int, str]:
    """What to end with after a child that ended with ``code``, and what is still to be said."""
    if code == 0:
        return 0, ""
    if code == CHILD_USAGE:
        return EXIT_USAGE, ""
    told = f"It was ended by {_name(-code)}." if code < 0 else ""
    return EXIT_TRY_AGAIN, told


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(status: int, told: str) -> None:
    """End without the handlers that Python and libraries have for an end: they are the child's."""
    try:
        if told:
            os.write(2, f"Error: {told} Deliver the message again. [{CODE}]\n".encode())
    finally:
        os._exit(status)
