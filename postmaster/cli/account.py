"""``flask account``: the mail accounts."""

from __future__ import annotations

from postmaster.accounts.service import AccountService
from postmaster.cli.lazy import LazyCommand
from postmaster.cli.resources import ResourceCommands, resource_group

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
)

group = resource_group(
    ResourceCommands(
        service=AccountService,
        columns=("id", "label", "type", "queue", "validity", "health", "comment"),
        several="mail accounts",
        called="label (user@host, with /folder if it has one)",
        delete_help="Delete one account. Mail on the server, tickets and past runs stay.",
        import_help="An account is recognised by its mailbox: server, login and folder; without credential, by label.",
    )
)
for command in ON_THE_SERVER:
    group.add_command(command)
