"""One message that a program hands in by the API: the same door as a pipe's, and each request once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy.orm import Session

from postmaster import config
from postmaster.database import read_session
from postmaster.errors import PostMasterError
from postmaster.fetching.pipe import PipedBeforeError, PipeTransaction
from postmaster.ledger.entries import Origin
from postmaster.ledger.mail_requests import (
    RequestedBeforeError,
    RequestKey,
    enter_request,
    requested_mail,
)
from postmaster.ledger.record import record
from postmaster.pipeline.arrival import read_arrival
from postmaster.pipeline.decision import Rules

# Bytes that a message may have at most, whatever the settings say.
MAX_MAIL = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of it: its id in the ledger, None if that is not known any more; ``earlier``: the same bytes had come
    within a day, and this is what they became.
    """

    mail_id: int | None
    earlier: bool = False


def take_posted(raw: bytes, sender: str, rules: Rules, key: RequestKey | None = None) -> Posted:
    """Record ``raw`` durably by ``rules``; ``sender`` is who hands it in.

    A request with a key is done once, whatever other requests have the same bytes. Without a key, the same bytes within
    24 hours are the same delivery tried again. Raises PostMasterError if the key was used with other bytes, and
    ``database-away`` if nothing was stored.
    """
    sha256 = hashlib.sha256(raw).digest()
    arrival = read_arrival(raw, sha256, key.identity if key else f"sha256:{sha256.hex()}", 0)
    origin = Origin(rules, label=sender, time_zone=config.current().time_zone)

    def begin(session: Session) -> None:
        if key is not None:
            enter_request(session, key, sha256)
        else:
            PipeTransaction(sha256, again=False).begin(session)

    try:
        [recorded] = record([arrival], origin, begin)
    except PipedBeforeError as before:
        return Posted(before.mail_id, earlier=True)
    except RequestedBeforeError as before:
        return _answer_again(before, key, sha256)
    return Posted(recorded.inbound_id)


def _answer_again(before: RequestedBeforeError, key: RequestKey | None, sha256: bytes) -> Posted:
    if before.differs or key is None:
        message = "The Idempotency-Key was used for another message."
        raise PostMasterError("key-reused", message, "Use another key for another message.")
    with read_session() as session:
        return Posted(requested_mail(session, key, sha256))
