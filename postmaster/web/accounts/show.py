"""The page of an account: how it stands, what arrived in the last day, when it was fetched, and its last runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from postmaster.accounts.health import HEALTH_LABELS, Health
from postmaster.accounts.models import MailAccount
from postmaster.accounts.types import ACCOUNT_TYPES, FOLDER
from postmaster.database import read_session, transaction
from postmaster.errors import InputError
from postmaster.fetching.counters import COUNTERS
from postmaster.fetching.overview import view_of
from postmaster.fetching.withheld import withheld_of
from postmaster.ledger.hourly_counts import mails_of_account, midnight
from postmaster.ledger.models import WithheldMail
from postmaster.operations.glance import Figures, figures
from postmaster.operations.progress import progress
from postmaster.operations.requests import confirm_first_fetch, request_fetch
from postmaster.operations.run_history import RunFilter, run_history
from postmaster.operations.uptime import Uptime, uptimes
from postmaster.quantity import quantity
from postmaster.web.access import current_user, for_admins, for_leads, polling
from postmaster.web.accounts.resource import ACCOUNT_PAGES, blueprint
from postmaster.web.accounts.row_state import Standing, pace, standing
from postmaster.web.badges import HEALTH_BADGES, Badge
from postmaster.web.chart import Chart, chart_of
from postmaster.web.context import Context
from postmaster.web.fetch_results import tell_results
from postmaster.web.pulse import Pulse, PulseContext
from postmaster.web.resources import missing
from postmaster.web.runs import RunTableContext, run_lines

# Runs that the page shows; the others are in the run history.
LAST_RUNS = 10


@dataclass(frozen=True, kw_only=True)
class AccountContext(PulseContext, RunTableContext, templates=("accounts/show.html",)):
    """All that the page shows. ``more`` runs are in the run history; without a number ``on_server`` is unknown."""

    account: MailAccount
    folder: str
    queue: str | None
    standing: Standing
    withheld: Sequence[WithheldMail]
    on_server: int | None
    chart: Chart
    uptime: Uptime | None
    more: bool
    looks: Mapping[Health, Badge]
    words: Mapping[Health, str]


@dataclass(frozen=True, kw_only=True)
class LiveAccountContext(Context, templates=("accounts/_show_live.html",), others=(AccountContext,)):
    """Whether anything has changed since it was shown."""

    changed: bool


@blueprint.get("/<id:number>/status")
@for_leads
def show(number: int) -> str:
    """The page."""
    with read_session() as session:
        return _context(session, number).render()


@blueprint.get("/<id:number>/status/live")
@polling
@for_leads
def show_live(number: int) -> str:
    """What has changed since it was shown; and the pulse, quick as long as anything is going on."""
    with read_session() as session:
        tell_results(session)
        found = _context(session, number)
    changed = request.values.get("shown") != found.standing.mark
    return LiveAccountContext(changed=changed).render("", found)


@blueprint.post("/<id:number>/confirm")
@for_admins
def confirm(number: int) -> ResponseReturnValue:
    """Confirm the first fetch of a mailbox."""
    try:
        with transaction() as session:
            account = _account(session, number)
            count = confirm_first_fetch(session, number, current_user().name)
    except InputError as error:
        flash(str(error), "fail")
    else:
        request_fetch([number], current_user().name)
        mail = f"all mail of {account.label}, {quantity(count, 'message')}, becomes tickets"
        flash(f"Confirmed: {mail}. It will be fetched next.", "ok")
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


def _context(session: Session, number: int) -> AccountContext:
    """All that the page shows, in as many queries whatever there is."""
    account = _account(session, number)
    row = ACCOUNT_PAGES.listing.row(session, number)
    going_on = progress(session).get(number)
    counted = figures(session, midnight(), [number]).get(number, Figures())
    runs = run_history(session, RunFilter(account_id=number), LAST_RUNS)
    seconds = pace(going_on is not None, [account])
    return AccountContext(
        account=account,
        folder=(account.folder or "INBOX") if ACCOUNT_TYPES[account.type].has(FOLDER) else "",
        queue=row.queue if row else None,
        standing=standing(account, going_on, counted),
        withheld=withheld_of(session, number),
        on_server=view_of(account).on_server,
        chart=chart_of(mails_of_account(session, number)),
        uptime=uptimes(session, [account]).get(number),
        lines=run_lines(runs.rows),
        run_counters=COUNTERS,
        more=runs.next is not None,
        looks=HEALTH_BADGES,
        words=HEALTH_LABELS,
        pulse=Pulse(url_for("accounts.show_live", number=number), seconds, "#standing [name=shown]"),
    )
