"""Parts that hold a message of their own, opened where that needs no key: S/MIME in one piece, and winmail.dat.

What is in a container stands in its place in the tree; the container itself is kept only if it could not be opened
whole. All of it is bounded: in number, in depth and in bytes, and so in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from postmaster.parsing.filename import safe_filename, type_of_name
from postmaster.parsing.smime import Sealed, open_cms
from postmaster.parsing.structure import MAX_PARTS, Part, Source, leaves_of, split_bytes
from postmaster.parsing.tnef import SIGNATURE, Tnef, TnefFile, read_tnef

MAX_CONTAINERS = 20
MAX_CONTAINER_DEPTH = 4
MAX_OPENED_BYTES = 64 * 1024 * 1024

TNEF = "application/ms-tnef"
ENCRYPTED = "application/x-encrypted"
"""Stands in the path of what nobody here can read."""

_SMIME_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_TNEF_TYPES = frozenset({TNEF, "application/vnd.ms-tnef", "application/x-ms-tnef", "application/x-tnef"})
_UNKNOWN_TYPES = frozenset({"application/octet-stream", "application/x-octet-stream", "application/binary"})


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
        kind = _kind(part)
        if not kind:
            continue
        room.containers -= 1
        part.children = _smime(part, room) if kind == "smime" else _tnef(part, room)
        if depth < MAX_CONTAINER_DEPTH:
            waiting[:0] = [(leaf, depth + 1) for child in part.children for leaf in leaves_of(child)]


def is_encrypted(part: Part) -> bool:
    """Whether a part was found to be encrypted."""
    return part.path[-1:] == (ENCRYPTED,)


def _kind(part: Part) -> str:
    kind = part.content_type
    if kind in _SMIME_TYPES:
        return "smime"
    if kind in _TNEF_TYPES:
        return "tnef"
    if kind not in _UNKNOWN_TYPES:
        return ""
    name = f"{part.mime.get('content-disposition', '')} {part.mime.get('content-type', '')}".lower()
    if "smime.p7m" in name:
        return "smime"
    return "tnef" if "winmail" in name or "win.dat" in name else ""


def _smime(part: Part, room: _Room) -> list[Part]:
    opened = open_cms(part.content, room.size)
    if opened is Sealed.ENCRYPTED:
        part.path = (*part.path, ENCRYPTED)
    if isinstance(opened, Sealed):
        return []
    room.size -= len(opened)
    inner = split_bytes(opened, f"{part.number}.1", (*part.path, part.content_type), room.parts)
    room.parts -= sum(1 for _ in leaves_of(inner))
    return [inner]


def _tnef(part: Part, room: _Room) -> list[Part]:
    data = part.content
    if len(data) > room.size or not data.startswith(SIGNATURE):
        return []
    room.size -= len(data)
    found = read_tnef(data)
    if found is None:
        return []
    nested = part.path[-1:] == (TNEF,)
    parts = _bodies(part, found, nested) + [file for each in found.files if (file := _file(part, each))]
    room.parts -= len(parts)
    if room.parts < 0 or not found.whole:
        return []
    for number, child in enumerate(parts, start=1):
        child.number = f"{part.number}.{number}"
        for step, grandchild in enumerate(child.children, start=1):
            grandchild.number = f"{child.number}.{step}"
    return parts


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


def _file(part: Part, file: TnefFile) -> Part | None:
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
