"""Fetch now, and the rows of the list while accounts are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from postmaster.accounts.models import MailAccount
from postmaster.database import read_session
from postmaster.operations.progress import progress
from postmaster.operations.requests import ANSWER_TEXTS, WELL, request_fetch
from postmaster.operations.run_history import last_ended
from postmaster.web.access import current_user, for_admins, polling
from postmaster.web.accounts.resource import ACCOUNT_PAGES, AccountCells, account_cells, blueprint
from postmaster.web.accounts.row_state import list_pulse, mark_of
from postmaster.web.accounts.show import answer_on_page
from postmaster.web.fetch_results import await_fetch, request_together, tell_results
from postmaster.web.guide import Guide, guide_of
from postmaster.web.lists import next_url
from postmaster.web.pulse import PulseContext, shown_marks
from postmaster.web.resources import FieldRow, Resource, existing, line_of
from postmaster.web.status import board


@dataclass(frozen=True, kw_only=True)
class LiveRowsContext(PulseContext, templates=("accounts/_live.html",), others=(AccountCells,)):
    """The rows that have changed, and the first steps if they have."""

    resource: Resource
    lines: Sequence[FieldRow]
    guide: Guide | None


@blueprint.post("/<id:number>/fetch")
@for_admins
def fetch(number: int) -> ResponseReturnValue:
    """Request a fetch of one account."""
    with read_session() as session:
        label = existing(ACCOUNT_PAGES.serve(session), number).label
        before = last_ended(session, number)
    requested = request_fetch([number], current_user().name)
    answer = requested.answers[number]
    if answer in WELL:
        await_fetch(number, before)
    sentence = ANSWER_TEXTS[answer].format(label=label)
    if answer in WELL and not requested.state.ok:
        flash(f"{sentence} {requested.state.sentence} {requested.state.advice}", "fail")
    else:
        flash(sentence, "ok" if answer in WELL else "fail")
    return _answer_at(next_url(), number)


@blueprint.post("/fetch")
@for_admins
def fetch_all() -> ResponseReturnValue:
    """Request a fetch of all accounts."""
    requested = request_together(None)
    flash(requested.sentence, "ok" if requested.state.ok else "fail")
    return _answer()


def _answer_at(back: str | None, number: int) -> ResponseReturnValue:
    """Back to where it was pressed: the list, the board, or the page of the account."""
    if back is None:
        return _answer()
    if urlsplit(back).path != url_for("status.page"):
        return answer_on_page(number)
    return board() if "HX-Request" in request.headers else redirect(back, 303)


def _answer() -> ResponseReturnValue:
    """Back to the list; htmx stays there, and gets what has changed."""
    return live() if "HX-Request" in request.headers else redirect(ACCOUNT_PAGES.url(), 303)


@blueprint.get("/live")
@polling
@for_admins
def live() -> str:
    """The rows that have changed since they were shown; and the pulse, quick as long as anything is going on."""
    shown = shown_marks()
    with read_session() as session:
        tell_results(session)
        going_on = progress(session)
        service, listing = ACCOUNT_PAGES.serve(session), ACCOUNT_PAGES.listing
        rows = session.execute(listing.query.where(MailAccount.id.in_(shown))).all() if shown else []
        changed = [
            line_of(service, row) for row in rows if mark_of(row[0], going_on.get(row[0].id)) != shown[row[0].id]
        ]
        cells = account_cells(session, [line.record for line in changed])
        seen = request.values.get("guided")
        guide = None if seen is None else guide_of(session, going_on)
    changed_guide = guide if guide and guide.mark != seen else None
    pulse = list_pulse(going_on, [row[0] for row in rows])
    context = LiveRowsContext(pulse=pulse, resource=ACCOUNT_PAGES, lines=changed, guide=changed_guide)
    return context.render("", cells)
