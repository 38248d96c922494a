"""The source of a mail, as text that shows each character for what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Bytes of a source that are shown; the rest is in the download.
LIMIT = 256 * 1024

# Characters of a text that are shown beside it.
TEXT_LIMIT = 20_000

# Controls other than line breaks and tabs, and the marks that turn the direction of writing.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Source:
    """The beginning of a source of ``size`` bytes; ``shortened`` if there is more."""

    text: str
    size: int
    shortened: bool


def shown_source(raw: bytes) -> Source:
    """``raw`` to look at. Bytes that are not UTF-8, and controls, are shown as a replacement character."""
    text = raw[:LIMIT].replace(b"\r\n", b"\n").decode("utf-8", "replace")
    return Source(_UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text), len(raw), len(raw) > LIMIT)


def shown_text(text: str) -> str:
    """The beginning of ``text``, likewise."""
    return _UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text[:TEXT_LIMIT])
