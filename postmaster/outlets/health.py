"""How an outlet stands, in a word."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from postmaster.accounts.sealing import opens
from postmaster.outlets.models import Outlet
from postmaster.resources.models import Validity


class OutletHealth(StrEnum):
    """What keeps an outlet from handing events over; ``healthy`` if nothing does."""

    INVALID = "invalid"
    NEEDS_KEY = "needs-key"
    NEEDS_SECRET = "needs-secret"  # noqa: S105 - a word for lacking one
    PAUSED = "paused"
    FAILING = "failing"
    HEALTHY = "healthy"


HEALTHS: Mapping[OutletHealth, str] = {
    OutletHealth.INVALID: "It is not valid. It keeps its place, and goes on there once it is valid again.",
    OutletHealth.NEEDS_KEY: "No key opens its secrets: put the key back, or enter them again.",
    OutletHealth.NEEDS_SECRET: "It has no secret, as after an import: enter one, or “new” to have one made.",
    OutletHealth.PAUSED: "Somebody paused it, the receiver answered 410 Gone, or took nothing for a day. Its events "
    "wait until somebody resumes it.",
    OutletHealth.FAILING: "The last attempt failed. It is tried again, after 5 s and then ever less often, up to an "
    "hour, and never given up.",
    OutletHealth.HEALTHY: "Events are handed over as they happen.",
}


def outlet_health(outlet: Outlet) -> OutletHealth:
    """How ``outlet`` stands."""
    if outlet.validity is not Validity.VALID:
        return OutletHealth.INVALID
    if not (opens(outlet.sealed_secret) and opens(outlet.sealed_headers)):
        return OutletHealth.NEEDS_KEY
    if not outlet.sealed_secret:
        return OutletHealth.NEEDS_SECRET
    if outlet.state.paused_at is not None:
        return OutletHealth.PAUSED
    return OutletHealth.FAILING if outlet.state.failures else OutletHealth.HEALTHY


def can_send(outlet: Outlet) -> bool:
    """Whether events are handed over to it, however it went last time."""
    return outlet_health(outlet) in (OutletHealth.HEALTHY, OutletHealth.FAILING)
