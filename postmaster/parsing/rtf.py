"""Rich text of Outlook (MS-OXRTFCP, MS-OXRTFEX): unpacked, and the HTML or the plain text that is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from postmaster.parsing.charset import decode_text

MAX_RTF = 16 * 1024 * 1024
"""Bytes that are unpacked; what is behind them is dropped."""

_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_WINDOW = 4096

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)|\\"
)
_SIGNS = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"cell": "\t", b"tab": "\t",
    b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•",
    b"endash": "–", b"emdash": "—", b"emspace": " ", b"enspace": " ",
}  # fmt: skip
_ESCAPES = {b"~": "\u00a0", b"_": "-", b"-": "", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}
_NO_TEXT = frozenset(
    b"fonttbl colortbl stylesheet info pict object header footer headerl headerr footerl footerr listtable "
    b"listoverridetable generator themedata datastore pntext".split()
)


def decompress(data: bytes) -> bytes:
    """Compressed rich text unpacked (“LZFu”), as far as it is whole. Never raises."""
    magic, packed = data[8:12], data[16:]
    if magic == b"MELA":
        return packed[:MAX_RTF]
    if magic != b"LZFu":
        return b""
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    out = bytearray()
    write, position = len(_DICTIONARY), 0
    while position < len(packed) and len(out) < MAX_RTF:
        control = packed[position]
        position += 1
        for bit in range(8):
            if not control >> bit & 1:
                run = packed[position : position + 1]
                position += 1
            else:
                token = int.from_bytes(packed[position : position + 2], "big")
                position += 2
                offset, length = token >> 4, (token & 15) + 2
                if offset == write % _WINDOW or position > len(packed):
                    return bytes(out)
                run = _copied(window, offset, length, write)
            for byte in run:
                window[write % _WINDOW] = byte
                write += 1
            out += run
    return bytes(out)


def _copied(window: bytearray, offset: int, length: int, write: int) -> bytes:
    """Bytes of the window; where they reach what is written next, they repeat."""
    distance = (write - offset) % _WINDOW or _WINDOW
    first = bytes(window[(offset + step) % _WINDOW] for step in range(min(length, distance)))
    return (first * (length // len(first) + 1))[:length]


@dataclass(frozen=True, slots=True)
class _State:
    """What holds within a group."""

    hidden: bool = False
    tag: bool = False  # HTML as it was
    no_html: bool = False  # words that stand for HTML that is there as well
    skip: int = 1  # bytes after a character in Unicode that say the same for old programs


class _Reader:
    """Collects the text of a document."""

    def __init__(self, rtf: bytes) -> None:
        self._rtf = rtf
        self._out: list[str] = []
        self._bytes = bytearray()
        self._page = "cp1252"
        self._state = _State()
        self._groups: list[_State] = []
        self._skip = 0
        self._starts = False  # a group has just begun with \*
        self.from_html = b"\\fromhtml" in rtf[:1000]

    def read(self) -> str:
        for token in _TOKEN.finditer(self._rtf):
            word, number, code, escape, brace, text = token.groups()
            if brace:
                self._brace(brace)
            elif word:
                self._word(word, int(number) if number else None)
            elif code:
                self._literal(bytes.fromhex(code.decode()))
            elif escape == b"*":
                self._starts = True
            elif escape:
                self._sign(_ESCAPES.get(escape, ""))
            elif text:
                self._literal(text)
        self._flush()
        return "".join(self._out)

    def _brace(self, brace: bytes) -> None:
        self._starts = False
        if brace == b"{":
            self._groups.append(self._state)
        elif self._groups:
            self._state = self._groups.pop()

    def _word(self, word: bytes, number: int | None) -> None:
        state = self._state
        if self._starts:
            self._starts = False
            is_tag = word == b"htmltag" and self.from_html
            self._state = replace(state, tag=is_tag, hidden=state.hidden or not is_tag)
        elif word in _NO_TEXT:
            self._state = replace(state, hidden=True)
        elif word == b"htmlrtf":
            self._state = replace(state, no_html=number != 0)
        elif word == b"ansicpg" and number:
            self._flush()
            self._page = f"cp{number}"
        elif word == b"uc" and number is not None:
            self._state = replace(state, skip=min(max(number, 0), 9))
        elif word == b"u" and number is not None:
            self._sign(_character(number))
            self._skip = state.skip
        elif word in _SIGNS:
            self._sign(_SIGNS[word])

    def _literal(self, data: bytes) -> None:
        if self._skip:
            data, self._skip = data[self._skip :], max(0, self._skip - len(data))
        if self._shows():
            self._bytes += data

    def _sign(self, text: str) -> None:
        if self._shows():
            self._flush()
            self._out.append(text)

    def _shows(self) -> bool:
        return not self._state.hidden and not (self.from_html and self._state.no_html and not self._state.tag)

    def _flush(self) -> None:
        if self._bytes:
            self._out.append(decode_text(bytes(self._bytes), self._page))
            self._bytes.clear()


def _character(number: int) -> str:
    code = number + 0x10000 if number < 0 else number
    return chr(code) if 0 < code < 0xD800 or 0xE000 <= code < 0x110000 else "\N{REPLACEMENT CHARACTER}"


def rtf_to_html_or_text(rtf: bytes) -> tuple[str, str]:
    """The HTML that a document was made of, or else its text; the other one is empty. Never raises."""
    reader = _Reader(rtf)
    text = reader.read().replace("\0", "")
    return (text, "") if reader.from_html else ("", text.strip("\n"))
