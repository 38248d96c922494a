"""Names of folders: what LIST answers (RFC 3501 section 7.2.2), and their encoding (section 5.1.3).

Servers write both as they like: tabs, spaces without quotes, backslashes that are not escaped, an "&" that is none of
the encoding's. A folder is opened by the very bytes the server calls it by, and one odd name hides no other.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# The delimiter may be a backslash that is not escaped ("\"); everything behind it is the name, whatever is in it.
_LISTED = re.compile(
    rb"(?:\((?P<flags>[^)]*)\)|NIL)\s*"
    rb'(?P<delimiter>NIL|""|"\\?."|[^\s"\w])\s+(?P<name>\S.*)',
    re.DOTALL | re.IGNORECASE,
)
_QUOTED = re.compile(rb'"(.*)"', re.DOTALL)
_ESCAPED = re.compile(rb'\\([\\"])')
_LITERAL = re.compile(rb"\{\d+\}\s*$")
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_NO_MAIL = {b"\\noselect", b"\\nonexistent"}


@dataclass(frozen=True)
class ListedFolder:
    """A folder: ``name`` as people read it, ``raw`` as the server writes it."""

    name: str
    raw: bytes
    delimiter: str
    holds_mail: bool = True

    def is_called(self, name: str) -> bool:
        """Whether somebody who enters ``name`` means this folder, be it as people or as the server write it."""
        spellings = (self.name, readable(self.raw))
        return name in spellings or _folded(name, "/") in (_folded(known, self.delimiter) for known in spellings)


def read_folders(answer: Sequence[Any]) -> Iterator[ListedFolder]:
    """The folders in the answer to LIST as imaplib returns it. What cannot be read is left out."""
    line = b""
    for part in answer:
        if isinstance(part, tuple):  # a line up to a literal, which may be any part of it
            line += _LITERAL.sub(b"", part[0]) + quoted(part[1])
            continue
        match = _LISTED.fullmatch((line + (part or b"")).strip())
        line = b""
        if match:
            flags = (match["flags"] or b"").lower().split()
            raw = _unquoted(match["name"])
            delimiter = readable(_unquoted(match["delimiter"]))
            delimiter = "" if delimiter.upper() == "NIL" else delimiter
            yield ListedFolder(decode_name(raw), raw, delimiter, _NO_MAIL.isdisjoint(flags))


def quoted(text: bytes) -> bytes:
    """A quoted string (RFC 3501 section 4.3)."""
    return b'"%b"' % re.sub(rb'([\\"])', rb"\\\1", text)


def _unquoted(text: bytes) -> bytes:
    """``text`` without its quotes. A backslash that escapes nothing stands for itself."""
    match = _QUOTED.fullmatch(text)
    return _ESCAPED.sub(rb"\1", match[1]) if match else text


def readable(raw: bytes) -> str:
    """``raw`` as text, whatever it holds."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def decode_name(raw: bytes) -> str:
    """``raw`` as people read it; what is not encoded as it should be stays as it is."""
    return _SHIFTED.sub(_decode_part, readable(raw))


def _decode_part(match: re.Match[str]) -> str:
    shifted = match[1].replace(",", "/")
    if not shifted:
        return "&"
    try:
        return base64.b64decode(shifted + "=" * (-len(shifted) % 4), validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return match[0]


def is_writable(name: str) -> bool:
    """Whether ``name`` can stand in a command: what controls the line would end it, and begin another one."""
    return not _CONTROL.search(name)


def encode_name(name: str) -> bytes:
    """``name`` in the encoding of IMAP: "&" as "&-", what is not printable ASCII in base64."""
    return re.sub(r"&|[^\x20-\x7e]+", _encode_part, name).encode()


def _encode_part(match: re.Match[str]) -> str:
    if match[0] == "&":
        return "&-"
    shifted = base64.b64encode(match[0].encode("utf-16-be", "surrogatepass")).decode()
    return f"&{shifted.rstrip('=').replace('/', ',')}-"


def _folded(name: str, delimiter: str) -> str:
    """``name`` in one spelling: parts separated by a slash, characters composed."""
    return unicodedata.normalize("NFC", name.replace(delimiter, "/") if delimiter else name)
