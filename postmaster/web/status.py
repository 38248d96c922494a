"""The status page: the board, what is wrong, where the tickets are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, url_for

from postmaster.accounts.health import HEALTH_LABELS, Health
from postmaster.database import read_session
from postmaster.fetching.overview import QueueCount, count_tickets, count_waiting
from postmaster.operations.verdict import Wrong
from postmaster.operations.wall import wall_token
from postmaster.web.access import for_leads, polling, public
from postmaster.web.badges import HEALTH_BADGES, Badge
from postmaster.web.board import Board, board_of
from postmaster.web.context import Context
from postmaster.web.fetch_results import tell_results
from postmaster.web.guide import FIRST_STEP, Guide
from postmaster.web.lists import wanted, wants_fragment
from postmaster.web.pulse import Pulse, PulseContext

blueprint = Blueprint("status", __name__)

# Of the open incidents, the oldest: when a mail server is away, each of its accounts has one.
MAX_INCIDENTS = 20


@blueprint.get("/nothing")
@polling
@public
def nothing() -> str:
    """Nothing that is seen: what a message is replaced by; it takes the focus of whoever dismissed it."""
    return '<span tabindex="-1" autofocus></span>'


@dataclass(frozen=True, kw_only=True)
class BoardContext(PulseContext, templates=("status/_live.html", "status/_status.html")):
    """What the page shows of the accounts, and renews: beside other things if it is ``renewed_alone``."""

    board: Board
    queues: Sequence[QueueCount]
    quarantined: int
    incidents: Sequence[Wrong]
    open_count: int
    looks: Mapping[Health, Badge]
    words: Mapping[Health, str]
    page_url: Callable[[int], str]
    guide: Guide = FIRST_STEP
    renewed_alone: bool = False


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
def board() -> str:
    """The board as it is by now."""
    with read_session() as session:
        tell_results(session)
    return _board().render("status/_live.html")


def _page() -> str:
    with read_session() as session:
        link = wall_token(session)
    return StatusContext(link=link).render("status/page.html", _board())


def _board() -> BoardContext:
    with read_session() as session:
        board = board_of(session, wanted().page)
        incidents = board.verdict.incidents
        return BoardContext(
            board=board,
            queues=count_tickets(session),
            quarantined=count_waiting(session),
            incidents=incidents[:MAX_INCIDENTS],
            open_count=len(incidents),
            looks=HEALTH_BADGES,
            words=HEALTH_LABELS,
            pulse=Pulse(url_for("status.board"), include="#board > input"),
            page_url=lambda number: url_for("status.page", page=number if number > 1 else None),
        )
