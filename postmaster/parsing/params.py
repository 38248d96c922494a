"""Parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from postmaster.parsing.charset import decode_text
from postmaster.parsing.header import decode_value

# A value without quotes may hold blanks and go on to the next semicolon; one whose quotes are never closed goes on to
# the end.
_PARAMETER = re.compile(
    r';\s*+([^\s=;"*]++)(?:\*([0-9]{1,4}))?(\*)?\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)|([^;]*+))', re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\])')
_EXTENDED = re.compile(r"([^'\s]{0,60}+)'[^']{0,60}+'(.*)", re.DOTALL)

_WANTED = frozenset({"charset", "boundary", "name", "filename"})

_Pieces = dict[int, tuple[str, bool]]


def parse_parameters(value: str) -> dict[str, str]:
    """Parameters of a field (Latin-1 text) that mail is read by: charset, boundary, name, filename.

    The first of a name counts; one in RFC 2231 form counts before a plain one. All but the boundary are decoded.
    """
    if ";" not in value:
        return {}
    plain: dict[str, str] = {}
    pieces: dict[str, _Pieces] = {}
    for match in _PARAMETER.finditer(value):
        name = match[1].lower()
        if name not in _WANTED:
            continue
        content = match[5].strip() if match[4] is None else _ESCAPED.sub(r"\1", match[4])
        if match[2] or match[3]:
            pieces.setdefault(name, {}).setdefault(int(match[2] or 0), (content, match[3] is not None))
        else:
            plain.setdefault(name, content)
    decoded = {name: content if name == "boundary" else decode_value(content) for name, content in plain.items()}
    return decoded | {name: _join(found) for name, found in pieces.items()}


def _join(pieces: _Pieces) -> str:
    """The value of a parameter that came in pieces; bytes are joined before they are decoded."""
    first, extended = pieces[min(pieces)]
    charset = ""
    if extended and (match := _EXTENDED.match(first)):
        charset, first = match[1], match[2]
    pieces = pieces | {min(pieces): (first, extended)}
    data = b"".join(_piece_bytes(*pieces[number]) for number in sorted(pieces))
    if charset or not data.isascii():
        return _one_line(decode_text(data, charset))
    return decode_value(data.decode("ascii"))


def _piece_bytes(content: str, extended: bool) -> bytes:
    data = content.encode("latin-1", "replace")
    return unquote_to_bytes(data) if extended else data


def _one_line(text: str) -> str:
    """Text without NUL, on one line."""
    return " ".join(text.replace("\0", "").split())
