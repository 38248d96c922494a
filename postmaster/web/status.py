"""The status page: the board, what is wrong, where the tickets are; and for admins, what governs all fetching."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired

from postmaster.accounts.health import HEALTH_LABELS, Health
from postmaster.database import read_session, transaction
from postmaster.errors import InputError
from postmaster.fetching.overview import QueueCount, count_tickets, count_waiting
from postmaster.fetching.pause import pause_fetching, resume_fetching
from postmaster.operations.targets import Target, alert_targets
from postmaster.operations.verdict import Wrong
from postmaster.operations.wall import wall_token
from postmaster.web.access import current_user, for_admins, for_leads, polling, public
from postmaster.web.badges import HEALTH_BADGES, Badge
from postmaster.web.board import Board, board_of
from postmaster.web.context import Context
from postmaster.web.forms import Form
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


class PauseForm(Form):
    """Why all fetching is to be paused."""

    reason = StringField(
        "Reason", [InputRequired("Say why, so that others know.")], render_kw={"maxlength": 500, "required": True}
    )


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
    """What the page has beside the board: the pause, the ``link`` of the wall view, the targets of alerts."""

    form: PauseForm
    link: str | None
    targets: Sequence[Target]


@blueprint.get("/")
@blueprint.get("/status")
@for_leads
def page() -> str:
    """The page, or another part of the board."""
    return _board().render("status/_status.html") if wants_fragment() else _page(PauseForm())


@blueprint.get("/status/board")
@polling
@for_leads
def board() -> str:
    """The board as it is by now."""
    return _board().render("status/_live.html")


@blueprint.post("/status/pause")
@for_admins
def pause() -> ResponseReturnValue:
    """Pause all fetching."""
    form = PauseForm()
    if form.was_sent_well():
        try:
            with transaction() as session:
                pause_fetching(session, str(form.reason.data), current_user().name)
        except InputError as error:
            form.reason.errors = (str(error),)
            form.focus_first_refused()
        else:
            flash("All fetching is paused. Runs that are under way end after their current batch.", "ok")
            return redirect(url_for(".page"), 303)
    return _page(form), form.status()


@blueprint.post("/status/resume")
@for_admins
def resume() -> ResponseReturnValue:
    """Resume fetching."""
    with transaction() as session:
        paused = resume_fetching(session, current_user().name)
    flash("Mail is fetched again." if paused else "Fetching was not paused.", "ok")
    return redirect(url_for(".page"), 303)


@blueprint.post("/status/alerts")
@for_admins
def try_alerts() -> ResponseReturnValue:
    """Send a message to each target of alerts, and say which took it."""
    for target in alert_targets():
        taken = target.try_out(current_user().name)
        outcome = "got the test message" if taken else "did NOT get it: check its address, and that it can be reached"
        flash(f"The alert {target.label} {outcome}.", "ok" if taken else "fail")
    return redirect(url_for(".page"), 303)


def _page(form: PauseForm) -> str:
    with read_session() as session:
        link = wall_token(session)
    return StatusContext(form=form, link=link, targets=alert_targets()).render("status/page.html", _board())


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
