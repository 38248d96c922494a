"""Transfer encodings (RFC 2045 section 6), read leniently: what is no such encoding comes out as it is."""

from __future__ import annotations

import re
import sys
from binascii import Error, a2b_base64, a2b_qp, a2b_uu

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LAYOUT = b"\r\n\t\0"
_TOKEN = re.compile(r"[a-z0-9-]+")
# Blanks that a relay put after a soft line break. It is found five times as fast as with bytes.find.
_BLANKS_AFTER_EQUALS = re.compile(rb"=[ \t]++(?=\r*+\n)")
_UU_BEGIN = re.compile(rb"^begin[ \t]+[0-7]{3,4}[ \t][^\n]*+\n", re.MULTILINE)
_SAMPLE = 1000

_UU_NAMES = frozenset({"x-uuencode", "x-uue", "uuencode", "uue"})


def decode_content(raw: bytes, encoding: str, start: int = 0, end: int = sys.maxsize) -> bytes:
    """What stands in ``raw`` from ``start`` to ``end``, its Content-Transfer-Encoding undone, whose value may be junk.
    Never raises.
    """
    token = _TOKEN.search(encoding.lower())
    name = token[0] if token else ""
    if name == "base64" and looks_like_base64(raw[start : min(end, start + _SAMPLE)]):
        return decode_base64(raw, start, end)
    data = raw[start:end]
    if name == "quoted-printable":
        return decode_quoted_printable(data)
    return _decode_uu(data) if name in _UU_NAMES else data


def looks_like_base64(data: bytes) -> bool:
    """False if more than one in twenty of the first characters is foreign: plain text under a wrong label."""
    sample = data[:_SAMPLE].partition(b"=")[0].strip()
    foreign = sample.translate(None, _BASE64 + _LAYOUT)
    return not foreign.strip() or len(foreign) * 20 <= len(sample)


def decode_base64(raw: bytes, start: int = 0, end: int = sys.maxsize) -> bytes:
    """Bytes of the base64 text that stands in ``raw`` from ``start`` to ``end``, foreign characters ignored. Text
    encoded piece by piece, each with its padding, is read to its end; other text after the padding, such as the footer
    of a mailing list, is not. Never raises.
    """
    padding = raw.find(b"=", start, end)
    if padding < 0 or not raw[padding:end].strip(b"=\r\n\t "):
        try:
            return a2b_base64(memoryview(raw)[start:end])  # not a copy: attachments are most of the bytes of all mail
        except Error:
            pass
    return b"".join(_decode_pieces(raw[start:end]))


def _decode_pieces(data: bytes) -> list[bytes]:
    pieces: list[bytes] = []
    for piece in data.split(b"="):
        digits = piece.translate(None, b"\r\n\t ")
        foreign = digits.translate(None, _BASE64)
        if foreign and pieces:
            break
        digits = digits.translate(None, foreign) if foreign else digits
        # A single digit left over carries six bits, no byte.
        digits = digits[:-1] if len(digits) % 4 == 1 else digits
        pieces.append(a2b_base64(digits + b"=" * (-len(digits) % 4)))
    return pieces


def decode_quoted_printable(data: bytes) -> bytes:
    """Bytes of quoted-printable text; sequences that are none stay as they are. Never raises."""
    return a2b_qp(_BLANKS_AFTER_EQUALS.sub(b"=", data))


def _decode_uu(data: bytes) -> bytes:
    """The file of a uuencoded part; ``data`` itself if it has no ``begin`` line."""
    begin = _UU_BEGIN.search(data)
    if not begin:
        return data
    lines: list[bytes] = []
    for line in data[begin.end() :].split(b"\n"):
        if line.rstrip(b"\r") == b"end":
            break
        lines.append(_decode_uu_line(line.rstrip(b"\r")))
    return b"".join(lines)


def _decode_uu_line(line: bytes) -> bytes:
    try:
        return a2b_uu(line)
    except Error:
        pass
    # Some encoders pad the line with rubbish: cut it to the length that its first character tells.
    length = (((line[0] - 32) & 63) * 4 + 5) // 3
    try:
        return a2b_uu(line[:length])
    except Error:
        return b""
