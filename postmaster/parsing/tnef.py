"""winmail.dat, the container that Outlook makes for Outlook (MS-OXTNEF): its text and its files.

Total: what is cut off or makes no sense ends the reading, and what was read before is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import error as too_short
from struct import unpack_from

from postmaster.parsing.charset import decode_text
from postmaster.parsing.rtf import decompress, rtf_to_html_or_text

SIGNATURE = b"\x78\x9f\x3e\x22"

MAX_FILES = 200
"""Files taken out of one container; the ones after are dropped, and the container itself is kept."""

_BODY, _MESSAGE_PROPERTIES, _CODE_PAGE, _SUBJECT = 0x0002800C, 0x00069003, 0x00069007, 0x00018004
_NEW_FILE, _FILE_TITLE, _FILE_DATA, _FILE_PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005

# Properties of MAPI (MS-OXPROPS).
_P_SUBJECT, _P_BODY, _P_RTF, _P_HTML, _P_PAGE = 0x0037, 0x1000, 0x1009, 0x1013, 0x3FDE
_P_DATA, _P_SHORT_NAME, _P_LONG_NAME, _P_DISPLAY_NAME = 0x3701, 0x3704, 0x3707, 0x3001
_P_TYPE, _P_CONTENT_ID, _P_LOCATION = 0x370E, 0x3712, 0x3713

_LEVELS = (1, 2)  # of the message, of a file

_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}
_STRING, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
_MULTIPLE = 0x1000
_MAX_PADDING = 3
_MESSAGE_OBJECT = b"\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"

_Properties = dict[int, tuple[int, bytes]]


@dataclass
class TnefFile:
    """A file, as far as it is described. ``nested`` says that its content is a message, in this format again."""

    name: str = ""
    content: bytes = b""
    content_type: str = ""
    content_id: str = ""
    location: str = ""
    nested: bool = False


@dataclass
class Tnef:
    """What a container holds. ``html`` may be made of its rich text; ``whole`` says whether all of it was read."""

    subject: str = ""
    text: str = ""
    html: str = ""
    files: list[TnefFile] = field(default_factory=list)
    whole: bool = True


def read_tnef(data: bytes) -> Tnef | None:
    """The content of a container; None if ``data`` is none. Never raises."""
    if not data.startswith(SIGNATURE):
        return None
    found = Tnef()
    page = "cp1252"
    for attribute, value in _attributes(data, found):
        if attribute == _CODE_PAGE and len(value) >= 4:
            page = f"cp{unpack_from('<I', value)[0]}"
        elif attribute == _SUBJECT:
            found.subject = _text(value, page)
        elif attribute == _BODY:
            found.text = _text(value, page)
        elif attribute == _MESSAGE_PROPERTIES:
            _take_message(found, _properties(value, found), page)
        else:
            _take_file(found, attribute, value, page)
    found.files = [each for each in found.files if each.content or each.name]
    return found


def _attributes(data: bytes, found: Tnef) -> Iterator[tuple[int, bytes]]:
    position = len(SIGNATURE) + 2
    while position + 9 <= len(data):
        level, attribute, length = unpack_from("<BII", data, position)
        start = position + 9
        if level not in _LEVELS or (attribute == _NEW_FILE and len(found.files) >= MAX_FILES):
            break
        if attribute == _NEW_FILE:
            found.files.append(TnefFile())
        yield attribute, data[start : start + length]
        position = start + length + 2
    # What a sender's program left behind the last attribute are line ends, if anything.
    found.whole = found.whole and position <= len(data) and not data[position:].strip(b"\0\r\n ")


def _take_message(found: Tnef, properties: _Properties, page: str) -> None:
    if _P_PAGE in properties and len(properties[_P_PAGE][1]) >= 4:
        html_page = f"cp{unpack_from('<I', properties[_P_PAGE][1])[0]}"
    else:
        html_page = page
    found.subject = _string(properties, _P_SUBJECT, page) or found.subject
    found.text = _string(properties, _P_BODY, page) or found.text
    found.html = _string(properties, _P_HTML, html_page)
    if _P_RTF in properties and not found.html:
        rtf, whole = decompress(properties[_P_RTF][1])
        found.whole = found.whole and whole
        found.html, text = rtf_to_html_or_text(rtf)
        found.text = found.text or text


def _take_file(found: Tnef, attribute: int, value: bytes, page: str) -> None:
    if not found.files:
        return
    file = found.files[-1]
    if attribute == _FILE_TITLE:
        file.name = file.name or _text(value, page)
    elif attribute == _FILE_DATA:
        file.content = value
    elif attribute == _FILE_PROPERTIES:
        properties = _properties(value, found)
        names = (_string(properties, name, page) for name in (_P_LONG_NAME, _P_DISPLAY_NAME, _P_SHORT_NAME))
        file.name = next(filter(None, names), file.name)
        file.content_type = _string(properties, _P_TYPE, page).lower()
        file.content_id = _string(properties, _P_CONTENT_ID, page)
        file.location = _string(properties, _P_LOCATION, page)
        kind, content = properties.get(_P_DATA, (0, b""))
        if kind == _OBJECT:
            file.nested = content.startswith(_MESSAGE_OBJECT)
            content = content[len(_MESSAGE_OBJECT) :]
        file.content = content or file.content


def _properties(data: bytes, container: Tnef) -> _Properties:
    """Properties by their ids; of several values the first."""
    found: _Properties = {}
    try:
        count = unpack_from("<I", data)[0]
        position = 4
        for _ in range(count):
            position = _read_property(data, position, found)
    except too_short:
        container.whole = False
    return found


def _read_property(data: bytes, position: int, found: _Properties) -> int:
    kind, name = unpack_from("<HH", data, position)
    position += 4
    if name >= 0x8000:
        position += 16
        is_text, length = unpack_from("<II", data, position)
        position += 8 + (_padded(length) if is_text else 0)
    multiple, kind = kind & _MULTIPLE and kind != _BINARY, kind & ~_MULTIPLE
    count = 1
    if multiple or kind not in _FIXED:
        count = unpack_from("<I", data, position)[0]
        position += 4
    for number in range(count):
        if kind in _FIXED:
            length = size = _FIXED[kind]
        else:
            length = unpack_from("<I", data, position)[0]
            position, size = position + 4, _padded(length)
        if number == 0:
            found.setdefault(name, (kind, data[position : position + length]))
        position += size
        if position > len(data) + _MAX_PADDING:  # the last one's is not always there
            raise too_short
    return position


def _padded(length: int) -> int:
    return length + -length % 4


def _string(properties: _Properties, name: int, page: str) -> str:
    if name not in properties:
        return ""
    kind, value = properties[name]
    return _text(value, "utf-16le" if kind == _UNICODE else page)


def _text(value: bytes, page: str) -> str:
    return decode_text(value, page).rstrip("\0").replace("\0", "")
