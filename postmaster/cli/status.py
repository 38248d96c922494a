"""``flask status``: how everything stands."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click
from flask.cli import with_appcontext

from postmaster.accounts.health import HEALTH_LABELS
from postmaster.cli.base import guarded, print_json, print_table
from postmaster.database import reading
from postmaster.extensions import Json
from postmaster.intake.overview import Overview, look_over


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
@guarded
def status(as_json: bool) -> None:
    """Show how the accounts stand, where the tickets are, and what is in quarantine."""
    with reading() as session:
        overview = look_over(session)
    if as_json:
        print_json(_describe(overview))
    else:
        _print(overview)


def _describe(overview: Overview) -> Json:
    accounts = [
        {**asdict(account), "last_run": _iso(account.last_run), "last_success": _iso(account.last_success)}
        for account in overview.accounts
    ]
    queues = [asdict(queue) for queue in overview.queues]
    return {"accounts": accounts, "queues": queues, "quarantined": overview.quarantined}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _print(overview: Overview) -> None:
    if not overview.accounts:
        click.echo("There is no mail account. Add one with: flask account add --help")
    else:
        rows = [
            (account.id, account.label, HEALTH_LABELS[account.health], _short(account.last_success), account.backlog)
            for account in overview.accounts
        ]
        print_table(("Id", "Account", "Health", "Last success (UTC)", "Left"), rows)
        for account in overview.accounts:
            if account.error:
                click.echo(f"{account.label}: {account.error}")
    click.echo()
    print_table(("Queue", "Tickets"), [(queue.name, queue.tickets) for queue in overview.queues])
    if overview.quarantined:
        click.echo(f"\nIn quarantine: {overview.quarantined} messages.")


def _short(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"
