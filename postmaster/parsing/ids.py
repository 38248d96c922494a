"""Message-IDs (RFC 5322 section 3.6.4)."""

from __future__ import annotations

import re

from postmaster.parsing.address_key import BLANKS
from postmaster.parsing.header import MAX_VALUE, decode_value

MAX_ID = 500
"""Characters kept of an id: enough for any real one, and few enough for an index of a database."""

MAX_IDS = 1_000
"""Ids kept of one field: the last ones, which are nearest to the message."""

_ID = re.compile(r"<([^<>]++)>")
_WORD = re.compile(r"[^\s,]++", re.ASCII)


def parse_ids(value: str) -> tuple[str, ...]:
    """Ids in the value of a field, in their order, without angle brackets; words with an @ if there are no brackets."""
    value = _plain(value)
    found = _ID.findall(value) or [word for word in _WORD.findall(value) if "@" in word]
    ids = (_clean(text) for text in found[-MAX_IDS:])
    return tuple(identifier for identifier in ids if identifier)


def parse_id(value: str) -> str | None:
    """The one id of a Message-ID field, without angle brackets; whatever stands there if it is in no usual form."""
    value = _plain(value)
    found = _ID.search(value)
    return _clean(found[1] if found else value.strip(f"<>{BLANKS}")) or None


def _plain(value: str) -> str:
    """``value`` without encoded words: some programs wrap ids, with or without their brackets, as if they were text."""
    return decode_value(value[-MAX_VALUE:]) if "=?" in value else value


def _clean(text: str) -> str:
    return "".join(decode_value(text[:MAX_ID]).split())
