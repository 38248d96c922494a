"""Signals that whoever started this process ignores or holds back: both last beyond the start of another program."""

from __future__ import annotations

import signal
import threading


def hear_signals() -> None:
    """Have this process told of its children's end, and of everything that it is not to ignore.

    Where SIGCHLD is ignored, the system keeps nobody's exit status (wait(2)): ``flask read`` could not tell whether the
    mail is stored, and a parser that crashed would have ended well. That SIGINT and SIGHUP are ignored is meant: so a
    shell does in the background, and nohup. A thread that is not the first one is of a server with ways of its own.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
