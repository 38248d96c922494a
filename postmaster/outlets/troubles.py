"""What is wrong with outlets, an outlet and a sentence each: operations makes incidents of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from postmaster.outlets.health import OutletHealth, outlet_health
from postmaster.outlets.models import Outlet
from postmaster.outlets.results import BY_WORKER
from postmaster.outlets.service import valid_outlets
from postmaster.outlets.standing import standings
from postmaster.quantity import quantity
from postmaster.system.settings import OUTLET_ALERT, get_setting

Trouble = tuple[Outlet, str]

_CANNOT_SIGN = {
    OutletHealth.NEEDS_KEY: "no key opens its secrets. Put back the key that sealed them, or enter them again.",
    OutletHealth.NEEDS_SECRET: "it has no secret to sign with. Give it one.",
}


def halted_outlets(session: Session, _moment: datetime) -> Iterator[Trouble]:
    """Outlets that hand nothing over until somebody does something, unless somebody wanted it so."""
    for outlet in valid_outlets(session):
        health, state = outlet_health(outlet), outlet.state
        if health in _CANNOT_SIGN:
            yield outlet, f"The outlet “{outlet.name}” hands nothing over: {_CANNOT_SIGN[health]}"
        elif health is OutletHealth.PAUSED and state.paused_by == BY_WORKER:
            answer = f" It said last: {state.last_answer[:300]}" if state.last_answer else ""
            yield (
                outlet,
                f"The outlet “{outlet.name}” is paused: {state.paused_reason} Its events wait. Mend the receiver, or "
                f"the address, and resume it.{answer}",
            )


def late_outlets(session: Session, moment: datetime) -> Iterator[Trouble]:
    """Outlets whose oldest event has waited for longer than OutletAlertMinutes."""
    minutes = get_setting(session, OUTLET_ALERT)
    sending = [
        outlet
        for outlet in valid_outlets(session)
        if outlet_health(outlet) in (OutletHealth.HEALTHY, OutletHealth.FAILING)
    ]
    for standing in standings(session, sending).values():
        if standing.oldest is not None and standing.oldest < moment - timedelta(minutes=minutes):
            yield standing.outlet, _lateness(standing.outlet, standing.backlog, standing.oldest, moment)


def _lateness(outlet: Outlet, backlog: int, oldest: datetime, moment: datetime) -> str:
    minutes = int((moment - oldest).total_seconds() // 60)
    waiting = quantity(backlog, "event waits", "events wait")
    said = outlet.state.last_answer[:300] or "nothing yet"
    return (
        f"The outlet “{outlet.name}” is late: {waiting} to be handed over, the oldest for "
        f"{quantity(minutes, 'minute')}. The receiver's last answer: {outlet.state.last_status or 'none'}, {said}"
    )
