"""The run history: what each run found, what was done with it, and why it failed if it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request, url_for

from postmaster.database import read_session
from postmaster.fetching.counters import COUNTERS
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.run_history import RunFilter, count_newer_runs, newest_run, run_history
from postmaster.resources.keyset import KeysetPage
from postmaster.web.access import for_leads, polling
from postmaster.web.asked import asked_before, asked_id, asked_words
from postmaster.web.badges import PARTLY, RUN_BADGES, Badge
from postmaster.web.context import Context
from postmaster.web.lists import CursorLinks, cursor_links
from postmaster.web.news import GrowingList, news_of
from postmaster.web.pulse import Pulse
from postmaster.web.times import asked_moment

blueprint = Blueprint("runs", __name__, url_prefix="/runs")


GROWING = GrowingList("runs", "run", "runs", "clock")

# What the address says of the filter; ``before`` is where the page begins.
RUN_FILTERS = ("q", "account", "status", "mail", "from", "to")

LEFT_WORDS: Mapping[str, str] = {
    "too-large": "too large",
    "withheld": "not handed over by the server",
    "not-reached": "not reached",
    "timeout": "time limit reached",
    "interrupted": "interrupted",
    "paused": "fetching was paused",
    "held": "waiting for confirmation",
}


@dataclass(frozen=True)
class RunLine:
    """A run as pages show it; ``seconds`` is None while it lasts, ``left`` says why messages stayed on the server."""

    run: FetchRun
    badge: Badge
    seconds: float | None
    left: Sequence[str]

    @property
    def error(self) -> Mapping[str, Any]:
        """Stage, message, advice and the server's words; empty if it went well."""
        return self.run.error or {}


def run_lines(runs: Iterable[FetchRun]) -> list[RunLine]:
    """What pages show of ``runs``."""
    return [_line(run) for run in runs]


def _line(run: FetchRun) -> RunLine:
    badge = PARTLY if run.status is RunStatus.OK and run.left else RUN_BADGES[run.status]
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at else None
    left = [f"{count:,} left: {LEFT_WORDS.get(reason, reason)}" for reason, count in run.left_reasons.items() if count]
    return RunLine(run, badge, seconds, left)


@dataclass(frozen=True, kw_only=True)
class RunTableContext(Context):
    """A table of runs: its lines, and the columns of counters."""

    lines: Sequence[RunLine]
    run_counters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RunsContext(RunTableContext, templates=("runs/page.html", "runs/_list.html")):
    """The history: ``state`` is its filter, ``results`` are what it may ask for, ``newest`` is the id of the newest run
    there was.
    """

    found: KeysetPage[FetchRun]
    links: CursorLinks
    state: Mapping[str, Any]
    results: Mapping[str, str]
    newest: int
    pulse: Pulse


@blueprint.get("")
@for_leads
def page() -> str:
    """The history, or the part of it that a filter changes."""
    with read_session() as session:
        newest = newest_run(session)
        found = run_history(session, _wanted())
    state = _state()
    return RunsContext(
        found=found,
        lines=run_lines(found.rows),
        run_counters=COUNTERS,
        links=cursor_links(state, found.next),
        state=state,
        results={status.value: badge.text for status, badge in RUN_BADGES.items()},
        newest=newest,
        pulse=GROWING.pulse(),
    ).render()


@blueprint.get("/news")
@polling
@for_leads
def news() -> str:
    """A beat, with how many runs began that the list does not show yet."""
    wanted, address = _wanted(), url_for(".page", **_state())
    return news_of(GROWING, lambda session, after: count_newer_runs(session, wanted, after), address)


def _state() -> dict[str, Any]:
    """The filter of the history."""
    return asked_words(RUN_FILTERS)


def _wanted() -> RunFilter:
    asked = request.args
    status = asked.get("status")
    return RunFilter(
        text=asked.get("q", ""),
        account_id=asked_id("account"),
        status=RunStatus(status) if status in list(RunStatus) else None,
        with_mail=bool(asked.get("mail")),
        since=asked_moment("from"),
        until=asked_moment("to", end_of_day=True),
        before=asked_before(),
    )
