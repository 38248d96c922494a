"""Whether a message that was read once more is the one that is recorded, although its bytes differ.

Servers write lines of their own into a message once it was read ("Status: RO" of qpopper), or make it anew each time
from what they store (Exchange, Proton Bridge: other boundaries). The server itself says that it is the same, by its
identity; this is asked only then.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import select

from postmaster.database import read_session
from postmaster.desk.models import Article, RawMail
from postmaster.desk.rawmail import unpack
from postmaster.fetching.pending import LedgerEntry
from postmaster.ledger.models import InboundMail, Quarantine
from postmaster.parsing import parse_message

# Articles of the recorded size among which the message is looked for in its ticket.
MAX_ARTICLES = 20


def says_the_same(raw: bytes, entry: LedgerEntry) -> bool:
    """Whether ``raw`` has the sender, recipients, date, id, texts and files of what ``entry`` recorded."""
    recorded = _source_of(entry)
    return recorded is not None and _content(recorded) == _content(raw)


def _source_of(entry: LedgerEntry) -> bytes | None:
    """What was recorded; None if it is not kept, as of a message that was ignored."""
    of_ticket = (
        select(RawMail)
        .join(Article, Article.raw_id == RawMail.id)
        .join(InboundMail, InboundMail.ticket_id == Article.ticket_id)
        .where(InboundMail.id == entry.id, RawMail.size == InboundMail.size)
        .limit(MAX_ARTICLES)
    )
    held = select(RawMail).join(Quarantine, Quarantine.raw_id == RawMail.id).where(Quarantine.inbound_id == entry.id)
    with read_session() as session:
        for query in (held, of_ticket):
            for row in session.scalars(query.execution_options(yield_per=1)):
                raw = unpack(row.encoding, row.data)
                if hashlib.sha256(raw).digest() == entry.sha256:
                    return raw
    return None


def _content(raw: bytes) -> tuple[Any, ...]:
    message = parse_message(raw)
    files = [(part.filename, part.sha256) for part in message.attachments]
    people = (message.from_, message.to, message.cc, message.reply_to)
    named = (message.message_id, message.date, message.subject, message.in_reply_to, message.references)
    return (people, named, message.text.rstrip(), (message.html or "").rstrip(), files)
