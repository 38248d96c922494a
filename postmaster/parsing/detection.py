"""Which character set undeclared text is in, if it is neither UTF-8 nor Western European."""

from __future__ import annotations

import re

from postmaster.parsing.charset import is_utf8

MAX_SAMPLE = 8 * 1024
"""Bytes that are looked at."""

# What is met in mail that declares nothing.
_CANDIDATES = [
    "cp1251", "koi8_r", "cp1250", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "cp932", "euc_jp",
    "gb18030", "big5", "cp949",
]  # fmt: skip

_HIGH = re.compile(rb"[\x80-\xff]+")
_LETTER_ANYWHERE = re.compile(rb"[\xc0-\xff]|[\x80-\xff]{3}")
_FEW = 4
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]")

# In windows-1252 a sign that stands between letters, or a byte that means nothing: letters of another set.
_SIGN_WITHIN_A_WORD = re.compile(
    rb"[A-Za-z\xc0-\xff][\xa1\xa2\xa3\xa5\xa6\xaa\xac\xaf\xb1-\xb3\xb6\xb9\xba\xbc-\xbf\x8f\x9d\x90\x81]+[A-Za-z\xc0-\xff]"
)


def detect_charset(data: bytes) -> str:
    """The name of the character set of 8-bit text that nobody declared; empty if UTF-8 or windows-1252 will do."""
    sample = _sample(data)
    if sample.isascii() or is_utf8(data) or _is_western(sample):
        return ""
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=_CANDIDATES, preemptive_behaviour=False).best()
    return found.encoding if found else ""


def _sample(data: bytes) -> bytes:
    """The first lines that have something to tell by."""
    if len(data) > MAX_SAMPLE and (high := _HIGH.search(data)):
        start = data.rfind(b"\n", 0, high.start()) + 1
        data = data[max(start, high.start() - MAX_SAMPLE // 2) :]
    return data[:MAX_SAMPLE]


def _is_western(sample: bytes) -> bool:
    """Whether most letters are those of ASCII, with an accent here and there; other scripts are the other way round.
    A few bytes tell nothing, nor do quotes and dashes.
    """
    high = sum(map(len, _HIGH.findall(sample)))
    if high < _FEW or not _LETTER_ANYWHERE.search(sample):
        return True
    letters = len(_LETTERS.findall(sample))
    return high * 3 < letters and not _SIGN_WITHIN_A_WORD.search(sample)
