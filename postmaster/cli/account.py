"""``flask account``: the mail accounts."""

from __future__ import annotations

from postmaster.accounts.service import AccountService
from postmaster.cli.resources import ResourceCommands, resource_group

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
