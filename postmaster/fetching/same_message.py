"""Whether a message that was read once more is the one that is recorded, although its bytes differ.

Servers write lines of their own into a message once it was read ("Status: RO" of qpopper), or make it anew each time
from what they store (Exchange, Proton Bridge: other boundaries). The server itself says that it is the same, by its
identity; this is asked only then.
"""

from __future__ import annotations

from typing import Any

from postmaster.database import read_session
from postmaster.fetching.pending import LedgerEntry
from postmaster.ledger.mail_source import kept_source
from postmaster.parsing.parser import parse_message


def says_the_same(raw: bytes, entry: LedgerEntry) -> bool:
    """Whether ``raw`` has the sender, recipients, date, id, texts and files of what ``entry`` recorded."""
    with read_session() as session:
        recorded = kept_source(session, entry.id, entry.sha256)
    return recorded is not None and _content(recorded) == _content(raw)


def _content(raw: bytes) -> tuple[Any, ...]:
    message = parse_message(raw)
    files = [(part.filename, part.sha256) for part in message.attachments]
    people = (message.from_, message.to, message.cc, message.reply_to)
    named = (message.message_id, message.date, message.subject, message.in_reply_to, message.references)
    return (people, named, message.text.rstrip(), (message.html or "").rstrip(), files)
