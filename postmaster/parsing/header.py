"""Header fields: where they end, unfolding, and encoded words (RFC 5322 section 2.2, RFC 2047).

Until it is decoded, a value is a string of code points 0 to 255 that stand for its bytes (“Latin-1 text”). So there is
no step that could fail, and no half surrogate that could come out.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from postmaster.parsing.address_key import BLANKS
from postmaster.parsing.charset import decode_text
from postmaster.parsing.content import decode_base64
from postmaster.parsing.repeated import repeated

MAX_HEADERS = 50_000
"""Fields kept of one header; the ones after are dropped. The largest real ones have some 300."""

MAX_VALUE = 256 * 1024
"""Characters of a value that are decoded; what is behind them is dropped."""

_BLANK_LINE = re.compile(rb"\r*\n")
_END = re.compile(rb"\n\r*\n")
_CARRIAGE_RETURNS = re.compile(r"\r+\n?")
_FOLD = re.compile(r"\n[ \t]+")
_FIELD = re.compile(r"^([!-9;-~]+)[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_FOLDED_FIELD = re.compile(r"[!-9;-~]+[ \t]*:")
_LINE = re.compile(r"[^\n]*+\n?")
_MBOX_LINE = re.compile(rb">?From [^\n]*+\n")
_KNOWN = (
    r"(?:received|return-path|from|to|cc|bcc|sender|reply-to|subject|date|message-id|in-reply-to|references|"
    r"mime-version|content-[a-z-]+|x-[!-9;-~]+|delivered-to|list-[a-z-]+|dkim-signature|user-agent|thread-[a-z]+|"
    r"authentication-results|auto-submitted|precedence|importance|arc-[a-z-]+)[ \t]*:"
)
_KNOWN_FIELD = re.compile(_KNOWN, re.IGNORECASE)
_KNOWN_START = re.compile(_KNOWN.encode(), re.IGNORECASE)
# A run of returns is tried once, from its start: otherwise a megabyte of them would take time without end.
_FIELD_AFTER_RETURN = re.compile(rf"\n\r++(?={_KNOWN})|(?<!\r)\r++(?={_KNOWN})", re.IGNORECASE)

# What a field of this kind never says by itself, so that another field has slipped onto its line.
_STRUCTURED = frozenset(
    {"to", "cc", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding", "return-path"}
)
_SECOND_FIELD = re.compile(
    r"(?<=[ \t;])(From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-Type|Content-Transfer-Encoding|"
    r"Content-Disposition):[ \t]",
    re.IGNORECASE,
)
_SEARCHED = 4_000

# The text of an encoded word ends at ?=, and at the start of another word if that comes first: an unclosed one must
# not make every later one search to the end. It may hold blanks and question marks, as the text of careless programs.
_TEXT = r"[^?=]*+" + repeated(r"(?:\?(?!=)|=(?!\?[^=]))[^?=]*+")
ENCODED_WORD = rf"=\?([^?=\s]{{1,80}}+)\?([bBqQ])\?({_TEXT})\?="
_WORD = re.compile(ENCODED_WORD, re.ASCII)
_GAP = re.compile(r"\s+", re.ASCII)
_UNWANTED = str.maketrans({"\0": None, "\r": " ", "\n": " "})

Fields = list[tuple[str, str]]


class _Word(NamedTuple):
    charset: str
    encoding: str
    text: str


def message_start(raw: bytes) -> int:
    """Where the header of a message begins: after blank lines and an mbox ``From`` line, if fields follow those."""
    start = len(raw) - len(raw.lstrip(b"\xef\xbb\xbf\r\n\t "))
    if mbox := _MBOX_LINE.match(raw, start):
        start = mbox.end()
    return start if begins_with_field(raw, start) else 0


def begins_with_field(raw: bytes, start: int = 0) -> bool:
    """Whether there is a field of mail at ``start``."""
    return _KNOWN_START.match(raw, start) is not None


def split_header(raw: bytes, start: int, end: int) -> tuple[Fields, int]:
    """The fields of the header at ``start``, unfolded but not decoded, and where the body begins (at most ``end``)."""
    if blank := _BLANK_LINE.match(raw, start, end):
        return [], blank.end()
    close = _END.search(raw, start, end)
    text = raw[start : close.start() if close else end].decode("latin-1").rstrip("\r")
    lines = _unfold(text)
    fields = _FIELD.findall(lines)
    body = close.end() if close else end
    if len(fields) != lines.count("\n") + (not lines.endswith("\n")):
        whole, length = _repair(text)
        fields = _FIELD.findall(_unfold(whole))
        body = body if length == len(text) else start + length
    return _parted(fields[:MAX_HEADERS]), body


def _parted(fields: Fields) -> Fields:
    """``fields``, and those that stand on the line of another one, if the header has no such field of its own."""
    crowded = {name for name, value in fields if ": " in value and name.lower() in _STRUCTURED}
    if not crowded:
        return fields
    names = {name.lower() for name, _ in fields}
    parted: Fields = []
    for name, value in fields:
        second = _SECOND_FIELD.search(value, 0, _SEARCHED) if name in crowded else None
        if second and second[1].lower() not in names and value.count('"', 0, second.start()) % 2 == 0:
            parted.append((name, value[: second.start()].rstrip(BLANKS)))
            parted.append((second[1], value[second.end() :].lstrip(BLANKS)))
        else:
            parted.append((name, value))
    return parted


def _unfold(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = _FIELD_AFTER_RETURN.sub("\n", text)
        text = _CARRIAGE_RETURNS.sub(lambda run: "\n" if run[0].endswith("\n") else " ", text)
    return _FOLD.sub(" ", text)


def _repair(text: str) -> tuple[str, int]:
    """A header with lines that are no fields: the header mended, and its length in ``text``.

    Such a line was broken in two if a quoted string goes on in it, or if a well-known field follows. Otherwise the
    blank line after the header is missing, and the body begins there.
    """
    kept: list[str] = []
    previous, mended = "", False
    for match in _LINE.finditer(text):
        line = match[0]
        if not line or (kept and line[0] in " \t") or _FOLDED_FIELD.match(line):
            mended = False
        elif kept and not mended and _continues(previous, line, text, match.end()):
            line, mended = f" {line}", True
        else:
            return "".join(kept), match.start()
        kept.append(line)
        previous = line
    return "".join(kept), len(text)


def _continues(previous: str, line: str, text: str, end: int) -> bool:
    in_quotes = previous.count('"') % 2 == 1 and line.count('"') % 2 == 1
    return in_quotes or _KNOWN_FIELD.match(text, end) is not None


def decode_fields(fields: Fields) -> tuple[tuple[str, str], ...]:
    """Names as they are, values decoded."""
    return tuple((name, decode_value(value)) for name, value in fields)


def decode_value(value: str) -> str:
    """The value of a field (Latin-1 text) as people read it, on one line, cut to ``MAX_VALUE``. Never raises."""
    value = value[:MAX_VALUE]
    if value.isascii() and "=?" not in value and "\0" not in value:
        return value.strip(BLANKS)
    decoded = decode_words(value) if "=?" in value else decode_raw(value)
    return decoded.translate(_UNWANTED).strip(BLANKS)


def decode_raw(value: str) -> str:
    """Latin-1 text whose 8-bit bytes nobody declared; text that was decoded before passes unchanged."""
    if value.isascii():
        return value
    try:
        return decode_text(value.encode("latin-1"))
    except UnicodeEncodeError:
        return value


def decode_words(value: str) -> str:
    """Latin-1 text with its encoded words decoded and those side by side joined, characters cut in two mended."""
    pieces: list[str] = []
    words: list[_Word] = []
    position = 0
    for match in _WORD.finditer(value):
        gap = value[position : match.start()]
        if gap and not (words and _GAP.fullmatch(gap)):
            pieces.extend(_decode_run(words))
            pieces.append(decode_raw(gap))
            words = []
        words.append(_Word(match[1].partition("*")[0].lower(), match[2].lower(), match[3]))
        position = match.end()
    pieces.extend(_decode_run(words))
    pieces.append(decode_raw(value[position:]))
    return "".join(pieces)


def _decode_run(words: list[_Word]) -> Iterator[str]:
    """Text of encoded words side by side: those of one kind are one string of bytes, however its label is spelled."""
    for (charset, encoding), same in groupby(words, key=itemgetter(0, 1)):
        # Text that was decoded before may hold characters that stand for no byte; those are lost.
        data = "".join(word.text for word in same).encode("latin-1", "replace")
        yield decode_text(decode_base64(data) if encoding == "b" else a2b_qp(data, header=True), charset)
