"""Operation: what is wrong and who knows, the pause, who is told, and the link to the wall view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired

from postmaster import config
from postmaster.database import read_session, transaction
from postmaster.errors import InputError, PostMasterError
from postmaster.fetching.pause import current_pause, pause_fetching, resume_fetching
from postmaster.ledger.models import FetchPause
from postmaster.limits import limited
from postmaster.operations.acknowledging import NOTE, acknowledge
from postmaster.operations.targets import Target, alert_targets
from postmaster.operations.verdict import Wrong, still_wrong
from postmaster.operations.wall import wall_token
from postmaster.quantity import quantity
from postmaster.resources.numbers import read_id
from postmaster.web.access import current_user, for_admins
from postmaster.web.context import Context
from postmaster.web.forms import Form
from postmaster.web.lists import wants_fragment
from postmaster.web.resources import ResourceListContext, listed
from postmaster.web.targets import TARGET_PAGES, TargetCells

blueprint = Blueprint("operation", __name__, url_prefix="/operation")

# Of the open incidents, those that are shown: when a mail server is away, each of its accounts has one.
MAX_INCIDENTS = 100

# How often an admin may have test messages sent.
TESTS = "20 per minute"


class PauseForm(Form):
    """Why all fetching is to be paused."""

    reason = StringField(
        "Reason", [InputRequired("Say why, so that others know.")], render_kw={"maxlength": 500, "required": True}
    )


class NoteForm(Form):
    """What is done about incidents."""

    note = StringField(NOTE.label, render_kw={"maxlength": 500, "required": True, "autocomplete": "off"})


@dataclass(frozen=True, kw_only=True)
class OperationContext(
    Context, templates=("operation/page.html", "resources/_list.html"), others=(ResourceListContext, TargetCells)
):
    """The page. Of the ``open_count`` incidents, ``incidents`` are shown, ``chosen`` are ticked. ``environment`` are
    the targets that are set there, ``told`` is whether there is any. ``link`` is what the wall's link ends in.
    """

    pause_form: PauseForm
    note_form: NoteForm
    pause: FetchPause | None
    incidents: Sequence[Wrong]
    open_count: int
    chosen: set[int]
    environment: Sequence[Target]
    told: bool
    zone: str
    link: str | None


@blueprint.get("")
@for_admins
def page() -> str:
    """The page, or the list of targets alone."""
    return _page(PauseForm(), NoteForm())


@blueprint.post("/pause")
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
    return _page(form, NoteForm(formdata=None)), form.status()


@blueprint.post("/resume")
@for_admins
def resume() -> ResponseReturnValue:
    """Resume fetching, and show how mail comes again."""
    with transaction() as session:
        paused = resume_fetching(session, current_user().name)
    flash("Mail is fetched again." if paused else "Fetching was not paused.", "ok")
    return redirect(url_for("status.page"), 303)


@blueprint.post("/acknowledge")
@for_admins
def acknowledge_chosen() -> ResponseReturnValue:
    """Acknowledge the incidents that are ticked."""
    form = NoteForm()
    chosen = {number for text in request.form.getlist("incident") if (number := read_id(text))}
    try:
        with transaction() as session:
            done = len(acknowledge(session, chosen, str(form.note.data or ""), current_user().name))
    except InputError as error:
        form.note.errors = (str(error),)
        form.focus_first_refused()
        return _page(PauseForm(formdata=None), form, chosen), HTTPStatus.UNPROCESSABLE_ENTITY
    except PostMasterError as error:
        flash(str(error), "fail")
    else:
        words = quantity(done, "incident is", "incidents are")
        flash(f"{words} acknowledged. Nothing more is sent about it unless it gets worse.", "ok")
    return redirect(url_for(".page"), 303)


@blueprint.post("/test")
@limited(TESTS)
@for_admins
def try_alerts() -> ResponseReturnValue:
    """Send a message to one target, or to each, and say which took it."""
    wanted = request.form.get("target", "")
    with read_session() as session:
        targets = [target for target in alert_targets(session) if wanted in ("", target.key)]
    for target in targets:
        taken = target.try_out(current_user().name)
        outcome = "got the test message" if taken else "did NOT get it: check its address, and that it can be reached"
        flash(f"The alert target “{target.label}” {outcome}.", "ok" if taken else "fail")
    if not targets:
        flash("There is no such target any more, or it is not valid.", "fail")
    return redirect(url_for(".page"), 303)


def _page(pause_form: PauseForm, note_form: NoteForm, chosen: set[int] | None = None) -> str:
    with read_session() as session:
        targets, cells = listed(TARGET_PAGES, session)
        if wants_fragment():
            return targets.render("resources/_list.html", cells)
        wrong = sorted(still_wrong(session), key=lambda each: each.acknowledged_at is not None)
        all_targets = alert_targets(session)
        context = OperationContext(
            pause_form=pause_form,
            note_form=note_form,
            pause=current_pause(session),
            incidents=wrong[:MAX_INCIDENTS],
            open_count=len(wrong),
            chosen=chosen or set(),
            environment=[target for target in all_targets if target.of_environment],
            told=bool(all_targets),
            zone=str(config.current().time_zone),
            link=wall_token(session),
        )
    return context.render("", targets, cells)
