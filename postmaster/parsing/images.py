"""Images within the text: what they are by their first bytes, and which part a reference of the HTML means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

_MAGIC = re.compile(
    rb"(?P<png>\x89PNG\r\n\x1a\n)|(?P<jpeg>\xff\xd8\xff)|(?P<gif>GIF8[79]a)|(?P<webp>RIFF.{4}WEBP)"
    rb"|(?P<tiff>II\*\0|MM\0\*)|(?P<bmp>BM.{4}\0{4}.{4}[\x0c\x28\x38\x40\x6c\x7c]\0\0\0)"
    rb"|(?P<avif>.{4}ftypavi[fs])|(?P<heic>.{4}ftyp(?:heic|heix|mif1|hevc))",
    re.DOTALL,
)
_SAME = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
_SCHEME = re.compile(r"(?:about:|unsafe:)*([a-z][a-z0-9.+-]+):(?://)?", re.IGNORECASE)
_AROUND = " \t\r\n<>\"'"
_PATH = re.compile(r"[/\\]")


def image_type(data: bytes, declared: str) -> str:
    """The content type of an image by its first bytes, whatever it is declared to be; else what is declared."""
    found = _MAGIC.match(data)
    return f"image/{found.lastgroup}" if found else _SAME.get(declared, declared)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """What a part can be referred to by."""

    number: str
    names: tuple[str, ...]
    location: str
    file: str


@dataclass
class _Index:
    """The parts by what they are called; of two with one name the first."""

    names: dict[str, str] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def resolve_images(sources: Iterable[str], parts: Iterable[ImagePart]) -> Mapping[str, str]:
    """The numbers of the parts that are meant, by the references that mean them (RFC 2392, RFC 2557, and others)."""
    index = _Index()
    for part in parts:
        for name in filter(None, map(_name_key, part.names)):
            index.names.setdefault(name, part.number)
        if part.location:
            index.locations.setdefault(part.location.strip(_AROUND), part.number)
            index.files.setdefault(_file_key(part.location), part.number)
        if part.file:
            index.files.setdefault(_file_key(part.file), part.number)
    found = ((source.strip(), _resolve(source.strip(_AROUND), index)) for source in dict.fromkeys(sources))
    return {source: number for source, number in found if number}


def _resolve(source: str, index: _Index) -> str | None:
    if source in index.locations:
        return index.locations[source]
    scheme = _SCHEME.match(unquote(source))
    kind = scheme[1].lower() if scheme and len(scheme[1]) > 1 else ""
    rest = unquote(source)[scheme.end() :] if scheme and kind else source
    if kind in ("", "cid", "mid"):
        rest = rest.rpartition("/")[2] if kind == "mid" else rest
        return next(_by_name(rest, index), None) or (None if "\n" in rest else index.files.get(_file_key(rest)))
    return index.files.get(_file_key(rest)) if kind == "file" else None


def _by_name(name: str, index: _Index) -> Iterator[str]:
    """By Content-ID, with or without what stands behind its @; Outlook makes the ids of file names."""
    key = _name_key(name)
    local = key.partition("@")[0]
    file = _file_key(name.partition("@")[0])
    for table, wanted in ((index.names, key), (index.names, local), (index.files, file)):
        if wanted and wanted in table:
            yield table[wanted]


def _name_key(name: str) -> str:
    return "".join(unquote(name).split()).strip(_AROUND).lower()


def _file_key(name: str) -> str:
    return _PATH.split(unquote(name).strip(_AROUND))[-1].strip().lower()
