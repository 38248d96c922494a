"""What a number and an id may be, wherever somebody writes one: an address, a form, an option, a document.

ASCII digits alone make a number: ``int`` takes signs, blanks, underscores and the digits of all scripts as well, and
any length, which no column holds.
"""

from __future__ import annotations

import re

# The database counts ids in 64 bits, which hold each number of eighteen digits. An id is written in one way only.
ID_PATTERN = "[1-9][0-9]{0,17}"
MAX_ID = 10**18 - 1

# What no row has: a text that is no id finds nothing, never something else.
NO_ID = 0

_ID = re.compile(ID_PATTERN)
_NUMBER = re.compile("[0-9]{1,18}")


def read_number(text: str, low: int, high: int) -> int | None:
    """The number from ``low`` to ``high`` that ``text`` is; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    number = int(text)
    return number if low <= number <= high else None


def read_id(text: str) -> int | None:
    """The id that ``text`` is; None if it is none."""
    return int(text) if _ID.fullmatch(text) else None
