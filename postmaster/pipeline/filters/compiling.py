"""Compiling without taking the memory of the machine.

The library writes repetitions out, so that ``(\\d{9999}){9999}`` takes gigabytes, and so does much that means the same
in another syntax. What a pattern takes is not worked out from its text, then, but seen where little can go wrong: in a
child process whose memory and time are limited. Those that hold few digits cannot repeat much, whatever they mean, and
are compiled at once.
"""

from __future__ import annotations

from functools import lru_cache

import regex

from postmaster.confined import Limits, NotNowError, TooMuchError, compute
from postmaster.errors import mail_error
from postmaster.pipeline.filters import weighing

# Of the child, for one pattern; and what all patterns of a process may take together.
COMPILE_LIMITS = Limits(seconds=1, megabytes=48)
ALL_BYTES = 256 << 20

# Pieces of a pattern, written out, that need no child; and what one takes at the most (measured: 260 bytes).
FEW_PIECES = 20_000
STEP_BYTES = 300

# Patterns whose weight is kept: those of all filters that a busy desk has.
MAX_COMPILED = 10_000


def compile_confined(pattern: str) -> regex.Pattern[str]:
    """``pattern``, compiled.

    Raises TooMuchError if it takes too much, what the library raises if it is none, and ``filters-not-compiled`` if
    that cannot be found out at the moment.
    """
    weight(pattern)
    return weighing.compile_pattern(pattern)


def weight(pattern: str) -> int:
    """About how many bytes it takes. Raises as ``compile_confined`` does."""
    # The most pieces when repetitions are written out: a number has no more than all digits.
    digits = sum(char.isdigit() for char in pattern) if "{" in pattern else 0
    pieces = int(10 ** min(digits, 9) * len(pattern))
    found = pieces * STEP_BYTES if pieces <= FEW_PIECES else _weigh(pattern)
    if found is None:
        raise TooMuchError
    return found


@lru_cache(MAX_COMPILED)
def _weigh(pattern: str) -> int | None:
    """What a child found out; None if it took too much."""
    try:
        return int(compute(weighing.__file__, pattern.encode(errors="surrogatepass"), COMPILE_LIMITS))
    except TooMuchError:
        return None
    except NotNowError as error:
        raise mail_error("filters-not-compiled") from error
