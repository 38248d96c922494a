"""``flask status``: how everything stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click
from flask.cli import with_appcontext

from postmaster.accounts.health import HEALTH_LABELS, WORST_FIRST
from postmaster.cli.base import Number, guarded, print_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session
from postmaster.fetching.overview import AccountView, Overview
from postmaster.operations.progress import Activity, Progress
from postmaster.operations.standing import MAX_ACCOUNTS, USUAL_ACCOUNTS, Standing, look_at_all
from postmaster.operations.today import Today
from postmaster.operations.verdict import Wrong
from postmaster.quantity import quantity

# Of the open incidents, the oldest: when a mail server is away, each of its accounts has one.
MAX_TOLD = 20


@click.command()
@click.option(
    "--limit",
    type=Number(1, MAX_ACCOUNTS),
    default=USUAL_ACCOUNTS,
    show_default=True,
    metavar="NUMBER",
    help="Accounts to name at most, those in trouble first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
@guarded
def status(limit: int, as_json: bool) -> None:
    """Show whether mail is being fetched, how the accounts stand, where the tickets are, and what is in quarantine.

    All accounts are counted by their health; to list all that stand alike: flask account list --health WORD.
    """
    with read_session() as session:
        standing = look_at_all(session, limit)
    if as_json:
        print_json(standing.as_json())
        return
    state = standing.state
    click.echo(f"{state.sentence} {state.advice}".rstrip())
    click.echo(f"{standing.verdict.headline}.")
    _print_incidents(standing.verdict.incidents)
    click.echo(_day(standing.today))
    click.echo()
    _print_accounts(standing)
    click.echo()
    _print_queues(standing.overview)


def _print_incidents(incidents: Sequence[Wrong]) -> None:
    for incident in incidents[:MAX_TOLD]:
        seen = f" (acknowledged by {incident.acknowledged_by}: {incident.note})" if incident.acknowledged_at else ""
        click.echo(f"Since {_short(incident.opened_at)} UTC: {incident.sentence}{seen}")
    if len(incidents) > MAX_TOLD:
        click.echo(f"And {len(incidents) - MAX_TOLD:,} more, see: flask alert list")


def _day(today: Today) -> str:
    """The figures of the day, in a line."""
    usual = "" if today.usual is None else f" (usually {today.usual} by now)"
    waited = today.waited
    waiting = f", half within {waited.half} s, 95 % within {waited.most} s" if waited else ""
    return f"Mail today: {today.mails}{usual}{waiting}. Tickets: {today.new_tickets} new, {today.open_tickets} open."


def _print_accounts(standing: Standing) -> None:
    """Those in trouble first, and how many there are of each health."""
    accounts, healths = standing.overview.accounts, standing.verdict.healths
    if not accounts:
        click.echo("There is no mail account. Add one with: flask account add --help")
        return
    rows = [
        (
            account.id,
            account.label,
            HEALTH_LABELS[account.health],
            _short(account.last_success),
            _next(account, standing.going_on.get(account.id)),
            account.backlog,
        )
        for account in accounts
    ]
    print_table(("Id", "Account", "Health", "Last success (UTC)", "Next run (UTC)", "Left"), rows)
    for account in accounts:
        if account.complaint:
            click.echo(f"{account.label}: {account.complaint}")
    if more := sum(healths.values()) - len(accounts):
        most = min(sum(healths.values()), MAX_ACCOUNTS)
        click.echo(f"And {quantity(more, 'more account')}; to see them: flask status --limit {most}")
    counts = (f"{healths[health]:,} {HEALTH_LABELS[health]}" for health in WORST_FIRST if health in healths)
    click.echo(f"Accounts: {', '.join(counts)}.")


def _print_queues(overview: Overview) -> None:
    """All tickets of a queue are told only where they were counted."""
    columns = "Queue", "Mail today", "Open tickets", "Tickets"
    told = ((queue, "not counted" if queue.tickets is None else queue.tickets) for queue in overview.queues)
    print_table(columns, ((queue.name, queue.today, queue.open, tickets) for queue, tickets in told))
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
