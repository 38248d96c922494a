"""Bytes to text, whatever their label says (docs/glossary.md#real-mail: 1, 3 and 10)."""

from __future__ import annotations

import re
from encodings.aliases import aliases

# Python's codecs that are character sets of mail. The others are no text encodings (rot13), no mail (idna), or harm
# (unicode_escape). A label is looked up here only: the codec registry would import a module of that name.
_CODECS = """
    big5 big5hkscs cp037 cp424 cp437 cp500 cp720 cp737 cp775 cp850 cp852 cp855 cp856 cp857 cp858 cp860 cp861 cp862
    cp863 cp864 cp865 cp866 cp869 cp874 cp875 cp932 cp949 cp950 cp1006 cp1026 cp1125 cp1140 cp1250 cp1251 cp1252
    cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 euc_jis_2004 euc_jisx0213 euc_jp euc_kr gb18030 gb2312 gbk hp_roman8 hz
    iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr iso8859_2 iso8859_3
    iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_10 iso8859_11 iso8859_13 iso8859_14 iso8859_15
    iso8859_16 johab koi8_r koi8_t koi8_u kz1048 latin_1 mac_cyrillic mac_greek mac_iceland mac_latin2 mac_roman
    mac_turkish ptcp154 shift_jis shift_jis_2004 shift_jisx0213 tis_620 utf_7 utf_8 utf_16 utf_16_be utf_16_le utf_32
    utf_32_be utf_32_le
"""

# What programs write under the label of the smaller set is the larger one (WHATWG Encoding Standard, section 4.2).
_SUPERSETS = {
    "latin_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
}
_OTHER_LABELS = {
    "utf8mb4": "utf_8",
    "unicode11utf7": "utf_7",
    "iso88598i": "iso8859_8",
    "iso88598e": "iso8859_8",
    "iso88596i": "iso8859_6",
    "ansi": "cp1252",
    "xmaccyrillic": "mac_cyrillic",
    "xansi": "cp1252",
}
_STATEFUL = frozenset(
    {"utf_7", "hz", "iso2022_kr"} | {codec for codec in _CODECS.split() if codec.startswith("iso2022_jp")}
)
_WIDE = frozenset({"utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"})
_EBCDIC = frozenset({"cp037", "cp424", "cp500", "cp875", "cp1026", "cp1140"})
_NOT_ASCII_BASED = _STATEFUL | _WIDE | _EBCDIC

MAX_LABEL = 60
"""Characters of a charset label that are looked at; no registered one is longer (RFC 2978 section 2.3 says 40)."""


def _simple(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label[:MAX_LABEL].lower())


def _labels() -> dict[str, str]:
    codecs = frozenset(_CODECS.split())
    known = {alias: codec for alias, codec in aliases.items() if codec in codecs}
    known |= {codec: codec for codec in codecs}
    return {_simple(label): _SUPERSETS.get(codec, codec) for label, codec in known.items()} | _OTHER_LABELS


_LABELS = _labels()


def codec_of(label: str) -> str | None:
    """Python's codec for a charset label, spelled in any of the usual ways; None if it names no text encoding."""
    simple = _simple(label)
    return _LABELS.get(simple) or _LABELS.get(simple.removeprefix("x"))


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
        return _repair_utf8(data) if codec == "utf_8" else data.decode(codec, "replace")


def _decode_unlike_ascii(data: bytes, codec: str) -> str:
    if codec in _WIDE and b"\0" not in data:  # a label that some programs put on plain text
        return _guess(data)
    if codec in _STATEFUL and not data.isascii():  # these sets are made of 7-bit bytes alone
        return _guess(data)
    text = data.decode(codec, "replace")
    # UTF-7 decodes to whatever was encoded, halves of surrogate pairs included.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if codec == "utf_7" else text


def _guess(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _repair_utf8(data: bytes) -> str:
    """UTF-8 with a few broken characters in it; if it has no whole one, it never was UTF-8."""
    text = data.decode("utf-8", "replace")
    return text if not text.replace("\N{REPLACEMENT CHARACTER}", "").isascii() else data.decode("cp1252", "replace")
