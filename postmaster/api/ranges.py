"""Bytes handed out whole or in part (RFC 9110 section 14): attachments and messages as they came.

A range that is no single one of bytes does not count, as if it had not been asked for.
"""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from urllib.parse import quote

from flask import request

from postmaster.api.operation import Answer, Call
from postmaster.errors import PostMasterError

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9 ._-]")

# Whatever it is, no browser may show it or run it.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "no-store",
}

HEADERS = {
    "ETag": "What the bytes are known by, for If-Range and If-None-Match.",
    "Accept-Ranges": "bytes: a part can be asked for with Range, and is answered with 206.",
    "Content-Disposition": "attachment, with the name of the file.",
}
CONTENT_RANGE = {"Content-Range": "bytes FIRST-LAST/COUNT: which part it is, of how many bytes."}


class RangeNotSatisfiableError(PostMasterError):
    """A range that begins behind the end of what has ``length`` bytes."""

    def __init__(self, length: int) -> None:
        message = f"There are {length} bytes, and the range begins behind them."
        super().__init__("range-not-satisfiable", message, "Ask for a range within them, or for all.")
        self.length = length


def hand_out(call: Call, content: bytes, filename: str) -> Answer:
    """``content`` as a file, or the part of it that Range asks for. Raises RangeNotSatisfiableError."""
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {**_SAFE, "ETag": etag, "Accept-Ranges": "bytes", "Content-Disposition": disposition(filename)}
    if _names(call.headers.get("If-None-Match", ""), etag):
        return Answer(None, headers, HTTPStatus.NOT_MODIFIED)
    wanted = _wanted(call, etag, len(content))
    if wanted is None:
        return Answer(content, headers)
    first, last = wanted
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Answer(content[first : last + 1], headers, HTTPStatus.PARTIAL_CONTENT)


def disposition(filename: str) -> str:
    """The header that has a browser save a file under that name, however odd (RFC 6266)."""
    return f"attachment; filename=\"{_UNSAFE.sub('_', filename)[:150]}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _wanted(call: Call, etag: str, length: int) -> tuple[int, int] | None:
    """The first and the last byte that are wanted; None if all are."""
    found = _RANGE.fullmatch(call.headers.get("Range", "")) if request.method == "GET" else None
    condition = call.headers.get("If-Range", "").strip()
    if found is None or found[1] == found[2] == "" or condition not in ("", etag):
        return None
    if not found[1]:
        count = min(int(found[2]), length)
        first, last = length - count, length - 1
    else:
        first, last = int(found[1]), min(int(found[2] or length - 1), length - 1)
        if found[2] and int(found[2]) < first:
            return None
    if first > last:
        raise RangeNotSatisfiableError(length)
    return first, last


def _names(condition: str, etag: str) -> bool:
    return condition.strip() == "*" or etag in [text.strip().removeprefix("W/") for text in condition.split(",")]
