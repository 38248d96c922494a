"""What ties messages of a thread together: Message-IDs, and Outlook's Thread-Index."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable
from dataclasses import dataclass

from postmaster.parsing.message import ParsedMessage

# Of the ids that a message answers, those nearest to it are looked up.
MAX_PARENTS = 50

# Of those that are not known yet, so many are waited for.
MAX_AWAITED = 20

# What the key of a message's content begins with. No Message-ID can be equal: those have no blank in them.
CONTENT_KEY = "Content "

# A Thread-Index ([MS-OXOMSG] section 2.2.1.3) is a header of 22 bytes, and 5 more for each answer.
_INDEX_HEADER, _INDEX_STEP = 22, 5
_MAX_INDEX = _INDEX_HEADER + _INDEX_STEP * 200


@dataclass(frozen=True, slots=True)
class ThreadKeys:
    """What a message is known by, and what it answers: the nearest first."""

    own: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    index_parents: tuple[str, ...] = ()

    @property
    def all_parents(self) -> tuple[str, ...]:
        """Everything that it answers."""
        return self.parents + self.index_parents


def thread_keys(message: ParsedMessage, *, by_content: bool = False) -> ThreadKeys:
    """The keys of ``message``. A Thread-Index says what it answers only where no other header does.

    ``by_content`` gives it a key that only the same message has, whatever way it came.
    """
    own: tuple[str, ...] = (message.message_id,) if message.message_id else ()
    if by_content and message.message_id:
        own += (_content_key(message),)
    if not (message.in_reply_to or message.references or message.header_values("Thread-Index")):
        return ThreadKeys(own)
    parents = dict.fromkeys((*message.in_reply_to, *reversed(message.references)))
    parents.pop(message.message_id or "", None)
    index = _thread_index(message)
    own_index = (_index_key(index),) if index else ()
    answered = () if parents or not index else _index_parents(index)
    return ThreadKeys(own + own_index, tuple(parents)[:MAX_PARENTS], tuple(answered)[:MAX_PARENTS])


def _thread_index(message: ParsedMessage) -> bytes:
    """The bytes of a well-formed Thread-Index, or none."""
    for value in message.header_values("Thread-Index"):
        try:
            index = b64decode("".join(value.split()), validate=True)
        except (Error, ValueError):
            return b""
        whole = len(index) >= _INDEX_HEADER and (len(index) - _INDEX_HEADER) % _INDEX_STEP == 0
        return index if whole and len(index) <= _MAX_INDEX else b""
    return b""


def _index_parents(index: bytes) -> Iterable[str]:
    """The answer of a message has its Thread-Index and five bytes more: so each shorter piece is an ancestor's."""
    return [_index_key(index[:end]) for end in range(len(index) - _INDEX_STEP, _INDEX_HEADER - 1, -_INDEX_STEP)]


def _index_key(index: bytes) -> str:
    # No Message-ID can be equal: those have no blank in them.
    return f"Thread-Index {hashlib.sha256(index).hexdigest()}"


def _content_key(message: ParsedMessage) -> str:
    """What two copies of one message have in common; programs that give all their mail one Message-ID differ here."""
    sender = message.from_.address if message.from_ else ""
    files = sorted(part.sha256 for part in message.attachments)
    parts = (message.message_id, sender, message.subject, message.date, message.text, message.html, files)
    return f"{CONTENT_KEY}{hashlib.sha256(repr(parts).encode(errors='replace')).hexdigest()}"
