"""S/MIME in one piece (RFC 8551 section 3): signed and compressed content needs no key, encrypted content does."""

from __future__ import annotations

import re
import zlib
from binascii import Error, a2b_base64
from enum import Enum
from typing import Any

from postmaster.parsing.header import begins_with_field
from postmaster.parsing.repeated import repeated

MAX_CMS = 40 * 1024 * 1024
"""Bytes of a container that is opened."""

_FIELD = r"[a-z][a-z0-9-]{0,60}:[^\n]*+\n" + repeated(r"[ \t][^\n]*+\n")
_ENTITY = re.compile(rf"\s{{0,20}}(?:{_FIELD}){{0,30}}?content-[a-z-]+[ \t]*:".encode(), re.IGNORECASE)
_ARMOUR = re.compile(rb"-----(?:BEGIN|END) [A-Z0-9 ]{1,40}-----")
_ENCRYPTED = frozenset(
    {"enveloped_data", "encrypted_data", "authenticated_enveloped_data", "signed_and_enveloped_data"}
)

# An entity may have no header, and then is plain text (RFC 2045 section 5.2); files are signed as well.
_SAMPLE = 4_000
_OF_FILES = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]|\A(?:%PDF-|<\?xml|\{\\rtf)")


class Sealed(Enum):
    """What a container is that holds no message to read."""

    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    OTHER = "other"


def open_cms(data: bytes, limit: int) -> bytes | Sealed:
    """The MIME entity in a container, ``limit`` bytes at most; or why there is none. Never raises."""
    if len(data) > min(MAX_CMS, limit):
        return Sealed.OTHER
    # Nobody but senders of such mail pays for the import.
    from asn1crypto import cms

    try:
        content = _content(cms.ContentInfo.load(_binary(data)), limit)
    # What asn1crypto raises for bytes that are no such container.
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError, zlib.error):
        return Sealed.DAMAGED
    if isinstance(content, Sealed):
        return content
    return _entity(content) if len(content) <= limit else Sealed.OTHER


def _content(info: Any, limit: int) -> bytes | Sealed:
    """The bytes that are signed or compressed, whatever stands around them."""
    for _ in range(_MAX_LAYERS):
        kind = info["content_type"].native
        if kind in _ENCRYPTED:
            return Sealed.ENCRYPTED
        if kind not in ("signed_data", "compressed_data"):
            break
        info = info["content"]["encap_content_info"]
        content = info["content"].native
        if isinstance(content, bytes):
            return zlib.decompressobj().decompress(content, limit + 1) if kind == "compressed_data" else content
    return Sealed.OTHER


# Structures within one another without a MIME entity between them.
_MAX_LAYERS = 4


def _entity(content: bytes) -> bytes | Sealed:
    """``content`` so that its header begins at once; text without any gets an empty one."""
    if _ENTITY.match(content):
        return content.lstrip()
    if not content.strip() or _OF_FILES.search(content[:_SAMPLE]):
        return Sealed.OTHER
    return content if begins_with_field(content) else b"\n" + content


def _binary(data: bytes) -> bytes:
    """The container itself, if it came as text once more."""
    if data.lstrip()[:1] in (b"-", b"M"):
        try:
            return a2b_base64(_ARMOUR.sub(b"", data))
        except Error:
            return data
    return data
