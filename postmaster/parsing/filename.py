"""File names that are safe to show, to store and to offer for download (docs/glossary.md#real-mail: 7)."""

from __future__ import annotations

import re
from urllib.parse import unquote

MAX_FILENAME = 200
"""Bytes of a file name in UTF-8; file systems take 255, and numbers of duplicates are added."""

_MAX_EXTENSION = 20

# Controls, what shows as nothing, and the marks that turn the direction of writing, by which "exe.pdf" can be made of
# "fdp.exe".
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f]+"
)
_SEPARATOR = re.compile(r"[/\\]")

# A slash within a name is part of it, unless the whole of it is a path: of a drive, of a server, or of a folder.
_PATH = re.compile(r"(?:[a-z]:|file:|~)?[/\\]|[a-z]:|\.{1,2}[/\\]|.*[/\\]\.\.[/\\]", re.IGNORECASE | re.DOTALL)

_DRIVE = re.compile(r"[a-z]:", re.IGNORECASE)
_DOTS = ". \u2024\u2025\u2026\u3002\uff0e\uff61"

# Names of devices, which Windows opens in place of a file, whatever extension they have.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\.|\Z)", re.IGNORECASE
)

# What a name lost on its way through a smaller character set.
_LOST = re.compile("[?\ufffd]+")

_HOST = re.compile(r"[a-z][a-z0-9+.-]*+://[^/]*+", re.IGNORECASE)
_OPAQUE = re.compile(r"(?:cid|mid|data|urn|about|thismessage):", re.IGNORECASE)

_EXTENSIONS = {
    "application/json": ".json",
    "application/mac-binhex40": ".hqx",
    "application/ms-tnef": ".dat",
    "application/msword": ".doc",
    "application/pdf": ".pdf",
    "application/pgp-encrypted": ".asc",
    "application/pgp-signature": ".asc",
    "application/pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "application/x-pkcs7-mime": ".p7m",
    "application/x-pkcs7-signature": ".p7s",
    "application/rtf": ".rtf",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/xhtml+xml": ".xhtml",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "message/rfc822": ".eml",
    "message/global": ".eml",
    "message/partial": ".eml",
    "text/calendar": ".ics",
    "text/css": ".css",
    "text/csv": ".csv",
    "text/enriched": ".txt",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/rfc822-headers": ".txt",
    "text/rtf": ".rtf",
    "text/tab-separated-values": ".tsv",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/xml": ".xml",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
}

# Of several types with one extension the first is meant, but where that is the rarer one.
_TYPES = {extension: kind for kind, extension in reversed(_EXTENSIONS.items())} | {
    ".asc": "application/pgp-signature",
    ".dat": "application/octet-stream",
    ".txt": "text/plain",
}


def safe_filename(name: str) -> str:
    """A name without controls and dots around it, of a path its last part; empty if nothing is left."""
    name = _UNSAFE.sub(" ", name).strip()
    name = name.rstrip(" /\\")
    base = _DRIVE.sub("", _SEPARATOR.split(name)[-1]) if _PATH.match(name) else _SEPARATOR.sub("_", name)
    base = " ".join(base.split()).strip(". ")
    return shorten(f"_{base}" if _DEVICE.match(base) else base) if base.strip(_DOTS) else ""


def better_name(name: str, other: str = "") -> str:
    """Of the two names that a part has, the first, unless the other shows what that one has lost."""
    pieces = _LOST.split(name) if other else [name]
    if len(pieces) == 1 or _LOST.search(other):
        return name
    position = 0
    for piece in pieces:
        position = other.find(piece, position) + len(piece)
        if position < len(piece):
            return name
    return other if other.startswith(pieces[0]) and other.endswith(pieces[-1]) else name


def described_filename(description: str, location: str, content_type: str) -> str:
    """A file name for a part that declares none, by where it is from, else by what it is said to be; or empty."""
    place = _HOST.sub("", location.partition("?")[0].partition("#")[0].strip())
    name = safe_filename(unquote(place).rpartition("/")[2]) if not _OPAQUE.match(place) else ""
    if _split(name)[1]:
        return name
    stem = safe_filename(description)
    extension = _EXTENSIONS.get(content_type, "")
    return stem if _split(stem)[1] or not stem else shorten(stem + extension)


def type_of_name(name: str) -> str:
    """The usual content type of a file with that name."""
    return _TYPES.get(_split(name)[1].lower(), "application/octet-stream")


def fork_filename(name: str) -> str:
    """A name for the resource fork of a file of a Macintosh: no program can open it, so it is not that of the file."""
    return shorten(f"{name}.rsrc") if name else ""


def subject_filename(subject: str) -> str:
    """A file name for an attached message: its subject and ``.eml``; empty if the subject is."""
    stem = safe_filename(_SEPARATOR.sub("_", subject))
    return shorten(f"{stem}.eml") if stem else ""


def nameless(part: str, content_type: str) -> str:
    """A file name for a part that has none: its number, and an extension by its type."""
    return f"part-{part}{_EXTENSIONS.get(content_type, '.bin')}"


def shorten(name: str) -> str:
    """``name`` in at most ``MAX_FILENAME`` bytes of UTF-8, its extension kept."""
    if len(name) * 4 <= MAX_FILENAME or len(name.encode()) <= MAX_FILENAME:
        return name
    stem, extension = _split(name)
    room = MAX_FILENAME - len(extension.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip() + extension


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if stem and len(extension.encode()) <= _MAX_EXTENSION else (name, "")


class UniqueNames:
    """Hands out file names, each once: the second ``a.txt`` becomes ``a (2).txt``. Case does not make a difference."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def take(self, name: str) -> str:
        """``name``, or the first free variant of it."""
        stem, extension = _split(name)
        candidate = name
        while candidate.lower() in self._next:
            number = self._next[name.lower()]
            self._next[name.lower()] = number + 1
            candidate = f"{stem} ({number}){extension}"
        self._next[candidate.lower()] = 2
        return candidate
