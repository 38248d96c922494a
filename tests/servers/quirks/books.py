"""What must hold whatever a server does: deleted there ⊆ recorded here with these bytes, and nothing recorded twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from flask import Flask
from sqlalchemy import text

from postmaster.extensions import db
from tests.servers.quirks.mailbox import Mailbox


def digests(raws: Iterable[bytes]) -> Counter[bytes]:
    """How often each message is there, by its SHA-256."""
    return Counter(hashlib.sha256(raw).digest() for raw in raws)


def recorded(app: Flask) -> Counter[bytes]:
    """How often each message is in the ledger with a ticket, an ignored or a quarantined one included."""
    with app.app_context(), db.engine.begin() as connection:
        return Counter(bytes(row[0]) for row in connection.execute(text("SELECT sha256 FROM inbound_mail")))


def check_books(app: Flask, mailbox: Mailbox, delivered: Iterable[bytes]) -> None:
    """Raises AssertionError if a message was lost, or recorded more often than it was there."""
    taken = recorded(app)
    lost = digests(mailbox.deleted) - taken
    assert not lost, f"{lost.total()} messages were deleted on the server, but not recorded"
    doubled = taken - digests(delivered)
    assert not doubled, f"{doubled.total()} messages were recorded that were not there, or twice"
