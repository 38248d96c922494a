"""Signals that whoever started this process ignores or holds back: both last beyond the start of another program.

See docs/decisions/41-what-a-process-inherits.md.
"""

from __future__ import annotations

import signal
import threading
from contextlib import suppress


def keep_exit_codes() -> None:
    """Have the system keep the exit codes of children, which it does not where SIGCHLD is ignored (wait(2)).

    ``flask read`` could not tell whether the mail is stored, and a parser that crashed would have ended well.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        with suppress(ValueError):  # where another program runs Python, signals are its own
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def hear_signals() -> None:
    """Hear what was held back as well, and the end of children.

    That SIGINT and SIGHUP are ignored is meant: so a shell does in the background, and nohup. A thread that is not the
    first one is of a server with ways of its own.
    """
    if threading.current_thread() is threading.main_thread():
        keep_exit_codes()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
