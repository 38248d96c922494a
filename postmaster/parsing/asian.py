"""Asian character sets as programs really write them: with the characters that vendors added.

A character that no table has must not spoil what follows it: Python skips one byte of it, so that the rest of the line
is read out of step.
"""

from __future__ import annotations

import codecs
import re

_ESCAPE = re.compile(rb"\x1b(\([BJIH]|\$[@BA]|\$\([@ABCDOPQ]|\.[AF]|&@)|([\x0e\x0f])")
_CONTROL = re.compile(rb"([\x00-\x20]+)")
_KANA = bytes.maketrans(bytes(range(0x21, 0x60)), bytes(range(0xA1, 0xE0)))
_HIGH = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))

_SINGLE = {b"(B": "ascii", b"(J": "ascii", b"(H": "ascii", b"(I": "kana"}
_DOUBLE = {
    b"$@": "jis", b"$B": "jis", b"$(@": "jis", b"$(B": "jis", b"$(O": "jis", b"$(Q": "jis",
    b"$A": "gb18030", b"$(A": "gb18030", b"$(C": "cp949", b"$(D": "jis-x-0212", b"$(P": "jis-x-0213-2",
}  # fmt: skip

# The codec that knows more, by the one whose table has a gap.
_MORE = {"cp950": "big5hkscs", "cp932": "shift_jis_2004"}


def decode_euc_jp(data: bytes) -> str:
    """EUC-JP with the characters of NEC and IBM."""
    return data.decode("euc_jp", "postmaster-euc-jp")


def decode_double_byte(data: bytes, codec: str) -> str:
    """Text of a set of one and two bytes."""
    return data.decode(codec, "postmaster-double-byte")


def decode_iso_2022_jp(data: bytes) -> str:
    """ISO-2022-JP in all its variants: NEC's and IBM's characters, half-width kana, and the sets of ISO-2022-JP-2."""
    out: list[str] = []
    designated, shifted, position = "ascii", False, 0
    for match in _ESCAPE.finditer(data):
        out.append(_decode_run(data[position : match.start()], "kana" if shifted else designated))
        position = match.end()
        if match[2]:
            shifted = match[2] == b"\x0e"
        else:
            designated = _SINGLE.get(match[1]) or _DOUBLE.get(match[1]) or designated
    out.append(_decode_run(data[position:], "kana" if shifted else designated))
    return "".join(out)


def _decode_run(run: bytes, designated: str) -> str:
    if not run:
        return ""
    if designated == "ascii":
        return run.decode("cp932", "postmaster-double-byte")
    if designated == "kana":
        return run.translate(_KANA).decode("cp932", "postmaster-double-byte")
    # Controls and blanks stand for themselves, and whoever forgot to end the set before a line break has ended it now.
    pieces = _CONTROL.split(run)
    return "".join(
        piece.decode("ascii") if number % 2 else _decode_pairs(piece, designated) for number, piece in enumerate(pieces)
    )


def _decode_pairs(pairs: bytes, designated: str) -> str:
    data = pairs.translate(_HIGH)
    if designated == "jis":
        return decode_euc_jp(data)
    if designated in ("jis-x-0212", "jis-x-0213-2"):
        each = (b"\x8f" + data[at : at + 2] for at in range(0, len(data) - 1, 2))
        codec = "euc_jp" if designated == "jis-x-0212" else "euc_jis_2004"
        return b"".join(each).decode(codec, "replace")
    return decode_double_byte(data, designated)


def _shift_jis_of(lead: int, trail: int) -> bytes:
    """A character of EUC-JP in Shift_JIS, whose codec has what NEC and IBM added."""
    row, cell = lead - 0xA0, trail - 0xA0
    first = (row - 1) // 2 + (0x81 if row <= 62 else 0xC1)
    if row % 2:
        return bytes((first, cell + 0x3F + (cell > 63)))
    return bytes((first, cell + 0x9E))


def _replace_euc_jp(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, start = error.object, error.start
    pair = data[start : start + 2]
    if len(pair) == 2 and min(pair) >= 0xA1 and max(pair) <= 0xFE:
        return _decode_one(_shift_jis_of(*pair), "cp932", pair), start + 2
    if data[start] == 0x8F and len(data) >= start + 3 and min(data[start + 1 : start + 3]) >= 0xA1:
        return _decode_one(data[start : start + 3], "euc_jis_2004"), start + 3
    return "\N{REPLACEMENT CHARACTER}", start + 1


def _replace_double_byte(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, start = error.object, error.start
    pair = data[start : start + 2]
    if len(pair) < 2 or not 0x81 <= pair[0] <= 0xFE or pair[1] < 0x40 or pair[1] in (0x7F, 0xFF):
        return "\N{REPLACEMENT CHARACTER}", start + 1
    return _decode_one(pair, _MORE.get(error.encoding, "")), start + 2


def _decode_one(data: bytes, codec: str, otherwise: bytes = b"") -> str:
    """One character, in the set that has more of them."""
    for candidate, name in ((data, codec), (otherwise, "euc_jis_2004")):
        try:
            if candidate and name:
                return candidate.decode(name)
        except UnicodeDecodeError:
            continue
    return "\N{REPLACEMENT CHARACTER}"


codecs.register_error("postmaster-euc-jp", _replace_euc_jp)
codecs.register_error("postmaster-double-byte", _replace_double_byte)
