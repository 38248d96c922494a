"""The command line: thin click commands (docs/reference.md#commands is the contract)."""

from __future__ import annotations

from flask import Flask

from postmaster.cli.lazy import LazyCommand

# Where each command is, and the sentence that its own help begins with. Nothing of it is imported before it is called.
COMMANDS = (
    LazyCommand("account", "account:group", "Manage the mail accounts."),
    LazyCommand("address", "address:group", "Manage the system addresses."),
    LazyCommand("alert", "alert:group", "Show and acknowledge incidents, and manage where alerts are sent."),
    LazyCommand("credential", "credential:group", "Manage the credentials."),
    LazyCommand(
        "customer", "customer:group", "Manage the customer directory: addresses with customer login and number."
    ),
    LazyCommand("erase", "erase:erase", "Remove mail for good: tickets, articles, sources, and what is in quarantine."),
    LazyCommand("event", "event:group", "See what happened, as other programs are told."),
    LazyCommand("fetch", "fetch:fetch", "Fetch mail now: of all valid accounts, or of those that are named."),
    LazyCommand("filter", "filters:group", "Manage the postmaster filters."),
    LazyCommand("import", "import_otrs:group", "Take over from another system."),
    LazyCommand("mail", "mail:group", "Find received mail and see what happened to it."),
    LazyCommand("outlet", "outlet:group", "Manage the outlets."),
    LazyCommand("pause", "pause:group", "Pause all fetching: of the worker, of Fetch now, and of “flask fetch”."),
    LazyCommand("quarantine", "quarantine:group", "Manage messages that could not become tickets."),
    LazyCommand("queue", "queue:group", "Manage the queues."),
    LazyCommand(
        "read", "read:read", "Take one message from standard input, as a mail transfer agent's pipe hands it over."
    ),
    LazyCommand("setting", "setting:group", "Manage the system configuration."),
    LazyCommand(
        "status",
        "status:status",
        "Show whether mail is being fetched, how the accounts stand, where the tickets are, and what is in quarantine.",
    ),
    LazyCommand("ticket", "ticket:group", "Look at tickets, and change them."),
    LazyCommand("token", "token:group", "Manage what programs sign in to the API with."),
    LazyCommand("user", "user:group", "Manage who may sign in to the pages."),
)

# Those of Flask-Migrate, which are described in its own manual.
MIGRATION_COMMANDS = LazyCommand("db", "migrations:group", "Perform database migrations.")


def init_app(app: Flask) -> None:
    """Register the commands."""
    for command in (*COMMANDS, MIGRATION_COMMANDS):
        app.cli.add_command(command)
