"""The status page: how the accounts stand, and where the tickets are.

It shows labels, counts and times, and never what mail, servers or settings say.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from postmaster.accounts.health import HEALTH_LABELS, Health
from postmaster.database import reading
from postmaster.extensions import now
from postmaster.intake.overview import UNWELL, Overview, look_over
from postmaster.web.access import for_leads, polling, public

blueprint = Blueprint("status", __name__)


@dataclass(frozen=True)
class Look:
    """How a health is shown: ``state`` and ``icon`` as in the style sheet and the sprite, and what to do about it."""

    state: str
    icon: str
    why: str = ""


LOOKS: dict[Health, Look] = {
    Health.FAILING: Look("fail", "circle-x", "The last fetch failed; the next one tries again."),
    Health.PAUSED: Look("fail", "key-round", "The login was refused. Change the credential or the account."),
    Health.NEEDS_CONFIRMATION: Look("warn", "circle-pause", "An admin has to confirm the first fetch."),
    Health.NEEDS_UPDATE: Look("fail", "key-round", "Authorise its credential again, or change it."),
    Health.NEEDS_CREDENTIAL: Look("warn", "key-round", "Give the account a valid credential."),
    Health.NEVER: Look("never", "circle-dashed"),
    Health.HEALTHY: Look("ok", "circle-check"),
    Health.INVALID: Look("paused", "circle-pause"),
}


@blueprint.get("/nothing")
@polling
@public
def nothing() -> str:
    """Nothing: what a message is replaced by when its time is over."""
    return ""


@blueprint.get("/")
@blueprint.get("/status")
@for_leads
def page() -> str:
    """The page."""
    with reading() as session:
        overview = look_over(session)
    return render_template(
        "status/page.html",
        overview=overview,
        headline=headline(overview),
        moment=now(),
        looks=LOOKS,
        words=HEALTH_LABELS,
    )


def headline(overview: Overview) -> str:
    """What matters most, in a sentence."""
    served = [account for account in overview.accounts if account.health is not Health.INVALID]
    unwell = [account for account in served if account.health in UNWELL]
    if not overview.accounts:
        return "No mail is being fetched yet"
    if unwell:
        return f"Not delivering mail: {len(unwell)} of {_accounts(len(served))}"
    return f"All is well with {_accounts(len(served))}" if served else "No account is valid"


def _accounts(count: int) -> str:
    return "1 account" if count == 1 else f"{count} accounts"
