"""Processor time of processes, as the kernel counts it (proc(5), "stat")."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")

# From the state on: the parent's id; user and system time of the process; and those of its children that have ended.
PARENT, OWN, OWN_AND_ENDED = 1, slice(11, 13), slice(11, 15)


def own_seconds(pid: int) -> float:
    """What the process has used itself."""
    return sum(map(int, _stat(pid)[OWN])) / TICKS


def family_seconds(pid: int) -> float:
    """What the process has used with all that it has started, those that have ended included."""
    return sum(int(ticks) for each in _family(pid) for ticks in _stat(each)[OWN_AND_ENDED]) / TICKS


def _family(pid: int) -> Iterator[int]:
    yield pid
    for each in Path("/proc").glob("[0-9]*"):
        if _stat(int(each.name))[PARENT : PARENT + 1] == [str(pid)]:
            yield from _family(int(each.name))


def _stat(pid: int) -> list[str]:
    """What is told of a process from its state on; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
