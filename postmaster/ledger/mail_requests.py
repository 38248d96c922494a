"""Requests of programs that hand mail in with an Idempotency-Key: made twice, they are done once.

That a request was made is written in the very transaction that records its message, so there is never one without the
other, whatever is killed. The message is found again by the identity that it has in the ledger.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from postmaster.database import lock_until_end
from postmaster.extensions import now
from postmaster.ledger.models import InboundMail, MailRequest
from postmaster.ledger.record import NotRecordedError

# How long a request is known again.
REQUEST_MEMORY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a program calls a request; ``key`` is the SHA-256 of its Idempotency-Key."""

    token_id: int
    key: str

    @classmethod
    def of(cls, token_id: int, text: str) -> RequestKey:
        """The key that the program with that token sent."""
        return cls(token_id, hashlib.sha256(text.encode()).hexdigest())

    @property
    def identity(self) -> str:
        """What the ledger knows the message by."""
        return f"request:{self.token_id}:{self.key}"


class RequestedBeforeError(NotRecordedError):
    """The request was made before: with the same bytes, or, as ``differs`` says, with others."""

    def __init__(self, *, differs: bool) -> None:
        super().__init__()
        self.differs = differs


def enter_request(session: Session, key: RequestKey, sha256: bytes) -> None:
    """Write down that the request is made. Raises RequestedBeforeError. The caller commits."""
    # The same request at this moment: the second waits until the first is done.
    lock_until_end(session, int.from_bytes(bytes.fromhex(key.key)[:8], "big", signed=True) ^ key.token_id)
    before = session.get(MailRequest, (key.token_id, key.key))
    if before is not None:
        raise RequestedBeforeError(differs=before.sha256 != sha256)
    session.add(MailRequest(token_id=key.token_id, key=key.key, sha256=sha256, created_at=now()))
    session.flush()


def requested_mail(session: Session, key: RequestKey, sha256: bytes) -> int | None:
    """The id of the message that the request handed in; None if the ledger does not know it any more."""
    query = select(InboundMail.id).where(InboundMail.sha256 == sha256, InboundMail.identity == key.identity)
    return session.scalar(query.order_by(InboundMail.id).limit(1))


def forget_old_requests(session: Session) -> None:
    """Forget requests that are not made again. The caller commits."""
    session.execute(delete(MailRequest).where(MailRequest.created_at < now() - REQUEST_MEMORY))
