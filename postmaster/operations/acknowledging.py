"""Acknowledging incidents: somebody has seen them, and says what is done about them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session, selectinload

from postmaster.errors import NotFoundError
from postmaster.extensions import now
from postmaster.operations.incidents import open_incidents
from postmaster.operations.models import Incident
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.fields import Field
from postmaster.resources.readers import line

NOTE = Field("note", "Note", mandatory=True, read=line(500), help="What is done about it, for the others.")


def acknowledge(session: Session, ids: Collection[int], note: str, actor: str) -> Sequence[Incident]:
    """Acknowledge those incidents of ``ids`` that are open; returns them. The caller commits.

    They stay listed. What was not sent yet about them is not sent any more; that they are over is, to whoever was told
    that they began. Raises InputError without a note, and NotFoundError if none of them is open.
    """
    note = NOTE.parse(note)
    lock_administration(session)
    query = open_incidents().where(Incident.id.in_(ids)).options(selectinload(Incident.deliveries))
    incidents = session.scalars(query).all()
    if not incidents:
        message = "None of these incidents is open any more." if ids else "No incident was chosen."
        raise NotFoundError("unknown-incident", message, "Choose some that are listed: flask alert list")
    for incident in incidents:
        _acknowledge(incident, note, actor)
        audit(
            session, actor, "acknowledge", "incident", f"{incident.condition} ({incident.id})", {"note": [None, note]}
        )
    return incidents


def _acknowledge(incident: Incident, note: str, actor: str) -> None:
    incident.acknowledged_at, incident.acknowledged_by, incident.note = now(), actor, note
    for delivery in incident.deliveries:
        delivery.next_try_at = None
