"""Incidents: opened when a condition finds something wrong, closed when it does not any more, each told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from flask import current_app
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from postmaster.config import Settings
from postmaster.database import reading, writing
from postmaster.extensions import now
from postmaster.operations.conditions import CONDITIONS, Condition, Trouble
from postmaster.operations.models import AlertDelivery, Incident
from postmaster.operations.targets import Target, alert_targets

# Wait before a message is tried again that a target did not take: doubled each time, up to the longest.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)

# Messages that are sent in one go.
MOST_AT_ONCE = 20

log = structlog.get_logger("postmaster.alerts")


def open_incidents() -> Select[Incident]:
    """What is wrong now, the oldest first."""
    return select(Incident).where(Incident.closed_at.is_(None)).order_by(Incident.id)


def count_open(session: Session) -> int:
    """How much is wrong now."""
    return session.scalar(select(func.count()).select_from(Incident).where(Incident.closed_at.is_(None))) or 0


def recent_incidents() -> Select[Incident]:
    """What is wrong or was, the newest first."""
    return select(Incident).order_by(Incident.id.desc())


def look(session: Session) -> None:
    """Open and close incidents, and prepare what is to be told about them. The caller commits."""
    moment = now()
    known = {(row.condition, row.subject): row for row in session.scalars(open_incidents())}
    for condition in CONDITIONS:
        troubles = condition.find(session, moment)
        if troubles is None:
            continue
        found = {trouble.subject: trouble for trouble in troubles}
        for trouble in found.values():
            incident = known.get((condition.name, trouble.subject)) or _open(session, condition, trouble, moment)
            incident.sentence = trouble.sentence
            if not incident.deliveries and moment - incident.opened_at >= condition.patience:
                _prepare(incident, alert_targets(), moment)
        for (name, subject), incident in known.items():
            if name == condition.name and subject not in found:
                _close(incident, moment)


def _open(session: Session, condition: Condition, trouble: Trouble, moment: datetime) -> Incident:
    incident = Incident(
        condition=condition.name,
        subject=trouble.subject,
        sentence=trouble.sentence,
        path=trouble.path,
        opened_at=moment,
    )
    session.add(incident)
    log.warning("incident", condition=condition.name, sentence=trouble.sentence)
    return incident


def _prepare(incident: Incident, targets: Sequence[Target], moment: datetime) -> None:
    for target in targets:
        incident.deliveries.append(
            AlertDelivery(over=False, target=target.digest, label=target.label, tries=0, next_try_at=moment)
        )


def _close(incident: Incident, moment: datetime) -> None:
    """It is over: whoever was told, or is still to be told, is told that as well."""
    incident.closed_at = moment
    incident.deliveries += [
        AlertDelivery(over=True, target=told.target, label=told.label, tries=0, next_try_at=moment)
        for told in list(incident.deliveries)
    ]
    log.info("incident over", condition=incident.condition, sentence=incident.sentence)


def deliver() -> int:
    """Send what is due; returns how many messages were taken. A target that fails is tried again later."""
    targets = {target.digest: target for target in alert_targets()}
    with reading() as session:
        due = select(AlertDelivery.id).where(AlertDelivery.next_try_at <= now()).order_by(AlertDelivery.id)
        ids = session.scalars(due.limit(MOST_AT_ONCE)).all()
    return sum(_deliver(delivery_id, targets) for delivery_id in ids)


def _deliver(delivery_id: int, targets: dict[str, Target]) -> bool:
    with writing() as session:
        delivery = session.get(AlertDelivery, delivery_id, with_for_update=True)
        if delivery is None or delivery.next_try_at is None or delivery.next_try_at > now():
            return False  # somebody else has just sent it, or is about to
        target = targets.get(delivery.target)
        if target is None:  # it is configured no more
            session.delete(delivery)
            return False
        if delivery.over and _is_ahead(delivery):
            return False
        delivery.tries += 1
        delivery.next_try_at = now() + min(LONGEST_WAIT, FIRST_WAIT * (1 << min(delivery.tries - 1, 10)))
        title, body = words(delivery.incident, over=delivery.over)
    if not target.send(title, body):
        log.warning("an alert could not be sent", target=target.label, tries=delivery.tries)
        return False
    with writing() as session:
        delivery = session.get_one(AlertDelivery, delivery_id)
        delivery.sent_at, delivery.next_try_at = now(), None
    return True


def _is_ahead(delivery: AlertDelivery) -> bool:
    """Whether the target has not been told yet that it began."""
    return any(
        other.target == delivery.target and not other.over and other.sent_at is None
        for other in delivery.incident.deliveries
    )


def words(incident: Incident, *, over: bool) -> tuple[str, str]:
    """Title and text of the message about ``incident``."""
    settings: Settings = current_app.config["SETTINGS"]
    title = next((row.title for row in CONDITIONS if row.name == incident.condition), incident.condition)
    since = f"Since {incident.opened_at:%Y-%m-%d %H:%M} UTC."
    if over and incident.closed_at:
        since = f"From {incident.opened_at:%Y-%m-%d %H:%M} to {incident.closed_at:%Y-%m-%d %H:%M} UTC."
    lines = [f"It is over: {incident.sentence}" if over else incident.sentence, since]
    if settings.public_url:
        lines.append(f"{settings.public_url}{incident.path}")
    return f"PostMaster: {'over: ' if over else ''}{title}", "\n".join(lines)
