"""The audit log: every change that somebody makes, and the order in which such changes happen."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.database import lock_until_end
from postmaster.extensions import Json
from postmaster.resources.models import AuditEvent

# Any number that no other program uses for an advisory lock in the same database.
_ADMINISTRATION = 7_766_001


def audit(
    session: Session,
    actor: str,
    action: str,
    noun: str,
    label: str,
    detail: Json,
    record_id: int | None = None,
    batch: str | None = None,
) -> None:
    """Record, in the transaction of the change itself, that ``actor`` did ``action`` to the ``noun`` ``label``.

    ``detail`` maps changed fields to ``[old, new]``. The caller leaves secrets out of it. ``record_id`` and ``batch``
    are those of ``AuditEvent``.
    """
    event = AuditEvent(actor=actor, action=action, noun=noun, label=label, detail=detail)
    event.record_id, event.batch = record_id, batch
    session.add(event)


def last_event(session: Session, noun: str, label: str) -> AuditEvent | None:
    """The latest change of the ``noun`` ``label``."""
    query = select(AuditEvent).where(AuditEvent.noun == noun, AuditEvent.label == label)
    return session.scalars(query.order_by(AuditEvent.id.desc()).limit(1)).first()


def events_of(session: Session, noun: str, record_id: int, limit: int) -> Sequence[AuditEvent]:
    """The latest changes of the ``noun`` with the id ``record_id``, the newest first, at most ``limit``."""
    query = select(AuditEvent).where(AuditEvent.noun == noun, AuditEvent.record_id == record_id)
    return session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit)).all()


def events_in(session: Session, batch: str, actor: str) -> Sequence[AuditEvent]:
    """What ``actor`` changed in ``batch``, in this order."""
    query = select(AuditEvent).where(AuditEvent.batch == batch, AuditEvent.actor == actor)
    return session.scalars(query.order_by(AuditEvent.id)).all()


def lock_administration(session: Session) -> None:
    """Keep other administrative changes waiting until this transaction ends.

    So that rules over several rows hold, such as one valid account a mailbox.
    """
    lock_until_end(session, _ADMINISTRATION)
