"""The pulse of a page: the one thing on it that asks the server by itself, and what it tells of fetching as a whole.

It beats slowly as long as nothing happens, and quickly while something does. A page that shows what may change gives it
an address of its own, from which all of that comes; others ask only whether mail is being fetched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, g, request, url_for
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster.accounts.health import Health
from postmaster.database import read_session
from postmaster.extensions import now
from postmaster.operations.progress import Activity, Progress
from postmaster.operations.state import Fetching, FetchingState, fetching_state
from postmaster.resources.numbers import read_id
from postmaster.web.access import for_leads, polling
from postmaster.web.badges import Badge
from postmaster.web.context import Context

blueprint = Blueprint("pulse", __name__)

# Seconds between two beats.
QUICK, SLOW = 2, 15

# Of the records that a page says it shows.
MAX_SHOWN = 100


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


def fetching(session: Session | None = None) -> FetchingState | None:
    """Whether mail is being fetched, asked once a request; None if the database cannot say.

    It is asked over ``session``, if there is one that could not be used anyway if the database said nothing.
    """
    if "fetching" not in g:
        g.fetching = fetching_state(session) if session else _asked_alone()
    state: FetchingState | None = g.fetching
    return state


def _asked_alone() -> FetchingState | None:
    try:
        with read_session() as session:
            return fetching_state(session)
    except DBAPIError:
        return None


# Why nothing can be fetched now, whatever it is.
_IDLE: Mapping[Fetching, str] = {
    Fetching.PAUSED: "All fetching is paused.",
    Fetching.NO_WORKER: "Fetching has stopped: no worker is running.",
}


def fetches_by_itself() -> bool:
    """Whether what is due is fetched without anybody asking for it."""
    state = fetching()
    return state is not None and state.fetching in (Fetching.ACTIVE, Fetching.LATE)


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


def answer_to_beat(html: str) -> Response:
    """The answer to a page that says what it shows. One of an earlier version does not, and is loaded anew."""
    response = Response(html)
    if "at" not in request.args:
        response.headers["HX-Refresh"] = "true"
    return response


def shown_marks() -> dict[int, str]:
    """What the page that asks shows already: the marks of records by their ids, in the order of the page."""
    return dict(_shown())


def _shown() -> Iterator[tuple[int, str]]:
    for text in request.values.getlist("shown")[:MAX_SHOWN]:
        number, _, mark = text.partition(":")
        if record := read_id(number):
            yield record, mark


def text_mark(text: str) -> str:
    """What is another one whenever ``text`` is another one."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def init_app(app: Flask) -> None:
    """Give the templates what the pulse and the banner show."""
    app.register_blueprint(blueprint)
    app.jinja_env.filters.update(mark=text_mark)
    app.jinja_env.globals.update(fetching=fetching, nobody_fetches=nobody_fetches, heartbeat=heartbeat, beats=BEATS)
    app.jinja_env.globals.update(answered=now)
