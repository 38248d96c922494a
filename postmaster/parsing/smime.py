"""S/MIME in one piece (RFC 8551 section 3): signed and compressed content needs no key, encrypted content does."""

from __future__ import annotations

import re
import zlib
from binascii import Error, a2b_base64
from enum import Enum
from typing import Any

MAX_CMS = 40 * 1024 * 1024
"""Bytes of a container that is opened."""

_ENTITY = re.compile(
    rb"\s{0,20}(?:[a-z][a-z0-9-]{0,60}:[^\n]*+\n(?:[ \t][^\n]*+\n)*+){0,30}?content-[a-z-]+[ \t]*:", re.IGNORECASE
)
_ARMOUR = re.compile(rb"-----(?:BEGIN|END) [A-Z0-9 ]{1,40}-----")
_ENCRYPTED = frozenset(
    {"enveloped_data", "encrypted_data", "authenticated_enveloped_data", "signed_and_enveloped_data"}
)


class Sealed(Enum):
    """What a container is that holds no message to read."""

    ENCRYPTED = "encrypted"
    OTHER = "other"


def open_cms(data: bytes, limit: int) -> bytes | Sealed:
    """The MIME entity in a container, ``limit`` bytes at most; or why there is none. Never raises."""
    if len(data) > min(MAX_CMS, limit):
        return Sealed.OTHER
    # Nobody but senders of such mail pays for the import.
    from asn1crypto import cms

    try:
        info = cms.ContentInfo.load(_binary(data))
        kind = info["content_type"].native
        if kind in _ENCRYPTED:
            return Sealed.ENCRYPTED
        content = _content(info["content"], kind, limit)
    # What asn1crypto raises for bytes that are no such container.
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError, zlib.error):
        return Sealed.OTHER
    return content if content and len(content) <= limit and _ENTITY.match(content) else Sealed.OTHER


def _content(structure: Any, kind: str, limit: int) -> bytes | None:
    if kind not in ("signed_data", "compressed_data"):
        return None
    content: bytes | None = structure["encap_content_info"]["content"].native
    if content is None or kind == "signed_data":
        return content
    return zlib.decompressobj().decompress(content, limit + 1)


def _binary(data: bytes) -> bytes:
    """The container itself, if it came as text once more."""
    if data.lstrip()[:1] in (b"-", b"M"):
        try:
            return a2b_base64(_ARMOUR.sub(b"", data))
        except Error:
            return data
    return data
