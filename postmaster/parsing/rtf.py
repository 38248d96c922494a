"""Rich text: the words of a document, and what Outlook packs in winmail.dat (MS-OXRTFCP, MS-OXRTFEX), unpacked, with
the HTML that it was made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from postmaster.parsing.charset import codec_of, decode_text

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
    b"endash": "–", b"emdash": "—", b"emspace": " ", b"enspace": " ", b"qmspace": " ",
    b"nestcell": "\t", b"nestrow": "\n",
}  # fmt: skip
_ESCAPES = {b"~": "\u00a0", b"_": "-", b"-": "", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}
_NO_TEXT = frozenset(
    b"fonttbl colortbl stylesheet info pict object header footer headerl headerr headerf footerl footerr footerf "
    b"listtable listoverridetable generator themedata datastore pntext fldinst filetbl revtbl".split()
)

# The character sets of Windows' fonts, by their numbers, and of whole documents, by their words.
_OF_FONTS = {
    0: "cp1252", 2: "cp1252", 77: "mac_roman", 78: "cp932", 79: "cp949", 80: "gb18030", 81: "cp950", 83: "cp10005",
    84: "cp10004", 85: "mac_greek", 86: "mac_turkish", 88: "mac_latin2", 89: "mac_cyrillic", 128: "cp932",
    129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437",
    255: "cp850",
}  # fmt: skip
_OF_DOCUMENTS = {b"ansi": "cp1252", b"mac": "mac_roman", b"pc": "cp437", b"pca": "cp850"}


def decompress(data: bytes) -> tuple[bytes, bool]:
    """Compressed rich text unpacked (“LZFu”), as far as it is whole, and whether it is. Never raises."""
    size, magic, packed = int.from_bytes(data[4:8], "little"), data[8:12], data[16:]
    out = {b"MELA": lambda: packed[: min(size, MAX_RTF)], b"LZFu": lambda: _unpack(packed)}.get(magic, bytes)()
    return out, bool(out) and len(out) >= size


def _unpack(packed: bytes) -> bytes:
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

    page: str = ""  # of the font; that of the document if it says nothing
    hidden: bool = False
    fonts: bool = False  # the table of fonts
    tag: bool = False  # HTML as it was
    no_html: bool = False  # words that stand for HTML that is there as well
    skip: int = 1  # characters after one in Unicode that say the same for old programs


class _Reader:
    """Collects the text of a document."""

    def __init__(self, rtf: bytes) -> None:
        self._rtf = rtf
        self._out: list[str] = []
        self._bytes = bytearray()
        self._page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = self._usual_font = 0
        self._state = _State()
        self._groups: list[_State] = []
        self._skip = 0
        self._starts = False  # a group has just begun with \*
        self._position = 0
        self.from_html = b"\\fromhtml" in rtf[:1000]

    def read(self) -> str:
        """All of it."""
        while token := _TOKEN.match(self._rtf, self._position):
            self._position = token.end()
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
        # Characters beyond the first 65536 came in two halves.
        return "".join(self._out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _brace(self, brace: bytes) -> None:
        self._starts, self._skip = False, 0
        if brace == b"{":
            self._groups.append(self._state)
        elif self._groups:
            self._enter(self._groups.pop())

    def _enter(self, state: _State) -> None:
        if state.page != self._state.page:
            self._flush()
        self._state = state

    def _word(self, word: bytes, number: int | None) -> None:
        state = self._state
        if self._starts:
            self._starts = False
            is_tag = word == b"htmltag" and self.from_html
            self._state = replace(state, tag=is_tag, hidden=state.hidden or not is_tag)
        elif word in _NO_TEXT:
            self._state = replace(state, hidden=True, fonts=word == b"fonttbl")
        elif word in _SIGNS:
            self._sign(_SIGNS[word])
        elif word == b"bin":  # bytes that are no text, braces among them
            self._position += max(number or 0, 0)
        elif word == b"htmlrtf":
            self._state = replace(state, no_html=number != 0)
        elif word == b"u" and number is not None:
            self._skip = 0
            self._sign(chr(number % 0x10000))
            self._skip = state.skip
        elif word == b"uc" and number is not None:
            self._state = replace(state, skip=min(max(number, 0), 9))
        else:
            self._page_word(word, number)

    def _page_word(self, word: bytes, number: int | None) -> None:
        """Words that say which character set bytes are in."""
        if word in _OF_DOCUMENTS or (word == b"ansicpg" and number):
            self._flush()
            self._page = _OF_DOCUMENTS.get(word) or _known(f"cp{number}", self._page)
        elif word == b"deff":
            self._usual_font = number or 0
        elif self._state.fonts and word == b"f":
            self._font = number or 0
        elif self._state.fonts and word in (b"fcharset", b"cpg") and number is not None:
            page = _OF_FONTS.get(number, "") if word == b"fcharset" and number != 1 else _known(f"cp{number}", "")
            self._fonts[self._font] = page or self._fonts.get(self._font, "")
        elif word in (b"f", b"plain"):
            self._enter(replace(self._state, page=self._fonts.get(number or 0, "") if word == b"f" else ""))

    def _literal(self, data: bytes) -> None:
        if self._skip:
            data, self._skip = data[self._skip :], max(0, self._skip - len(data))
        if self._shows():
            self._bytes += data

    def _sign(self, text: str) -> None:
        if self._skip and text.strip("\n\t"):
            self._skip -= 1
        elif self._shows():
            self._flush()
            self._out.append(text)

    def _shows(self) -> bool:
        return not self._state.hidden and not (self.from_html and self._state.no_html and not self._state.tag)

    def _flush(self) -> None:
        if self._bytes:
            page = self._state.page or self._fonts.get(self._usual_font) or self._page
            self._out.append(decode_text(bytes(self._bytes), page))
            self._bytes.clear()


def _known(label: str, other: str) -> str:
    return label if codec_of(label) else other


def rtf_to_html_or_text(rtf: bytes) -> tuple[str, str]:
    """The HTML that a document was made of, or else its text; the other one is empty. Never raises."""
    reader = _Reader(rtf)
    text = reader.read().replace("\0", "")
    return (text, "") if reader.from_html else ("", text.strip("\n"))
