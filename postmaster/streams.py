"""Standard streams that whoever started this process has closed, or does not wait for, as a daemon or an agent may."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def open_streams() -> None:
    """Open what is closed of the three on nothing, and have each wait for what is to come, or for room for more.

    Else the next file or connection becomes number 2, and a library writes its complaints into it; and everything that
    asks ``sys.stderr`` something fails. ``sys.stdin`` stays None: nothing to read is not an empty message. And with
    O_NONBLOCK what has come so far of a message is taken for all of it, and output ends where a pipe is full.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number, which is this one
        with suppress(OSError):  # of what is no stream at all
            os.set_blocking(number, True)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def discard_output() -> None:
    """Discard what is left of the output: Python tries it once more when it ends, and complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
