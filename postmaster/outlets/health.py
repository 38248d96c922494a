"""How an outlet stands, in a word."""

from __future__ import annotations

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
