"""The verdict on everything: one headline, from the same rows that stand below it as accounts and incidents.

Status, the wall, ``flask status`` and ``flask alert list`` take it from here, so that none says "all is well" above
what another calls wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from postmaster.accounts.health import UNWELL, Health
from postmaster.extensions import now
from postmaster.fetching.overview import count_healths
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.incident_condition import IncidentTrouble
from postmaster.operations.incidents import open_incidents
from postmaster.operations.models import Incident
from postmaster.operations.state import Fetching, FetchingState
from postmaster.quantity import quantity


@dataclass(frozen=True, slots=True)
class Wrong:
    """An incident that is open and still so, in today's words. ``acknowledged_by`` says who acknowledged it, even if it
    got worse since, and ``acknowledged_at`` when, unless it did.
    """

    id: int
    sentence: str
    path: str
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str


@dataclass(frozen=True)
class Verdict:
    """``headline`` says what matters most; ``ok`` is whether nobody has to do anything. Of ``served`` accounts, those
    that are valid, ``unwell`` do not deliver mail. ``idle``: nobody fetches, or too late.
    """

    headline: str
    ok: bool
    served: int
    unwell: int
    idle: bool
    healths: Mapping[Health, int]
    incidents: Sequence[Wrong]


def judge(session: Session, state: FetchingState | None) -> Verdict:
    """How everything stands; ``state`` is None if it is not known whether mail is being fetched."""
    healths, incidents = count_healths(session), still_wrong(session)
    paused = healths.get(Health.PAUSED_BY_HAND, 0)
    served = sum(healths.values()) - healths.get(Health.INVALID, 0) - paused
    unwell = sum(healths.get(health, 0) for health in UNWELL)
    idle = bool(served and state and not state.ok)
    headline = _headline(healths, served, unwell, len(incidents), state) + _of_paused(paused)
    return Verdict(headline, not (unwell or idle or incidents), served, unwell, idle, healths, incidents)


def _headline(
    healths: Mapping[Health, int], served: int, unwell: int, incidents: int, state: FetchingState | None
) -> str:
    if state and state.fetching is Fetching.LATE:
        be = "is" if state.late == 1 else "are"
        return f"Mail is late: {state.late:,} of {quantity(served, 'account')} {be} waiting for a worker"
    if unwell:
        return f"{unwell:,} of {quantity(served, 'account')} {'is' if unwell == 1 else 'are'} not delivering mail"
    if served and state and not state.ok:
        waiting = quantity(served, "account is", "accounts are") + " waiting"
        return f"{'All fetching is paused' if state.pause else 'Fetching has stopped'}: {waiting}"
    if incidents:
        return f"Something is wrong: {quantity(incidents, 'open incident')}"
    return _calm_headline(healths, served)


def _calm_headline(healths: Mapping[Health, int], served: int) -> str:
    """What to say if nothing is wrong."""
    if not healths:
        return "No mail is being fetched yet"
    if not served:
        return "No account is fetched" if Health.PAUSED_BY_HAND in healths else "No account is valid"
    return f"All is well with {quantity(served, 'account')}"


def _of_paused(count: int) -> str:
    """That somebody paused accounts is no failure, and is never passed over."""
    return f"; {quantity(count, 'account is', 'accounts are')} paused" if count else ""


def still_wrong(session: Session) -> Sequence[Wrong]:
    """The open incidents, the oldest first, without those that are over and that no worker has closed yet.

    Only the conditions that have one are looked at again, so while all is well it costs one query.
    """
    opened = session.scalars(open_incidents()).all()
    found = _found(session, {incident.condition for incident in opened})
    return [wrong for incident in opened if (wrong := _as_it_is(incident, found.get(incident.condition)))]


def _found(session: Session, names: set[str]) -> Mapping[str, Mapping[str, IncidentTrouble] | None]:
    """What each of these conditions finds, by subject; None where it cannot be told at the moment."""
    looked = {row.name: row.find(session, now()) for row in CONDITIONS if row.name in names}
    return {
        name: None if troubles is None else {trouble.subject: trouble for trouble in troubles}
        for name, troubles in looked.items()
    }


def _as_it_is(incident: Incident, found: Mapping[str, IncidentTrouble] | None) -> Wrong | None:
    trouble = IncidentTrouble(incident.subject, incident.sentence, incident.path)
    if found is not None:
        if incident.subject not in found:
            return None
        trouble = found[incident.subject]
    return Wrong(
        incident.id,
        trouble.sentence,
        trouble.path,
        incident.opened_at,
        incident.acknowledged_at,
        incident.acknowledged_by,
        incident.note,
    )
