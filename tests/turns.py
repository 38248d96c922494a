"""Of very many like cases bin/test tries a part, the same in each run, and of what is many less; bin/soak tries all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

from hypothesis import settings

# How often bin/test tries what is told of any text, message or request; bin/soak does more.
USUAL_EXAMPLES = 20

Choice = TypeVar("Choice")


def in_turns(choices: Sequence[Choice], name: str, count: int = 1) -> list[Choice]:
    """``count`` of ``choices``, for each ``name`` always the same, for another one others; in bin/soak all of them.

    Neighbours are often alike, so they are taken from all over. CRC-32 is linear: names that differ only at their
    beginning give choices that depend on each other. Where two choices must be independent, choose among the pairs.
    """
    if _leaves_nothing_out():
        return list(choices)
    first = crc32(name.encode())
    return [choices[(first + number * len(choices) // count) % len(choices)] for number in range(count)]


def as_many(usual: int, most: int) -> int:
    """How many of what is tried with many of: ``usual`` in bin/test, ``most`` in bin/soak."""
    return most if _leaves_nothing_out() else usual


def _leaves_nothing_out() -> bool:
    return settings.default.max_examples > USUAL_EXAMPLES
