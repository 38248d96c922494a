"""Which parts of a message are its text, judged in the message: the only text is the text, whatever it is called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from postmaster.parsing.containers import CLOSED, DAMAGED, ENCRYPTED, UNKNOWN_TYPES
from postmaster.parsing.filename import better_name, safe_filename, type_of_name
from postmaster.parsing.ids import parse_id
from postmaster.parsing.other_text import CALENDARS, RTF_TYPES, is_data
from postmaster.parsing.params import parse_parameters
from postmaster.parsing.structure import Part

BODY_TYPES = frozenset({"text/plain", "text/html", "application/xhtml+xml"})

# Renderings for other programs of what is there as text as well.
_VARIANTS = frozenset({"text/x-amp-html", "text/watch-html", "text/x-web-intelligence"})
_READABLE_VARIANTS = frozenset({"text/enriched", "text/richtext", "text/markdown", "text/x-markdown"})

ALTERNATIVE = "multipart/alternative"
_MAX_MARKED = 1_000

# A colon for the semicolon behind the first word, which is then no parameter that has the others for its value.
_WORD_AND_COLON = re.compile(r'\A\s*+"?(?!(?:file)?name\b)[\w-]++"?\s*+:', re.ASCII | re.IGNORECASE)

Judge = Callable[[Part], bool]


class Role(Enum):
    """What a part is to a reader."""

    TEXT = "text"
    OTHER_TEXT = "other text"  # readable, and read because there is no other
    OTHER_TEXT_AND_FILE = "other text and file"
    ENCRYPTED = "encrypted"  # all there is
    ENCRYPTED_FILE = "encrypted file"
    DAMAGED = "damaged"  # a container of which something is missing
    CLOSED = "closed"  # a container that tells nothing, and there is nothing else
    FILE = "file"
    LEFT_OUT = "left out"


_FILES = frozenset({Role.FILE, Role.ENCRYPTED_FILE, Role.DAMAGED})
_BESIDE_FILES = ("image/", "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")


# What containers are that could not be opened, or not whole; and if there is no text at all.
_SEALED = {
    ENCRYPTED: (Role.ENCRYPTED_FILE, Role.ENCRYPTED),
    DAMAGED: (Role.DAMAGED, Role.DAMAGED),
    CLOSED: (Role.FILE, Role.CLOSED),
}


@dataclass
class _Candidates:
    """Parts that may be the text, the better ones first, and what they are if they are not."""

    certain: list[Part] = field(default_factory=list)
    named: list[Part] = field(default_factory=list)
    other: list[Part] = field(default_factory=list)
    only: list[Part] = field(default_factory=list)  # files that are read if there is nothing else
    sealed: list[tuple[Part, Role]] = field(default_factory=list)


def assign_roles(root: Part, is_blank: Judge) -> dict[str, Role]:
    """The roles of all leaves, by their numbers. ``is_blank`` says whether a part has nothing to read."""
    candidates = _Candidates()
    roles: dict[str, Role] = {}
    files = 0
    for part, parent in _with_parents(root):
        role = roles[part.number] = _judge(part, parent, candidates)
        files += role in _FILES and not part.content_type.startswith(_BESIDE_FILES)
    if any(not is_blank(part) for part in candidates.certain[:_MAX_MARKED]):
        return roles
    for part in candidates.named:
        if not is_blank(part):
            return roles | {part.number: Role.TEXT}
    for part in candidates.other + (candidates.only if files == 1 else []):
        if not is_blank(part):
            is_file = bool(file_name(part)) or _is_marked(part)
            keeps = is_file or part.content_type in CALENDARS or is_data(part.content_type)
            return roles | {part.number: Role.OTHER_TEXT_AND_FILE if keeps else Role.OTHER_TEXT}
    return roles | {part.number: role for part, role in candidates.sealed[:1]}


def _with_parents(root: Part) -> Iterator[tuple[Part, Part | None]]:
    waiting: list[tuple[Part, Part | None]] = [(root, None)]
    while waiting:
        part, parent = waiting.pop()
        if part.children:
            waiting.extend((child, part) for child in reversed(part.children))
        else:
            yield part, parent


def _judge(part: Part, parent: Part | None, candidates: _Candidates) -> Role:
    """The role of a part if there is a better text; what it could be otherwise is noted."""
    if part.path and (sealed := _SEALED.get(part.path[-1])):
        role, alone = sealed
        candidates.sealed.append((part, alone))
        return role
    is_root = parent is not None and parent.content_type == "multipart/related" and part is _related_root(parent)
    if part.content_type not in BODY_TYPES or (_is_marked(part) and not is_root):
        return _judge_other(part, parent, candidates)
    if is_root or parent is None or not file_name(part) or _is_first_of_its_kind(part, parent):
        candidates.certain.append(part)
        return Role.TEXT
    if parent.content_type != ALTERNATIVE:
        candidates.named.append(part)
    return Role.FILE


def _is_marked(part: Part) -> bool:
    return part.disposition.startswith("att")


def _is_first_of_its_kind(part: Part, parent: Part) -> bool:
    """Whether it is the member of an alternative that says it in this type; a second one, with a name, is a file."""
    if parent.content_type != ALTERNATIVE:
        return False
    return next(each for each in parent.children if each.content_type == part.content_type) is part


def _judge_other(part: Part, parent: Part | None, candidates: _Candidates) -> Role:
    kind = type_to_read(part)
    marked = _is_marked(part)
    if kind in CALENDARS or kind in RTF_TYPES or (kind.startswith("text/") and not marked and not is_data(kind)):
        candidates.other.append(part)
    elif part.content_type not in BODY_TYPES and (is_data(kind) or kind.startswith("text/")):
        candidates.only.append(part)
    in_alternative = parent is not None and parent.content_type == ALTERNATIVE
    spare = kind in _VARIANTS or (in_alternative and kind in _READABLE_VARIANTS)
    return Role.LEFT_OUT if spare and not marked and not file_name(part) else Role.FILE


def type_to_read(part: Part) -> str:
    """The content type by which a part is read: that of its name if it declares none that says anything."""
    kind = part.content_type
    return type_of_name(file_name(part)) if kind in UNKNOWN_TYPES else kind


def _related_root(parent: Part) -> Part:
    """The part that a multipart/related is about (RFC 2387 section 3.2)."""
    start = parse_id(parent.parameters.get("start", ""))
    if start:
        for child in parent.children[:_MAX_MARKED]:
            if parse_id(child.mime.get("content-id", "")) == start:
                return child
    return parent.children[0]


def file_name(part: Part) -> str:
    """The name that a part declares, safe to use; empty if it has none."""
    disposition = part.mime.get("content-disposition", "")
    if "name" not in part.parameters and "name" not in disposition.lower():
        return ""
    parameters = parse_parameters(f";{_WORD_AND_COLON.sub(';', disposition)}")
    declared = (parameters.get("filename"), parameters.get("name"), part.parameters.get("name"))
    names = [name for value in declared if value and (name := safe_filename(value))]
    return better_name(*names[:2]) if names else ""
