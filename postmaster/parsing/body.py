"""What the parts of a message are to a reader: its text, its HTML, the images within it, and attachments."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from io import IncrementalNewlineDecoder

from postmaster.parsing.charset import codec_of, decode_text, is_utf8
from postmaster.parsing.containers import TNEF, open_containers
from postmaster.parsing.copies import without_copies
from postmaster.parsing.detection import detect_charset
from postmaster.parsing.filename import UniqueNames, described_filename, fork_filename, nameless, subject_filename
from postmaster.parsing.flowed import unflow
from postmaster.parsing.header import decode_value, message_start, split_header
from postmaster.parsing.html_text import image_sources, is_blank
from postmaster.parsing.ids import parse_id
from postmaster.parsing.images import ImagePart, image_type, resolve_images
from postmaster.parsing.message import AttachedPart
from postmaster.parsing.other_text import HTML_TYPES, RTF_TYPES, read_other_text, read_rtf
from postmaster.parsing.pieces import Piece, choose, html_of, is_unseen, text_of
from postmaster.parsing.roles import ALTERNATIVE, Role, assign_roles, file_name, type_to_read
from postmaster.parsing.structure import Part, leaves_of

ENCRYPTED_NOTE = "This mail is encrypted ({}): nobody can read it here without the key of its recipient.\n"

# What is said of an attachment that tells less than it should, by what it is.
_NOTES = {
    Role.ENCRYPTED_FILE: "The attachment “{}” is encrypted: without the key of its recipient nobody can read it.\n",
    Role.DAMAGED: "The attachment “{}” is damaged or cut off: this is all that could be read of it.\n",
    Role.CLOSED: "The attachment “{}” could not be opened here, and there is no other text.\n",
}

_MESSAGE_TYPES = frozenset({"message/rfc822", "message/global"})
_DESCRIPTIONS = ("content-description", "content-location")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([a-z0-9_.:-]{1,40})", re.IGNORECASE)
_META_WITHIN = 2000
_CARRIAGE_RETURNS = re.compile(r"\r+\n?")
_NEWLINES = IncrementalNewlineDecoder(None, translate=True)
_PGP = re.compile(r"^-----BEGIN PGP MESSAGE-----", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Content:
    """What ``ParsedMessage`` says of the body: ``html`` are documents that follow one another."""

    text: str
    html: tuple[str, ...]
    attachments: tuple[AttachedPart, ...]
    images: Mapping[str, str]


def read_parts(root: Part) -> Content:
    """Text, HTML and attachments of a message."""
    open_containers(root)
    return _Body(root).read()


class _Body:
    """The body of one message while it is read."""

    def __init__(self, root: Part) -> None:
        self._root = root
        self._detected: str | None = None
        self._texts: dict[str, str] = {}
        self._roles = assign_roles(root, self._is_blank)

    def read(self) -> Content:
        pieces = without_copies(self._pieces(self._root))
        html = html_of(pieces)
        files = [part for part in leaves_of(self._root) if self._roles[part.number] in _KEPT]
        names = UniqueNames()
        attached = [_attached(part, names) for part in files]
        images = _images(html, files, attached) if html and files else {}
        shown = frozenset(images.values())
        attachments = (replace(each, inline=True) if each.part in shown else each for each in attached)
        return Content(text_of(pieces), html, tuple(attachments), images)

    def _pieces(self, part: Part) -> list[Piece]:
        """The text within a part, in its order."""
        if not part.children:
            return self._leaf(part)
        found = [self._pieces(child) for child in part.children]
        if part.content_type == ALTERNATIVE:
            chosen = choose(found)
            for number in chosen.left:
                self._keep(part.children[number])
            return chosen.pieces
        pieces = [piece for each in found for piece in each]
        if part.children[0].path[-1:] == (TNEF,):
            return [replace(piece, from_container=True) for piece in pieces]
        return [_note("PGP"), *pieces] if part.content_type == "multipart/encrypted" else pieces

    def _leaf(self, part: Part) -> list[Piece]:
        role = self._roles[part.number]
        if role is Role.ENCRYPTED:
            return [_note("S/MIME")]
        if role in _NOTES:
            return [Piece(_NOTES[role].format(_name(part)))]
        if role not in _READ:
            return []
        text = self._text(part)
        if type_to_read(part) in HTML_TYPES:
            return [Piece(html=text)]
        return [_note("PGP"), Piece(text)] if "-----BEGIN PGP M" in text and _PGP.search(text) else [Piece(text)]

    def _keep(self, member: Part) -> None:
        """A member of an alternative that is read in no way, and says something else: nothing of it may be lost."""
        for part in leaves_of(member):
            if self._roles[part.number] is Role.TEXT:
                self._roles[part.number] = Role.FILE

    def _is_blank(self, part: Part) -> bool:
        text = self._text(part)
        return is_blank(text) if type_to_read(part) in HTML_TYPES else is_unseen(text)

    def _text(self, part: Part) -> str:
        """The text of a part, decoded once."""
        if part.number not in self._texts:
            self._texts[part.number] = self._decode(part, part.content)
        return self._texts[part.number]

    def _decode(self, part: Part, data: bytes) -> str:
        kind = type_to_read(part)
        if kind in RTF_TYPES:
            return read_rtf(data)
        label = part.parameters.get("charset", "")
        # "us-ascii", "x-unknown" and the like say nothing of 8-bit text.
        if codec_of(label) is None and not data.isascii():
            meta = _META_CHARSET.search(data, 0, _META_WITHIN) if kind in HTML_TYPES else None
            label = meta[1].decode("ascii") if meta else self._detect(data)
        text = decode_text(data, label).replace("\0", "").removeprefix("\N{BYTE ORDER MARK}")
        if kind in HTML_TYPES:
            return text
        text = _with_newlines(text)
        if kind == "text/plain":
            is_flowed = part.parameters.get("format", "").lower() == "flowed"
            return unflow(text, delsp=part.parameters.get("delsp", "").lower() == "yes") if is_flowed else text
        return read_other_text(text, kind, _name(part))

    def _detect(self, data: bytes) -> str:
        """The character set of undeclared text; found out once for a message."""
        if self._detected is None and not is_utf8(data):
            self._detected = detect_charset(data)
        return (self._detected or "") if not is_utf8(data) else ""


def _images(documents: Iterable[str], files: list[Part], attached: list[AttachedPart]) -> Mapping[str, str]:
    parts = []
    for part, each in zip(files, attached, strict=True):
        ids = (each.content_id or "", decode_value(part.mime.get("x-attachment-id", "")))
        location = decode_value(part.mime.get("content-location", ""))
        parts.append(ImagePart(part.number, ids, location, file_name(part)))
    return resolve_images([source for html in documents for source in image_sources(html)], parts)


_READ = frozenset({Role.TEXT, Role.OTHER_TEXT, Role.OTHER_TEXT_AND_FILE})
_KEPT = frozenset({Role.FILE, Role.ENCRYPTED, Role.OTHER_TEXT_AND_FILE, *_NOTES})


def _note(what: str) -> Piece:
    return Piece(ENCRYPTED_NOTE.format(what))


def _name(part: Part) -> str:
    return file_name(part) or nameless(part.number, part.content_type)


def _with_newlines(text: str) -> str:
    returns = text.count("\r")
    usual = _NEWLINES.decode(text, final=True) if returns else text
    if len(text) - len(usual) == returns:  # each stood before a newline: that is told in half the time of replace
        return usual
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = _CARRIAGE_RETURNS.sub(lambda run: "\n" if run[0].endswith("\n") else "\n" * len(run[0]), text)
    return text


def _attached(part: Part, names: UniqueNames) -> AttachedPart:
    """A file; whether it is shown within the text is not known yet."""
    data = part.content
    kind = image_type(data, part.content_type)
    name = file_name(part)
    if part.content_type == "application/applefile":
        name = fork_filename(name)
    elif not name:
        name = subject_filename(_subject(data)) if part.content_type in _MESSAGE_TYPES else ""
        description, location = (decode_value(part.mime.get(field, "")) for field in _DESCRIPTIONS)
        name = name or described_filename(description, location, kind)
    return AttachedPart(
        part=part.number,
        filename=names.take(name or nameless(part.number, kind)),
        content_type=kind,
        content_id=parse_id(part.mime.get("content-id", "")),
        inline=False,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _subject(message: bytes) -> str:
    fields, _ = split_header(message, message_start(message), len(message))
    return next((decode_value(value) for name, value in fields if name.lower() == "subject"), "")
