"""Whether what a server hands over can be the message at all. If not, to record it and delete the message loses it."""

from __future__ import annotations

import re

HEAD_BYTES = 16_384
SHORT = 0.5
"""Which part of the announced size must come. Sizes are often some per cent off: line ends, Exchange's estimates."""

_WORDS = rb"Retrieval using the (IMAP4?|POP3) protocol failed for the following message"
_SUBJECT = re.compile(rb"^Subject: *" + _WORDS, re.IGNORECASE | re.MULTILINE)
_BEGINNING = re.compile(rb"\s*" + _WORDS, re.IGNORECASE)
_EXCHANGE = re.compile(rb"^From:.*Microsoft Exchange", re.IGNORECASE | re.MULTILINE)
_REGRETS = re.compile(rb"The server couldn't retrieve|The message hasn't been deleted", re.IGNORECASE)
_HEADER_END = re.compile(rb"\A\r?\n|\n\r?\n|\r\r")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_TRAVELLED = re.compile(rb"^Received:", re.IGNORECASE | re.MULTILINE)


def doubt(raw: bytes, size: int) -> str:
    """Why ``raw`` cannot be the message of which the server says that it has ``size`` bytes, or ""."""
    if not raw or (raw.isspace() and len(raw) != size):  # a mail of blank lines is one that was announced as such
        return "its text is empty"
    if len(raw) < size * SHORT:
        return f"only {len(raw):,} of its {size:,} bytes came"
    if len(raw) != size and not _HEADER_END.search(raw):
        return "it ends within its header"
    if _is_stand_in(raw[:HEAD_BYTES]):
        return "the server hands over a notice in its place"
    return ""


def _is_stand_in(beginning: bytes) -> bool:
    """Whether Exchange made this in place of a message that it cannot convert.

    Such a notice was never sent: mail of people that quotes it travelled, or is not from the server.
    """
    blank = _BLANK_LINE.search(beginning)
    head_end, body = blank.span() if blank else (len(beginning), len(beginning))
    if _TRAVELLED.search(beginning, 0, head_end):
        return False
    if not (_SUBJECT.search(beginning, 0, head_end) or _BEGINNING.match(beginning, body)):
        return False
    return bool(_EXCHANGE.search(beginning, 0, head_end) or _REGRETS.search(beginning, body))
