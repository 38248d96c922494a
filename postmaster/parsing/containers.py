"""Parts that hold a message of their own, opened where that needs no key: S/MIME in one piece, and winmail.dat.

What is in a container stands in its place in the tree. The container itself is kept, behind it and by its number, only
if not all of it could be read. All of it is bounded: in number, in depth and in bytes, and so in time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from postmaster.parsing.filename import safe_filename, type_of_name
from postmaster.parsing.smime import Sealed, open_cms
from postmaster.parsing.structure import MAX_PARTS, Part, Source, leaves_of, split_bytes
from postmaster.parsing.tnef import SIGNATURE, Tnef, TnefFile, read_tnef

MAX_CONTAINERS = 20
MAX_CONTAINER_DEPTH = 4
MAX_OPENED_BYTES = 64 * 1024 * 1024

TNEF = "application/ms-tnef"

ENCRYPTED, DAMAGED, CLOSED = "application/x-encrypted", "application/x-damaged", "application/x-closed"
"""The last step of the path to what nobody here can read, could not be read whole, and could not be opened."""

_ENDINGS = {Sealed.ENCRYPTED: ENCRYPTED, Sealed.DAMAGED: CLOSED}

_SMIME_TYPE = re.compile(r"application/(?:x-)?(?:pkcs-?7(?:-?(?:mime|signature|signed))?|smime|cms)", re.IGNORECASE)
_SMIME_NAME = re.compile(r"\.p7[mszc]\b", re.IGNORECASE)
_TNEF_TYPES = frozenset({TNEF, "application/vnd.ms-tnef", "application/x-ms-tnef", "application/x-tnef"})
_TNEF_NAME = re.compile(r"\bwin(?:mail)?\.dat\b", re.IGNORECASE)
UNKNOWN_TYPES = frozenset(
    {"application/octet-stream", "application/x-octet-stream", "application/binary", "application/unknown",
     "application/x-unknown", "application/x-download", "application/force-download"}
)  # fmt: skip

# How winmail.dat begins: as it is, in base64, in quoted-printable.
_TNEF_STARTS = (SIGNATURE, b"eJ8+I", b'x=9F>"', b'x=9f>"', b"=78=9F=3E=22")


@dataclass
class _Room:
    """What may still be opened."""

    containers: int
    size: int
    parts: int


def open_containers(root: Part) -> None:
    """Give the containers of a tree what they hold as their parts. Never raises."""
    room = _Room(MAX_CONTAINERS, MAX_OPENED_BYTES, MAX_PARTS)
    waiting = [(leaf, 1) for leaf in leaves_of(root)]
    while waiting and room.containers:
        part, depth = waiting.pop(0)
        opening = _opening(part)
        if not opening:
            continue
        room.containers -= 1
        part.children = opening(part, room)
        if depth < MAX_CONTAINER_DEPTH:
            inside = [leaf for child in part.children for leaf in leaves_of(child) if leaf.number != part.number]
            waiting[:0] = [(leaf, depth + 1) for leaf in inside]


def _opening(part: Part) -> Callable[[Part, _Room], list[Part]] | None:
    """How a part is opened; None if it is no container."""
    kind = part.content_type
    if kind in _TNEF_TYPES or part.source.raw.startswith(_TNEF_STARTS, part.start):
        return _tnef
    if kind.startswith("text/"):
        return None
    # A signature beside what it signs holds nothing else.
    beside = kind.endswith("-signature") and part.path[-1:] == ("multipart/signed",)
    if _SMIME_TYPE.fullmatch(kind) and not beside:
        return _smime
    if kind not in UNKNOWN_TYPES:
        return None
    name = f"{part.mime.get('content-disposition', '')} {part.mime.get('content-type', '')}"
    if _SMIME_NAME.search(name):
        return _smime
    return _tnef if _TNEF_NAME.search(name) else None


def _smime(part: Part, room: _Room) -> list[Part]:
    opened = open_cms(part.content, room.size)
    says_encrypted = "envelope" in part.parameters.get("smime-type", "").lower()
    if isinstance(opened, Sealed):
        ending = ENCRYPTED if says_encrypted else _ENDINGS.get(opened)
        part.path = (*part.path, ending) if ending else part.path
        return []
    room.size -= len(opened)
    inner = split_bytes(opened, f"{part.number}.1", (*part.path, part.content_type), room.parts)
    room.parts -= sum(1 for _ in leaves_of(inner))
    return [inner]


def _tnef(part: Part, room: _Room) -> list[Part]:
    data = part.content
    found = read_tnef(data) if len(data) <= room.size else None
    if found is None:
        return []
    room.size -= len(data)
    nested = part.path[-1:] == (TNEF,)
    parts = _bodies(part, found, nested) + [_file(part, each) for each in found.files]
    whole = found.whole and len(parts) <= room.parts
    parts = parts[: room.parts]
    room.parts -= len(parts)
    for number, child in enumerate(parts, start=1):
        child.number = f"{part.number}.{number}"
        for step, grandchild in enumerate(child.children, start=1):
            grandchild.number = f"{child.number}.{step}"
    return parts if whole else [*parts, replace(part, path=(*part.path, DAMAGED))]


def _bodies(part: Part, found: Tnef, nested: bool) -> list[Part]:
    """The text as it would have come without the container; that of a message within it is a file."""
    path = (*part.path, TNEF)
    texts = [("text/plain", found.text), ("text/html", found.html)]
    bodies = [_part(path, text.encode(), kind) for kind, text in texts if text.strip()]
    if nested:
        for body in bodies:
            extension = ".html" if body.content_type == "text/html" else ".txt"
            _name(body, f"{found.subject or 'message'}{extension}")
        return bodies
    if len(bodies) < 2:
        return bodies
    both = _part(path, b"", "multipart/alternative")
    both.children = [_part((*path, both.content_type), body.source.raw, body.content_type) for body in bodies]
    return [both]


def _file(part: Part, file: TnefFile) -> Part:
    kind = TNEF if file.nested else file.content_type or type_of_name(file.name)
    made = _part((*part.path, TNEF), file.content, kind)
    if not file.nested:
        _name(made, file.name)
    for header, value in (("content-id", file.content_id), ("content-location", file.location)):
        if value:
            made.mime[header] = value.encode().decode("latin-1")
    return made


def _part(path: tuple[str, ...], content: bytes, kind: str) -> Part:
    return Part("", path, Source(content), 0, len(content), [], {}, kind, {"charset": "utf-8"})


def _name(part: Part, name: str) -> None:
    part.mime["content-disposition"] = f"attachment; filename*=utf-8''{quote(safe_filename(name), safe='')}"
