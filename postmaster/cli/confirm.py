"""``flask account confirm``: let the schedule take a full mailbox for the first time."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from postmaster.accounts.service import AccountService
from postmaster.cli.base import actor, guarded
from postmaster.database import transaction
from postmaster.operations.requests import confirm_first_fetch
from postmaster.quantity import quantity


@click.command()
@click.argument("which", metavar="ACCOUNT")
@with_appcontext
@guarded
def confirm(which: str) -> None:
    """Confirm the first fetch of one account, by its id or label.

    All mail of its mailbox becomes tickets and is deleted on the server. It begins with the next run.
    """
    with transaction() as session:
        account = AccountService(session, actor()).find(which)
        count = confirm_first_fetch(session, account.id, actor())
    what = f"all mail of {account.label}, {quantity(count, 'message')}, becomes tickets and is deleted on the server"
    click.echo(f"Confirmed: {what}, from the next run on.")
