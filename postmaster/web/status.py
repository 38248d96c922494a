"""The status page: the day in figures, what is wrong, mail by the hour, and the accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request, url_for

from postmaster.accounts.health import HEALTH_LABELS, UNWELL, Health
from postmaster.database import read_session
from postmaster.extensions import now
from postmaster.fetching.overview import QueueToday, queues_today
from postmaster.ledger.hourly_counts import mails_of_queue
from postmaster.operations.verdict import Wrong
from postmaster.operations.wall import wall_token
from postmaster.web.access import for_leads, polling, public
from postmaster.web.asked import asked_number
from postmaster.web.badges import HEALTH_BADGES, Badge
from postmaster.web.board import Board, board_of
from postmaster.web.chart import Chart, chart_of
from postmaster.web.context import Context
from postmaster.web.fetch_results import tell_results
from postmaster.web.guide import FIRST_STEP, Guide
from postmaster.web.lists import wants_fragment
from postmaster.web.pulse import Pulse, PulseContext, answer_to_beat, shown_marks
from postmaster.web.times import DAY, asked_moment, day_of

blueprint = Blueprint("status", __name__)

# Of the open incidents, the oldest: when a mail server is away, each of its accounts has one.
MAX_INCIDENTS = 20

# What the address says: of the accounts, and of the mail per hour.
STATE = ("page", "show", "queue", "table")
UNDELIVERING = "undelivering"

# The inputs by which a beat tells what the page shows.
SHOWN = "#board > input, #board [name=shown], #board [name=at]"


@blueprint.get("/nothing")
@polling
@public
def nothing() -> str:
    """Nothing that is seen: what a message is replaced by; it takes the focus of whoever dismissed it."""
    return '<span tabindex="-1" autofocus></span>'


@dataclass(frozen=True, kw_only=True)
class BoardContext(PulseContext, templates=("status/_live.html", "status/_status.html")):
    """What the page shows of the day and the accounts, and renews.

    ``asked`` is what its address says, ``answered_before`` when the times that it shows were told. ``chart_mail`` finds
    the mail that the chart shows, unless it is a queue's: that may be in another one by now. ``runs_url`` the runs of
    the last day, and ``mail_url`` the mail of this day.
    """

    board: Board
    asked: Mapping[str, Any]
    answered_before: datetime | None
    state_url: Callable[..., str]
    chart: Chart
    chart_mail: Mapping[str, str] | None
    queues: Sequence[QueueToday]
    incidents: Sequence[Wrong]
    open_count: int
    looks: Mapping[Health, Badge]
    words: Mapping[Health, str]
    page_url: Callable[[int], str]
    runs_url: str
    mail_url: str
    guide: Guide = FIRST_STEP


@dataclass(frozen=True, kw_only=True)
class StatusContext(Context, templates=("status/page.html",), others=(BoardContext,)):
    """What the page has beside the board: the ``link`` of the wall view."""

    link: str | None


@blueprint.get("/")
@blueprint.get("/status")
@for_leads
def page() -> str:
    """The page, or another part of the board."""
    return _board().render("status/_status.html") if wants_fragment() else _page()


@blueprint.get("/status/board")
@polling
@for_leads
def beat() -> Response:
    """The board as it is by now, as far as it has changed."""
    return answer_to_beat(board())


def board() -> str:
    """What has changed of the board, and what came of a fetch."""
    with read_session() as session:
        tell_results(session)
    return _board(shown_marks()).render("status/_live.html")


def _page() -> str:
    with read_session() as session:
        link = wall_token(session)
    return StatusContext(link=link).render("status/page.html", _board())


def _board(shown: Mapping[int, str] | None = None) -> BoardContext:
    """The board; a page that has ``shown`` tiles already is not given those that are as they were."""
    asked: dict[str, Any] = {name: request.values[name] for name in STATE if request.values.get(name)}
    only = UNWELL if asked.get("show") == UNDELIVERING else ()
    with read_session() as session:
        board = board_of(session, asked_number("page", 1), only=only, shown=shown)
        queues = queues_today(session)
        chosen = next((queue for queue in queues if queue.name == asked.get("queue")), None)
        chart = chart_of(mails_of_queue(session, chosen.id) if chosen else board.hours)
        incidents = board.verdict.incidents
        return BoardContext(
            board=board,
            asked=asked,
            answered_before=asked_moment("at"),
            state_url=lambda **changes: url_for("status.page", **{**asked, **changes}),
            chart=chart,
            chart_mail=None if chosen else {},
            queues=queues,
            incidents=incidents[:MAX_INCIDENTS],
            open_count=len(incidents),
            looks=HEALTH_BADGES,
            words=HEALTH_LABELS,
            pulse=Pulse(url_for("status.beat"), include=SHOWN),
            runs_url=f"{url_for('runs.page')}?from={day_of(now() - DAY)}",
            mail_url=f"{url_for('mail.page')}?from={day_of(now())}",
            page_url=lambda number: url_for("status.page", **{**asked, "page": number if number > 1 else None}),
        )
