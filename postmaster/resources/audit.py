"""The audit log: every change that somebody makes, and the order in which such changes happen."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from postmaster.database import dialect_of
from postmaster.extensions import Json
from postmaster.resources.models import AuditEvent

# Any number that no other program uses for an advisory lock in the same database.
_ADMINISTRATION = 7_766_001


def audit(session: Session, actor: str, action: str, noun: str, label: str, detail: Json) -> None:
    """Record, in the transaction of the change itself, that ``actor`` did ``action`` to the ``noun`` ``label``.

    ``detail`` maps changed fields to ``[old, new]``. The caller leaves secrets out of it.
    """
    session.add(AuditEvent(actor=actor, action=action, noun=noun, label=label, detail=detail))


def last_event(session: Session, noun: str, label: str) -> AuditEvent | None:
    """The latest change of the ``noun`` ``label``."""
    query = select(AuditEvent).where(AuditEvent.noun == noun, AuditEvent.label == label)
    return session.scalars(query.order_by(AuditEvent.id.desc()).limit(1)).first()


def lock_administration(session: Session) -> None:
    """Keep other administrative changes waiting until this transaction ends.

    So that rules over several rows hold, such as one valid account a mailbox. SQLite has one writer anyway.
    """
    if dialect_of(session) == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADMINISTRATION})
