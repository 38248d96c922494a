"""The wall view of the board: read across the room, by a link that needs nobody to sign in and shows nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from postmaster.accounts.health import HEALTH_LABELS, UNWELL, Health
from postmaster.database import read_session, transaction
from postmaster.operations.wall import create_wall_link, opens_wall, revoke_wall_link
from postmaster.web.access import current_user, for_admins, polling, public
from postmaster.web.badges import HEALTH_BADGES, Badge
from postmaster.web.board import Board, board_of
from postmaster.web.chart import Chart, chart_of
from postmaster.web.context import Context

blueprint = Blueprint("wall", __name__, url_prefix="/wall")

# Accounts that are not delivering mail, of which so many are shown large: more could not be read across a room.
MAX_TILES = 12


@dataclass(frozen=True, kw_only=True)
class WallContext(Context, templates=("status/wall.html", "status/_wall_board.html")):
    """The board, and what ``link`` opens it; on a page that is there already if it is ``renewed_alone``."""

    board: Board
    chart: Chart
    renewed_alone: bool
    link: str
    looks: Mapping[Health, Badge]
    words: Mapping[Health, str]


@blueprint.get("/<link>")
@public
def page(link: str) -> str:
    """The board without anything around it."""
    return _render("status/wall.html", link)


@blueprint.get("/<link>/board")
@polling
@public
def board(link: str) -> str:
    """The board alone, as it is by now."""
    return _render("status/_wall_board.html", link)


def _render(template: str, link: str) -> str:
    with read_session() as session:
        if not opens_wall(session, link):
            abort(404)
        shown = board_of(session, most=MAX_TILES, only=UNWELL)
        context = WallContext(
            board=shown,
            chart=chart_of(shown.hours),
            renewed_alone=template != "status/wall.html",
            link=link,
            looks=HEALTH_BADGES,
            words=HEALTH_LABELS,
        )
    return context.render(template)


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
