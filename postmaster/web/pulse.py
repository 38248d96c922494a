"""The pulse of a page: the one thing on it that asks the server by itself, and what it tells of fetching as a whole.

It beats slowly as long as nothing happens, and quickly while something does. A page that shows what may change gives it
an address of its own, from which all of that comes; others ask only whether mail is being fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Flask, g, url_for
from sqlalchemy.exc import DBAPIError

from postmaster.accounts.health import Health
from postmaster.database import read_session
from postmaster.extensions import now
from postmaster.operations.progress import Activity, Progress
from postmaster.operations.state import Fetching, FetchingState, fetching_state
from postmaster.web.access import for_leads, polling
from postmaster.web.badges import Badge
from postmaster.web.context import Context

blueprint = Blueprint("pulse", __name__)

# Seconds between two beats.
QUICK, SLOW = 2, 15


@dataclass(frozen=True)
class Pulse:
    """Where the page asks, how often, and ``include``: the selector of the inputs that go along."""

    url: str
    seconds: int = SLOW
    include: str = ""

    def address(self, state: FetchingState | None) -> str:
        """The address, with what the page tells of fetching now."""
        told = state.fetching.value if state else ""
        return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode({'told': told})}"


@dataclass(frozen=True, kw_only=True)
class PulseContext(Context, templates=("pulse/_answer.html",)):
    """The pulse: of a page on which something changes, one of its own."""

    pulse: Pulse


BEATS: Mapping[Fetching, Badge] = {
    Fetching.ACTIVE: Badge("Fetcher running", "ok", "circle-check"),
    Fetching.PAUSED: Badge("Fetching paused", "warn", "circle-pause"),
    Fetching.NO_WORKER: Badge("Fetching stopped", "fail", "circle-x"),
    Fetching.NO_SCHEDULER: Badge("No scheduler", "fail", "triangle-alert"),
    Fetching.LATE: Badge("Mail is late", "fail", "triangle-alert"),
}


@blueprint.get("/pulse")
@polling
@for_leads
def beat() -> str:
    """A beat that tells only whether mail is being fetched."""
    return PulseContext(pulse=heartbeat()).render()


def fetching() -> FetchingState | None:
    """Whether mail is being fetched, asked once a request; None if the database cannot say."""
    if "fetching" not in g:
        try:
            with read_session() as session:
                g.fetching = fetching_state(session)
        except DBAPIError:
            g.fetching = None
    state: FetchingState | None = g.fetching
    return state


# Why nothing can be fetched now, whatever it is.
_IDLE: Mapping[Fetching, str] = {
    Fetching.PAUSED: "All fetching is paused.",
    Fetching.NO_WORKER: "Fetching has stopped: no worker is running.",
}


def nobody_fetches() -> str:
    """Why nothing can be fetched now; empty if it can."""
    state = fetching()
    return _IDLE.get(state.fetching, "") if state else ""


# Why somebody cannot press Fetch now.
_BY_HEALTH: Mapping[Health, str] = {
    Health.INVALID: "The account is not valid.",
    Health.PAUSED_BY_HAND: "The account is paused.",
    Health.NEEDS_CREDENTIAL: "The account needs a valid credential.",
    Health.NEEDS_CONFIRMATION: "The first fetch of the account has to be confirmed.",
}
_BY_ACTIVITY: Mapping[Activity, str] = {
    Activity.QUEUED: "The account is already queued.",
    Activity.RUNNING: "The account is being fetched.",
}


def refusal_of(health: Health, activity: Progress | None) -> str:
    """Why nobody can have an account fetched now; empty if somebody can."""
    busy = _BY_ACTIVITY[activity.activity] if activity else ""
    return _BY_HEALTH.get(health, "") or nobody_fetches() or busy


def heartbeat() -> Pulse:
    """The pulse of a page on which nothing else changes."""
    return Pulse(url_for("pulse.beat"))


def init_app(app: Flask) -> None:
    """Give the templates what the pulse and the banner show."""
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(fetching=fetching, nobody_fetches=nobody_fetches, heartbeat=heartbeat, beats=BEATS)
    app.jinja_env.globals.update(answered=now)
