"""The embedded database without waiting for the disk: no test cuts the power, and each commit would wait some 5 ms.

What is killed in the middle loses nothing by that, since what it has written is the system's already.
"""

from __future__ import annotations

from postmaster import database

WAITING = database.SQLITE_PRAGMAS
"""What the product says to each connection."""


def wait_for_no_disk() -> None:
    """From now on, in this process and in those that it forks."""
    database.SQLITE_PRAGMAS = (*WAITING, "PRAGMA synchronous = OFF")
