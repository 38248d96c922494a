"""The source of a message that is in the ledger, wherever it is kept."""

from __future__ import annotations

import hashlib

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Article, RawMail
from postmaster.desk.rawmail import unpack
from postmaster.errors import NotFoundError
from postmaster.ledger.models import InboundMail, Quarantine
from postmaster.ledger.trace import no_mail

# Articles of the recorded size among which the message is looked for in its ticket.
MAX_ARTICLES = 20


def mail_source(session: Session, mail_id: int) -> bytes:
    """The message with that id, as it came. Raises NotFoundError if there is none, or its source is not kept."""
    mail = session.get(InboundMail, mail_id)
    if mail is None:
        raise no_mail(mail_id)
    source = kept_source(session, mail.id, mail.sha256)
    if source is None:
        message = f"The source of mail {mail_id} is not kept: it was ignored, moved or erased."
        raise NotFoundError("unknown-source", message, "What is known of it: flask mail show")
    return source


def kept_source(session: Session, mail_id: int, sha256: bytes) -> bytes | None:
    """Likewise, by the bytes that were recorded; None if they are not kept, as of a message that was ignored."""
    for query in (_in_quarantine(mail_id), _in_ticket(mail_id)):
        for row in session.scalars(query.execution_options(yield_per=1)):
            raw = unpack(row.encoding, row.data)
            if hashlib.sha256(raw).digest() == sha256:
                return raw
    return None


def _in_quarantine(mail_id: int) -> Select[RawMail]:
    return select(RawMail).join(Quarantine, Quarantine.raw_id == RawMail.id).where(Quarantine.inbound_id == mail_id)


def _in_ticket(mail_id: int) -> Select[RawMail]:
    return (
        select(RawMail)
        .join(Article, Article.raw_id == RawMail.id)
        .join(InboundMail, InboundMail.ticket_id == Article.ticket_id)
        .where(InboundMail.id == mail_id, RawMail.size == InboundMail.size)
        .limit(MAX_ARTICLES)
    )
