"""Bytes to text, whatever their label says (docs/glossary.md#real-mail: 1, 3, 10 and 18)."""

from __future__ import annotations

from postmaster.parsing.asian import decode_double_byte, decode_euc_jp, decode_iso_2022_jp
from postmaster.parsing.charset_labels import codec_of

__all__ = ["codec_of", "decode_text", "is_utf8"]

_STATEFUL = frozenset({"utf_7", "hz", "iso2022_kr", "iso2022_jp"})
_WIDE = frozenset({"utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"})
_EBCDIC = frozenset({"cp037", "cp424", "cp500", "cp875", "cp1026", "cp1140"})
_NOT_ASCII_BASED = _STATEFUL | _WIDE | _EBCDIC
_DOUBLE_BYTE = frozenset({"cp932", "cp949", "cp950", "gb18030", "johab"})

_WIDE_SAMPLE = 2_000


def decode_text(data: bytes, label: str = "") -> str:
    """``data`` as text: as declared, else UTF-8, else windows-1252. Never raises; the result holds no surrogate."""
    codec = codec_of(label) if label else None
    if codec in _NOT_ASCII_BASED:
        return _decode_unlike_ascii(data, codec)
    if data.isascii():
        return data.decode("ascii")
    if codec is None:
        return _guess(data)
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return _repair(data, codec)


def is_utf8(data: bytes) -> bool:
    """Whether ``data`` can be UTF-8; ASCII is."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode_unlike_ascii(data: bytes, codec: str) -> str:
    if codec in _WIDE:
        return _decode_wide(data, codec)
    if codec == "iso2022_jp" and b"\x1b" in data:
        return decode_iso_2022_jp(data)
    if codec in _STATEFUL and not data.isascii():  # these sets are made of 7-bit bytes alone
        return _guess(data)
    text = data.decode(codec, "replace")
    # UTF-7 decodes to whatever was encoded, halves of surrogate pairs included.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if codec == "utf_7" else text


def _decode_wide(data: bytes, codec: str) -> str:
    """UTF-16 and UTF-32. Some programs label text of single bytes so, and many forget to say which byte is first."""
    if b"\0" not in data and (codec.startswith("utf_32") or _is_readable_as_bytes(data)):
        return _guess(data)
    if codec == "utf_16" and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        # The first bytes of the characters of one script are few.
        sample = data[:_WIDE_SAMPLE]
        codec = "utf_16_le" if len(set(sample[1::2])) < len(set(sample[0::2])) else "utf_16_be"
    return data.decode(codec, "replace").removeprefix("\N{BYTE ORDER MARK}")


def _is_readable_as_bytes(data: bytes) -> bool:
    """Whether bytes without a zero are words of UTF-8; those of Chinese in UTF-16 may all be ASCII, but not letters."""
    sample = data[:_WIDE_SAMPLE]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or not is_utf8(data):
        return False
    letters = sum(chr(byte).isalpha() or byte in b" \r\n\t" or byte > 0x7F for byte in sample)
    controls = sum(byte < 0x20 and byte not in b"\r\n\t" for byte in sample)
    return not controls and letters * 4 >= len(sample) * 3


def _guess(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _repair(data: bytes, codec: str) -> str:
    """Text with characters that are none, without what follows them coming out of step."""
    if codec == "euc_jp":
        return decode_euc_jp(data)
    if codec in _DOUBLE_BYTE:
        return decode_double_byte(data, codec)
    return _repair_utf8(data) if codec == "utf_8" else data.decode(codec, "replace")


def _repair_utf8(data: bytes) -> str:
    """UTF-8 with a few broken characters in it; if it has no whole one, it never was UTF-8."""
    text = data.decode("utf-8", "replace")
    return text if not text.replace("\N{REPLACEMENT CHARACTER}", "").isascii() else data.decode("cp1252", "replace")
