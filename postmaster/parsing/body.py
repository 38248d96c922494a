"""What the parts of a message are to a reader: its text, its HTML, or attachments."""

from __future__ import annotations

import hashlib
import re

from postmaster.parsing.charset import decode_text
from postmaster.parsing.content import decode_content
from postmaster.parsing.filename import UniqueNames, nameless, safe_filename, subject_filename
from postmaster.parsing.header import decode_value, message_start, split_header
from postmaster.parsing.html_text import html_to_text
from postmaster.parsing.ids import parse_id
from postmaster.parsing.message import AttachedPart
from postmaster.parsing.params import parse_parameters
from postmaster.parsing.structure import Part

_BODY_TYPES = frozenset({"text/plain", "text/html"})
_MESSAGE_TYPES = frozenset({"message/rfc822", "message/global"})
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([a-z0-9_.:-]{1,40})", re.IGNORECASE)
_META_WITHIN = 2000
_CARRIAGE_RETURNS = re.compile(r"\r+\n?")


def read_parts(raw: bytes, leaves: list[Part]) -> tuple[str, str | None, tuple[AttachedPart, ...]]:
    """Text, HTML and attachments of a message, as ``ParsedMessage`` has them."""
    texts: list[str] = []
    htmls: list[str] = []
    attached: list[AttachedPart] = []
    names = UniqueNames()
    for part in leaves:
        data = part_bytes(raw, part)
        declared = file_name(part)
        if not is_body(part, declared):
            attached.append(_attached(part, data, declared, names))
        elif part.content_type == "text/html":
            htmls.append(_html(part, data))
        else:
            texts.append(_text(part, data))
    html = "\n".join(htmls) if htmls else None
    text = _joined(texts)
    if html is not None and not text.strip():
        text = html_to_text(html)
    return text, html, tuple(attached)


def part_bytes(raw: bytes, part: Part) -> bytes:
    """The content of a part, its transfer encoding undone."""
    data = raw[part.start : part.end]
    return decode_content(data, part.encoding) if part.encoding else data


def file_name(part: Part) -> str:
    """The name that a part declares, safe to use; empty if it has none."""
    if ";" not in part.mime.get("content-disposition", "") and "name" not in part.parameters:
        return ""
    parameters = parse_parameters(part.mime.get("content-disposition", ""))
    return safe_filename(parameters.get("filename") or parameters.get("name") or part.parameters.get("name", ""))


def is_body(part: Part, name: str) -> bool:
    """Whether a part is text to read. A named one is a file, unless it is the message, or one of its alternatives."""
    if part.content_type not in _BODY_TYPES or part.disposition == "attachment":
        return False
    return not name or not part.path or part.path[-1] == "multipart/alternative"


def _attached(part: Part, data: bytes, declared: str, names: UniqueNames) -> AttachedPart:
    content_id = parse_id(part.mime.get("content-id", ""))
    name = declared
    if not name and part.content_type in _MESSAGE_TYPES:
        name = subject_filename(_subject(data))
    return AttachedPart(
        part=part.number,
        filename=names.take(name or nameless(part.number, part.content_type)),
        content_type=part.content_type,
        content_id=content_id,
        inline=_is_inline(part, content_id),
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _is_inline(part: Part, content_id: str | None) -> bool:
    """Whether a part is shown within the text, not beside it: an image in its place, or what the HTML refers to."""
    if content_id and (part.disposition != "attachment" or "multipart/related" in part.path):
        return True
    return part.disposition == "inline" and part.content_type.startswith("image/")


def _subject(message: bytes) -> str:
    fields, _ = split_header(message, message_start(message), len(message))
    return next((decode_value(value) for name, value in fields if name.lower() == "subject"), "")


def _text(part: Part, data: bytes) -> str:
    text = decode_text(data, part.parameters.get("charset", ""))
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = _CARRIAGE_RETURNS.sub(lambda run: "\n" if run[0].endswith("\n") else "\n" * len(run[0]), text)
    return text.replace("\0", "").removeprefix("\N{BYTE ORDER MARK}")


def _html(part: Part, data: bytes) -> str:
    label = part.parameters.get("charset", "")
    if not label and not data.isascii() and (meta := _META_CHARSET.search(data, 0, _META_WITHIN)):
        label = meta[1].decode("ascii")
    return decode_text(data, label).replace("\0", "").removeprefix("\N{BYTE ORDER MARK}")


def _joined(texts: list[str]) -> str:
    """Texts one below the other."""
    written = [text for text in texts if text]
    if len(written) == 1:
        return written[0]
    return "".join(text if text.endswith("\n") else f"{text}\n" for text in written)
