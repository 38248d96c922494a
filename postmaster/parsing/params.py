"""Parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231), as they come.

Read are those that have a meaning here, by their names: so it does no harm when a semicolon is missing, when the word
before the first of them is, or when there is a colon for an equals sign.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from postmaster.parsing.address_key import BLANKS
from postmaster.parsing.charset import codec_of, decode_text, is_utf8
from postmaster.parsing.header import decode_value
from postmaster.parsing.repeated import repeated

_NAMES = "charset|boundary|name|filename|format|delsp|start|smime-type|protocol"
_WANTED = frozenset(_NAMES.split("|"))
_FILE_NAMES = ("name", "filename")

# A value without quotes may hold blanks and go on to the next semicolon, or to the next parameter that is known; one
# whose quotes are never closed goes on to the end. A quote within a name closes nothing.
_NEXT = rf"(?:{_NAMES})(?:\*[0-9*]{{0,5}})?="
_CLOSED = rf'"(?![ \t]{{0,9}}(?:[;,]|\Z)|[ \t\r\n]{{0,9}}{_NEXT})'
_QUOTED = r'[^"\\]*+' + repeated(rf'(?:\\.|{_CLOSED})[^"\\]*+')
_BARE = r"[^;\s]*+" + repeated(rf"\s(?!{_NEXT})[^;\s]*+")
_PARAMETER = re.compile(
    r'(?<![^\s;,])([^\s=:;,"*]++)\s{0,9}(?:\*\s?([0-9]{1,4}))?(\*)?\s{0,9}[=:]\s*+'
    rf'(?:"({_QUOTED})(?:"|\\?\Z)|({_BARE}))',
    re.DOTALL | re.ASCII | re.IGNORECASE,
)
# A name without quotes holds semicolons as well, but for those that another parameter, or nothing, stands behind.
_ENDS = r"\s{0,9}(?:[\w*-]{1,40}\s{0,9}[=:]|;|\Z)"
_UNQUOTED_NAME = re.compile(
    r"[^;\s]*+" + repeated(rf"(?:\s(?!{_NEXT})|;(?!{_ENDS}))[^;\s]*+"), re.ASCII | re.IGNORECASE
)
_ESCAPED = re.compile(r'\\(["\\])')
_EXTENDED = re.compile(r"([^'\s]{0,60}+)'[^']{0,60}+'(.*)", re.DOTALL | re.ASCII)
_HALF_EXTENDED = re.compile(r"([a-z0-9_-]{3,40})'(?=[^']*%)(.*)", re.DOTALL | re.ASCII | re.IGNORECASE)
_LABELLED = re.compile(r"[a-z][a-z0-9_-]{1,39}'[a-z-]{0,10}'(?=.)", re.IGNORECASE)
_PERCENT = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)

_Pieces = dict[int, tuple[str, bool]]


def parse_parameters(value: str) -> dict[str, str]:
    """Parameters of a field (Latin-1 text) that mail is read by.

    The first of a name that says anything counts; one in RFC 2231 form counts before a plain one. All but the boundary
    are decoded.
    """
    if "=" not in value and ":" not in value:
        return {}
    plain: dict[str, str] = {}
    pieces: dict[str, _Pieces] = {}
    for match in _PARAMETER.finditer(value):
        name = match[1].lower()
        if name not in _WANTED:
            continue
        if match[2] or match[3]:
            piece = (_content(match), match[3] is not None)
            pieces.setdefault(name, {}).setdefault(int(match[2] or 0), piece)
        elif not plain.get(name):
            plain[name] = _name_content(match) if name in _FILE_NAMES else _content(match)
    decoded = {name: _plain(name, content) for name, content in plain.items()}
    return decoded | {name: joined for name, found in pieces.items() if (joined := _join(found))}


def _content(match: re.Match[str]) -> str:
    """The value of a parameter without its quotes."""
    return match[5].strip(BLANKS) if match[4] is None else _ESCAPED.sub(r"\1", match[4])


def _name_content(match: re.Match[str]) -> str:
    if match[4] is not None:
        return _content(match)
    whole = _UNQUOTED_NAME.match(match.string, match.start(5))
    return _without_quotes(whole[0].strip(BLANKS)) if whole else ""


def _without_quotes(content: str) -> str:
    """A name of a file without single quotes: they mean nothing there, but careless programs quote with them."""
    return content[1:-1] if len(content) > 2 and content[0] == content[-1] == "'" else content


def _plain(name: str, content: str) -> str:
    """A value that claims no form; names come in the forms of RFC 2231 and of addresses of the web all the same."""
    if name == "boundary":
        return content
    if name not in _FILE_NAMES or "%" not in content:
        return decode_value(content)
    if _LABELLED.match(content):
        return _join({0: (content, True)})
    return _unquoted(content) or decode_value(content)


def _unquoted(content: str) -> str:
    """A name with its percent signs undone, if all of them stand for bytes of letters beyond ASCII, or for blanks."""
    if content.count("%") != len(_PERCENT.findall(content)):
        return ""
    data = unquote_to_bytes(content.encode("latin-1", "replace"))
    if data.isascii() and "%20" not in content:
        return ""
    try:
        return _one_line(data.decode())
    except UnicodeDecodeError:
        return ""


def _join(pieces: _Pieces) -> str:
    """The value of a parameter that came in pieces; bytes are joined before they are decoded."""
    first, extended = pieces[min(pieces)]
    charset = ""
    if match := _EXTENDED.match(first) if extended or _LABELLED.match(first) else None:
        charset, first, extended = match[1], match[2], True
    elif extended and (match := _HALF_EXTENDED.match(first)) and codec_of(match[1]):
        charset, first = match[1], match[2]
    pieces = pieces | {min(pieces): (first, extended)}
    data = b"".join(_piece_bytes(*pieces[number]) for number in sorted(pieces))
    if b"=?" in data:
        return decode_value(data.decode("latin-1"))
    # What can be UTF-8 is, whatever else it is declared to be of that all bytes are letters in.
    return _one_line(decode_text(data, "utf-8" if codec_of(charset) == "cp1252" and is_utf8(data) else charset))


def _piece_bytes(content: str, extended: bool) -> bytes:
    data = content.encode("latin-1", "replace")
    return unquote_to_bytes(data) if extended else data


def _one_line(text: str) -> str:
    """Text without NUL, on one line."""
    return " ".join(text.replace("\0", "").split())
