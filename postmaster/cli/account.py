"""``flask account``: the mail accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from postmaster.accounts.listing import ACCOUNTS
from postmaster.accounts.models import MailAccount
from postmaster.accounts.pause import REASON, pause, resume
from postmaster.accounts.service import AccountService
from postmaster.cli.base import actor
from postmaster.cli.lazy import LazyCommand
from postmaster.cli.resources import ResourceCommands, resource_group
from postmaster.database import transaction

# What asks a mail server.
ON_THE_SERVER = (
    LazyCommand("test", "probe:test", "Test the connection of one account, by its id or label, stage by stage."),
    LazyCommand(
        "certificate",
        "server_checks:certificate",
        "Show the certificate of an account's server, trusted or not; nothing secret is sent.",
    ),
    LazyCommand(
        "folders",
        "server_checks:folders",
        "List the folders of an account's mailbox that can hold mail, as they are entered in IMAP Folder.",
    ),
    LazyCommand(
        "preview",
        "server_checks:preview",
        "Show what would happen to the next messages of an account; change neither database nor server.",
    ),
    LazyCommand("confirm", "confirm:confirm", "Confirm the first fetch of one account, by its id or label."),
    LazyCommand("discover", "discover:discover", "Find host, type and port of the mail server of an e-mail address."),
)

group = resource_group(
    ResourceCommands(
        service=AccountService,
        columns=("id", "label", "type", "queue", "tags", "validity", "health", "comment"),
        several="mail accounts",
        called="label (user@host, with /folder if it has one)",
        delete_help="Delete one account. Mail on the server, tickets and past runs stay.",
        import_help="An account is recognised by its mailbox: server, login and folder; without credential, by label.",
        listing=ACCOUNTS,
        copies=True,
    )
)
for command in ON_THE_SERVER:
    group.add_command(command)


def _each(names: Sequence[str], act: Callable[[AccountService, MailAccount], bool], done: str, so_before: str) -> None:
    """Do ``act`` to each account, or to none of them if one is not there, and say what became of it."""
    with transaction() as session:
        service = AccountService(session, actor())
        accounts = [service.find(name) for name in names]
        lines = [f"{account.label} {done if act(service, account) else so_before}." for account in accounts]
    click.echo("\n".join(lines))


@group.command("pause")
@click.argument("accounts", metavar="ACCOUNT…", nargs=-1, required=True)
@click.option(REASON.option, REASON.name, default="", metavar=REASON.metavar, help=f"{REASON.help}  [mandatory]")
def pause_accounts(accounts: Sequence[str], reason: str) -> None:
    """Fetch no more mail of some accounts until they are resumed; runs end after their current batch."""
    _each(accounts, lambda service, account: pause(service, account, reason), "is paused", "was paused already")


@group.command("resume")
@click.argument("accounts", metavar="ACCOUNT…", nargs=-1, required=True)
def resume_accounts(accounts: Sequence[str]) -> None:
    """Fetch mail of some accounts again; what was due meanwhile is due at once."""
    _each(accounts, resume, "is fetched again", "was not paused")
