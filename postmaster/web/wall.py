"""The wall view of the board: read across the room, by a link that needs nobody to sign in and shows nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from postmaster.accounts.health import HEALTH_LABELS, UNWELL, Health
from postmaster.database import read_session, transaction
from postmaster.operations.wall import create_wall_link, opens_wall, revoke_wall_link
from postmaster.web.access import current_user, for_admins, polling, public
from postmaster.web.badges import HEALTH_BADGES, Badge
from postmaster.web.board import Board, board_of
from postmaster.web.chart import Chart, chart_of
from postmaster.web.context import Context
from postmaster.web.pulse import answer_to_beat, nobody_fetches, text_mark
from postmaster.web.times import age, asked_moment

blueprint = Blueprint("wall", __name__, url_prefix="/wall")

# Accounts that are not delivering mail, of which so many are shown large: more could not be read across a room.
MAX_TILES = 12


@dataclass(frozen=True, kw_only=True)
class WallContext(Context, templates=("status/wall.html",)):
    """The board, and what ``link`` opens it; ``mark`` is another one whenever it shows something else."""

    board: Board
    chart: Chart
    mark: str
    link: str
    looks: Mapping[Health, Badge]
    words: Mapping[Health, str]


@dataclass(frozen=True, kw_only=True)
class WallBeatContext(Context, templates=("status/_wall_live.html",), others=(WallContext,)):
    """A beat of the wall: whether what it shows has ``changed`` since it was told, ``answered_before`` at that time."""

    changed: bool
    answered_before: datetime | None


@blueprint.get("/<link>")
@public
def page(link: str) -> str:
    """The board without anything around it."""
    return _wall(link).render()


@blueprint.get("/<link>/board")
@polling
@public
def board(link: str) -> Response:
    """The board as it is by now."""
    wall = _wall(link)
    beat = WallBeatContext(changed=wall.mark != request.args.get("shown"), answered_before=asked_moment("at"))
    return answer_to_beat(beat.render("", wall))


def _wall(link: str) -> WallContext:
    with read_session() as session:
        if not opens_wall(session, link):
            abort(404)
        shown = board_of(session, most=MAX_TILES, only=UNWELL)
    chart = chart_of(shown.hours)
    return WallContext(
        board=shown, chart=chart, mark=_mark(shown, chart), link=link, looks=HEALTH_BADGES, words=HEALTH_LABELS
    )


def _mark(shown: Board, chart: Chart) -> str:
    """The mark of all that is shown, but for the times that are told by themselves."""
    oldest = shown.today.unanswered and age(shown.today.unanswered.created_at)
    marks = [each.mark for each in shown.accounts]
    told = shown.state, shown.verdict.headline, shown.others, shown.today, oldest, nobody_fetches(), marks, chart
    return text_mark(repr(told))


@blueprint.post("/create")
@for_admins
def create() -> ResponseReturnValue:
    """Create a link; the one before no longer works."""
    with transaction() as session:
        create_wall_link(session, current_user().name)
    flash("The wall view link is ready. Anyone with it sees the board without signing in.", "ok")
    return redirect(url_for("operation.page"), 303)


@blueprint.post("/revoke")
@for_admins
def revoke() -> ResponseReturnValue:
    """Revoke the link."""
    with transaction() as session:
        was_good = revoke_wall_link(session, current_user().name)
    flash("The link to the wall view is revoked." if was_good else "There was no link to the wall view.", "ok")
    return redirect(url_for("operation.page"), 303)
