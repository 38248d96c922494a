"""``flask pause``: the one switch for all fetching."""

from __future__ import annotations

import click

from postmaster.cli.base import Group, actor, print_json
from postmaster.cli.resources import as_json
from postmaster.database import read_session, transaction
from postmaster.fetching.pause import REASON, current_pause, pause_fetching, pause_json, paused_error, resume_fetching

group = Group("pause", help="Pause all fetching: of the worker, of Fetch now, and of “flask fetch”.")


@group.command("on")
@click.option(REASON.option, REASON.name, default="", metavar=REASON.metavar, help=f"{REASON.help}  [mandatory]")
def on(reason: str) -> None:
    """Pause all fetching; runs end after their current batch."""
    with transaction() as session:
        pause_fetching(session, reason, actor())


@group.command("off")
def off() -> None:
    """Resume fetching."""
    with transaction() as session:
        resumed = resume_fetching(session, actor())
    click.echo("Mail is fetched again." if resumed else "Fetching was not paused.")


@group.command("status")
@as_json
def status(json_: bool) -> None:
    """Say whether all fetching is paused, by whom and why."""
    with read_session() as session:
        pause = current_pause(session)
    if json_:
        print_json(pause_json(pause))
    else:
        click.echo(str(paused_error(pause)) if pause else "Fetching is not paused.")
