"""Forgetting what the ledger says of who wrote to whom about what, while the message stays known as taken."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.ledger.envelope import Envelope
from postmaster.ledger.models import InboundMail, MailTerm
from postmaster.ledger.search_index import IndexedPart, renew_terms, term, terms_of
from postmaster.parsing.address_key import address_key

ERASED_COLUMNS = ("outcome", "label", "sender", "sender_name", "recipients", "subject", "message_id")


def mail_from(session: Session, address: str, size: int) -> Sequence[InboundMail]:
    """The ledger's rows of mail from ``address``, as addresses are compared; ``size`` of them at most, by the index."""
    found = select(MailTerm.mail_id).where(MailTerm.term == term(IndexedPart.SENDER, address))
    rows = session.scalars(select(InboundMail).where(InboundMail.id.in_(found)).order_by(InboundMail.id))
    return list(islice((row for row in rows if address_key(row.sender) == address), size))


def forget(session: Session, rows: Sequence[InboundMail]) -> int:
    """Empty what ``rows`` say of their messages, and take them out of the index; returns how many there were."""
    for row in rows:
        before = terms_of(_entry(row), None)
        for name, value in Envelope().as_row().items():
            setattr(row, name, value)
        row.trace, row.ticket_id = [], None
        renew_terms(session, row.id, before, terms_of(_entry(row), None))
    session.flush()
    return len(rows)


def _entry(row: InboundMail) -> dict[str, object]:
    return {name: getattr(row, name) for name in ERASED_COLUMNS}
