"""The status page: the board, what is wrong, where the tickets are; and for admins, what governs all fetching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired

from postmaster.accounts.health import HEALTH_LABELS
from postmaster.database import read_session, transaction
from postmaster.errors import InputError
from postmaster.fetching.overview import count_tickets, count_waiting
from postmaster.fetching.pause import pause_fetching, resume_fetching
from postmaster.operations.targets import alert_targets
from postmaster.operations.wall import wall_token
from postmaster.web.access import current_user, for_admins, for_leads, polling, public
from postmaster.web.badges import HEALTH_BADGES
from postmaster.web.board import board_of
from postmaster.web.forms import Form
from postmaster.web.lists import wanted, wants_fragment
from postmaster.web.pulse import Pulse

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


@blueprint.get("/")
@blueprint.get("/status")
@for_leads
def page() -> str:
    """The page, or another part of the board."""
    return render_template("status/_status.html", **_look()) if wants_fragment() else _page(PauseForm())


@blueprint.get("/status/board")
@polling
@for_leads
def board() -> str:
    """The board as it is by now."""
    return render_template("status/_live.html", **_look())


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
    """Have mail fetched again."""
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
        outcome = "took the test message" if taken else "did NOT take it: check its address, and that it can be reached"
        flash(f"The alert {target.label} {outcome}.", "ok" if taken else "fail")
    return redirect(url_for(".page"), 303)


def _page(form: PauseForm) -> str:
    with read_session() as session:
        link = wall_token(session)
    return render_template("status/page.html", form=form, link=link, targets=alert_targets(), **_look())


def _look() -> Mapping[str, Any]:
    """What the page shows of the accounts, and renews."""
    with read_session() as session:
        board = board_of(session, wanted().page)
        incidents = board.verdict.incidents
        return {
            "board": board,
            "queues": count_tickets(session),
            "quarantined": count_waiting(session),
            "incidents": incidents[:MAX_INCIDENTS],
            "open_count": len(incidents),
            "looks": HEALTH_BADGES,
            "words": HEALTH_LABELS,
            "pulse": Pulse(url_for("status.board"), include="#board > input"),
            "page_url": lambda number: url_for("status.page", page=number if number > 1 else None),
        }
