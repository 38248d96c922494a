"""The page of an account: how it stands, what arrived in the last day, and its last runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from postmaster.accounts.health import HEALTH_LABELS
from postmaster.accounts.models import MailAccount
from postmaster.accounts.types import ACCOUNT_TYPES, FOLDER
from postmaster.database import read_session, transaction
from postmaster.errors import InputError
from postmaster.fetching.overview import view_of
from postmaster.fetching.withheld import withheld_of
from postmaster.ledger.hourly_counts import mails_by_hour
from postmaster.operations.glance import Figures, figures
from postmaster.operations.progress import progress
from postmaster.operations.requests import confirm_first_fetch, request_fetch
from postmaster.operations.run_history import RunFilter, run_history
from postmaster.web.access import current_user, for_admins, for_leads, polling
from postmaster.web.accounts.chart import chart_of
from postmaster.web.accounts.resource import ACCOUNT_PAGES, blueprint
from postmaster.web.accounts.row_state import pace, standing
from postmaster.web.badges import HEALTH_BADGES
from postmaster.web.pulse import Pulse
from postmaster.web.resources import missing
from postmaster.web.runs import run_lines
from postmaster.web.times import midnight

# Runs that the page shows; the others are in the run history.
LAST_RUNS = 10


@blueprint.get("/<id:number>/status")
@for_leads
def show(number: int) -> str:
    """The page."""
    with read_session() as session:
        found = _look(session, number)
    return render_template("accounts/show.html", **found)


@blueprint.get("/<id:number>/status/live")
@polling
@for_leads
def show_live(number: int) -> str:
    """What has changed since it was shown; and the pulse, quick as long as anything is going on."""
    with read_session() as session:
        found = _look(session, number)
    changed = request.values.get("shown") != found["standing"].mark
    return render_template("accounts/_show_live.html", changed=changed, **found)


@blueprint.post("/<id:number>/confirm")
@for_admins
def confirm(number: int) -> ResponseReturnValue:
    """Have all mail of a mailbox fetched that was never fetched before."""
    try:
        with transaction() as session:
            account = _account(session, number)
            count = confirm_first_fetch(session, number, current_user().name)
    except InputError as error:
        flash(str(error), "fail")
    else:
        request_fetch([number], current_user().name)
        flash(f"Confirmed: all {count:,} messages of {account.label} become tickets. It is fetched next.", "ok")
    return answer_on_page(number)


def answer_on_page(number: int) -> ResponseReturnValue:
    """Back to the page; htmx stays there, and gets what has changed."""
    if "HX-Request" in request.headers:
        return show_live(number)
    return redirect(url_for("accounts.show", number=number), 303)


def _account(session: Session, number: int) -> MailAccount:
    account = session.get(MailAccount, number)
    if account is None:
        raise missing(ACCOUNT_PAGES.serve(session))
    return account


def _look(session: Session, number: int) -> Mapping[str, Any]:
    """All that the page shows, in as many queries whatever there is."""
    account = _account(session, number)
    row = ACCOUNT_PAGES.listing.row(session, number)
    going_on = progress(session).get(number)
    counted = figures(session, midnight(), [number]).get(number, Figures())
    runs = run_history(session, RunFilter(account_id=number), LAST_RUNS)
    busy = {} if going_on is None else {number: going_on}
    return {
        "account": account,
        "folder": (account.folder or "INBOX") if ACCOUNT_TYPES[account.type].has(FOLDER) else "",
        "queue": row.queue if row else None,
        "standing": standing(account, going_on, counted),
        "withheld": withheld_of(session, number),
        "on_server": view_of(account).on_server,
        "chart": chart_of(mails_by_hour(session, number)),
        "lines": run_lines(runs.rows),
        "more": runs.next is not None,
        "looks": HEALTH_BADGES,
        "words": HEALTH_LABELS,
        "pulse": Pulse(url_for("accounts.show_live", number=number), pace(busy), "#standing [name=shown]"),
    }
