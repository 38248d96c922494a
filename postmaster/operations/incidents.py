"""Incidents: opened when a condition finds something wrong, closed when it no longer does, each told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session, selectinload

from postmaster import config
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.logs import Logger
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.incident_condition import IncidentCondition, IncidentTrouble
from postmaster.operations.models import AlertDelivery, Incident
from postmaster.operations.targets import Target, alert_targets

# Wait before a message is tried again that a target did not take: doubled each time, up to the longest.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)

# Incidents that one message tells of in full; it counts the others. A mail server that is away is one for each account.
MAX_IN_FULL = 20

log = Logger("postmaster.alerts")


def open_incidents() -> Select[Incident]:
    """What is wrong now, the oldest first."""
    return select(Incident).where(Incident.closed_at.is_(None)).order_by(Incident.id)


def recent_incidents() -> Select[Incident]:
    """What is wrong or was, the newest first."""
    return select(Incident).order_by(Incident.id.desc())


def count_refused(session: Session) -> Mapping[str, int]:
    """How many messages targets did not take and are to get again, by the key of the target."""
    again = AlertDelivery.next_try_at.is_not(None), AlertDelivery.tries > 0
    rows = session.execute(select(AlertDelivery.target, func.count()).where(*again).group_by(AlertDelivery.target))
    return dict(rows.all())


def update_incidents(session: Session) -> None:
    """Open and close incidents, and prepare what is to be told about them. The caller commits."""
    moment, targets = now(), alert_targets(session)
    rows = session.scalars(open_incidents().options(selectinload(Incident.deliveries)))
    known = {(row.condition, row.subject): row for row in rows}
    for condition in CONDITIONS:
        troubles = condition.find(session, moment)
        if troubles is None:
            continue
        found = {trouble.subject: trouble for trouble in troubles}
        for trouble in found.values():
            incident = known.get((condition.name, trouble.subject)) or _open(session, condition, trouble, moment)
            incident.sentence = trouble.sentence
            if _is_worse(incident, trouble, condition):
                _prepare(incident, targets, moment)
            elif incident.acknowledged_at is None and moment - incident.opened_at >= condition.patience:
                _prepare(incident, _untold(incident, targets), moment)
        for (name, subject), incident in known.items():
            if name == condition.name and subject not in found:
                _close(incident, targets, moment)


def _is_worse(incident: Incident, trouble: IncidentTrouble, condition: IncidentCondition) -> bool:
    """Whether it got worse since somebody acknowledged it; then it is acknowledged no more."""
    acknowledged = incident.acknowledged_at is not None
    worse = acknowledged and trouble.size > incident.size * condition.leeway
    if worse:
        incident.acknowledged_at = None
        log.warning("incident got worse", condition=condition.name, sentence=trouble.sentence)
    incident.size = min(incident.size, trouble.size) if acknowledged and not worse else trouble.size
    return worse


def _untold(incident: Incident, targets: Sequence[Target]) -> Sequence[Target]:
    """Those that nothing was prepared for: they were added, or made valid again, while it went on."""
    told = {delivery.target for delivery in incident.deliveries if not delivery.over}
    return [target for target in targets if target.key not in told]


def _open(session: Session, condition: IncidentCondition, trouble: IncidentTrouble, moment: datetime) -> Incident:
    incident = Incident(
        condition=condition.name,
        subject=trouble.subject,
        sentence=trouble.sentence,
        path=trouble.path,
        size=trouble.size,
        opened_at=moment,
    )
    session.add(incident)
    log.warning("incident", condition=condition.name, sentence=trouble.sentence)
    return incident


def _prepare(incident: Incident, targets: Sequence[Target], moment: datetime) -> None:
    for target in targets:
        if target.hears_of(incident.condition):
            incident.deliveries.append(
                AlertDelivery(over=False, target=target.key, label=target.label, tries=0, next_try_at=moment)
            )


def _close(incident: Incident, targets: Sequence[Target], moment: datetime) -> None:
    """It is over: whoever was told, or is still to be told, is told that as well. What began and ended in quiet hours
    is not told at all.
    """
    incident.closed_at = moment
    quiet = _quiet(targets, moment)
    for delivery in incident.deliveries:
        if delivery.target in quiet and not delivery.tries:
            delivery.next_try_at = None
    told = {each.target: each.label for each in incident.deliveries if each.sent_at or each.next_try_at}
    incident.deliveries += [
        AlertDelivery(over=True, target=target, label=label, tries=0, next_try_at=moment)
        for target, label in told.items()
    ]
    log.info("incident over", condition=incident.condition, sentence=incident.sentence)


def _quiet(targets: Sequence[Target], moment: datetime) -> set[str]:
    """The keys of those that have quiet hours."""
    zone = config.current().time_zone
    return {target.key for target in targets if target.is_quiet(moment, zone)}


@dataclass(frozen=True, slots=True)
class _Subject:
    """What one message is about: all that began, or that is over, of a condition, as one target is told."""

    over: bool
    target: str
    condition: str


def deliver_alerts() -> int:
    """Send what is due; returns how many messages were taken. A target that fails is tried again later, and one that
    has quiet hours when they are over.
    """
    with read_session() as session:
        targets = alert_targets(session)
        columns = AlertDelivery.over, AlertDelivery.target, Incident.condition
        due = select(*columns).join(Incident).where(AlertDelivery.next_try_at <= now()).group_by(*columns)
        rows = session.execute(due.order_by(AlertDelivery.over, func.min(AlertDelivery.id)))
        subjects = [_Subject(*row) for row in rows]
    known, quiet = {target.key: target for target in targets}, _quiet(targets, now())
    return sum(_deliver(subject, known.get(subject.target)) for subject in subjects if subject.target not in quiet)


def _deliver(subject: _Subject, target: Target | None) -> bool:
    with transaction() as session:
        deliveries = _claim(session, subject, target)
        ids = [delivery.id for delivery in deliveries]
        title, body = words([delivery.incident for delivery in deliveries], over=subject.over) if ids else ("", "")
    if target is None or not ids:
        return False
    if not target.send(title, body):
        log.warning("an alert could not be sent", target=target.label, incidents=len(ids))
        return False
    with transaction() as session:
        told = update(AlertDelivery).where(AlertDelivery.id.in_(ids))
        session.execute(told.values(sent_at=now(), next_try_at=None))
    return True


def _claim(session: Session, subject: _Subject, target: Target | None) -> Sequence[AlertDelivery]:
    """The deliveries to be sent now, which nobody else sends meanwhile. The caller commits."""
    along = selectinload(AlertDelivery.incident).selectinload(Incident.deliveries)
    query = select(AlertDelivery).join(Incident).options(along).where(AlertDelivery.next_try_at <= now())
    mine = query.where(
        AlertDelivery.over == subject.over,
        AlertDelivery.target == subject.target,
        Incident.condition == subject.condition,
    )
    due = session.scalars(mine.order_by(AlertDelivery.id).with_for_update(of=AlertDelivery)).all()
    if target is None:  # it is configured no more
        session.execute(delete(AlertDelivery).where(AlertDelivery.id.in_([delivery.id for delivery in due])))
        return []
    claimed = [delivery for delivery in due if not (delivery.over and _is_ahead(delivery))]
    for delivery in claimed:
        delivery.tries += 1
        delivery.next_try_at = now() + min(LONGEST_WAIT, FIRST_WAIT * (1 << min(delivery.tries - 1, 10)))
    return claimed


def _is_ahead(delivery: AlertDelivery) -> bool:
    """Whether the target has not been told yet that it began."""
    return any(
        other.target == delivery.target and not other.over and other.sent_at is None and other.next_try_at is not None
        for other in delivery.incident.deliveries
    )


def words(incidents: Sequence[Incident], *, over: bool) -> tuple[str, str]:
    """Title and text of the message about ``incidents``, which are of one condition; there is one at least."""
    name = incidents[0].condition
    title = next((row.title for row in CONDITIONS if row.name == name), name)
    count = f" ({len(incidents)})" if len(incidents) > 1 else ""
    texts = [_text(incident, over=over) for incident in incidents[:MAX_IN_FULL]]
    if len(incidents) > MAX_IN_FULL:
        texts.append(f"And {len(incidents) - MAX_IN_FULL} more, see: flask alert list --all")
    return f"PostMaster: {'over: ' if over else ''}{title}{count}", "\n\n".join(texts)


def _text(incident: Incident, *, over: bool) -> str:
    environment = config.current()
    since = f"Since {incident.opened_at:%Y-%m-%d %H:%M} UTC."
    if over and incident.closed_at:
        since = f"From {incident.opened_at:%Y-%m-%d %H:%M} to {incident.closed_at:%Y-%m-%d %H:%M} UTC."
    lines = [f"It is over: {incident.sentence}" if over else incident.sentence, since]
    if incident.acknowledged_by and not incident.acknowledged_at and not over:
        lines.append(f"It got worse since {incident.acknowledged_by} acknowledged it: {incident.note}")
    if environment.public_url:
        lines.append(f"{environment.public_url}{incident.path}")
    return "\n".join(lines)
