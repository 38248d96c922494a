"""``flask status``: how everything stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import click
from flask.cli import with_appcontext

from postmaster.accounts.health import HEALTH_LABELS
from postmaster.cli.base import guarded, print_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session
from postmaster.fetching.overview import AccountView, Overview
from postmaster.operations.progress import Activity, Progress
from postmaster.operations.standing import look_at_all
from postmaster.operations.today import Today
from postmaster.quantity import quantity


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
@guarded
def status(as_json: bool) -> None:
    """Show whether mail is being fetched, how the accounts stand, where the tickets are, and what is in quarantine."""
    with read_session() as session:
        standing = look_at_all(session)
    if as_json:
        print_json(standing.as_json())
        return
    overview, state, going_on, verdict = standing.overview, standing.state, standing.going_on, standing.verdict
    click.echo(f"{state.sentence} {state.advice}".rstrip())
    click.echo(f"{verdict.headline}.")
    for incident in verdict.incidents:
        seen = f" (acknowledged by {incident.acknowledged_by}: {incident.note})" if incident.acknowledged_at else ""
        click.echo(f"Since {_short(incident.opened_at)} UTC: {incident.sentence}{seen}")
    click.echo(_day(standing.today))
    click.echo()
    _print(overview, going_on)


def _day(today: Today) -> str:
    """The figures of the day, in a line."""
    usual = "" if today.usual is None else f" (usually {today.usual} by now)"
    waited = today.waited
    waiting = f", half within {waited.half} s, 95 % within {waited.most} s" if waited else ""
    return f"Mail today: {today.mails}{usual}{waiting}. Tickets: {today.new_tickets} new, {today.open_tickets} open."


def _print(overview: Overview, going_on: Mapping[int, Progress]) -> None:
    if not overview.accounts:
        click.echo("There is no mail account. Add one with: flask account add --help")
    else:
        rows = [
            (
                account.id,
                account.label,
                HEALTH_LABELS[account.health],
                _short(account.last_success),
                _next(account, going_on.get(account.id)),
                account.backlog,
            )
            for account in overview.accounts
        ]
        print_table(("Id", "Account", "Health", "Last success (UTC)", "Next run (UTC)", "Left"), rows)
        for account in overview.accounts:
            if account.complaint:
                click.echo(f"{account.label}: {account.complaint}")
    click.echo()
    columns = "Queue", "Mail today", "Open tickets", "Tickets"
    print_table(columns, [(queue.name, queue.today, queue.open, queue.tickets) for queue in overview.queues])
    if overview.quarantined:
        click.echo(f"\nIn quarantine: {quantity(overview.quarantined, 'message')}.")


def _next(account: AccountView, progress: Progress | None) -> str:
    if progress is None:
        return f"{account.next_run:%Y-%m-%d %H:%M}" if account.next_run else ""
    if progress.activity is Activity.QUEUED:
        return "queued"
    return f"running, {progress.done} of {progress.expected}"


def _short(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"
