"""The demo from beginning to end: accounts, sample mail, a fetch, and what became of it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
from flask import Flask

from bin.launcher.children import Children
from bin.launcher.services import StartError
from demo import report, server
from demo.proof import fetched_accounts, missing, prove, stored
from demo.samples import INVOICES, ORDERS_ADDRESS, PLAN, SUPPORT, SUPPORT_ADDRESS, samples
from postmaster import create_app
from postmaster.database import prepare_database

DATA_DIR = Path("instance-demo")

# What the demo must not take over from the real installation, be it set in the environment or in .env.
REAL_SETTINGS = (
    "POSTMASTER_DATABASE_URL",
    "POSTMASTER_REDIS_URL",
    "POSTMASTER_SECRET_KEY",
    "POSTMASTER_CREDENTIAL_KEYS",
    "POSTMASTER_CA_FILE",
    "POSTMASTER_PUBLIC_URL",
    "POSTMASTER_ALERT_TARGETS",
    "POSTMASTER_METRICS_TOKEN",
)

QUEUES = ("Sales::Orders", "Support", "Finance::Invoices")
ADDRESSES = ((ORDERS_ADDRESS, "Orders", "Sales::Orders"), (SUPPORT_ADDRESS, "Support", "Support"))
ACCOUNTS = (
    (SUPPORT, ("--dispatching", "to", "--comment", "Dispatching by To: field")),
    (INVOICES, ("--dispatching", "queue", "--queue", "Finance::Invoices", "--comment", "Dispatching by Queue")),
)


class CommandError(StartError):
    """A command of the demo did not do what it should."""


def demo_environment() -> dict[str, str]:
    """What to set so that web and commands work on the demo's data, and on nothing else."""
    own = {"POSTMASTER_DATA_DIR": str(DATA_DIR.absolute()), "FLASK_APP": "postmaster", "FLASK_SKIP_DOTENV": "1"}
    return dict.fromkeys(REAL_SETTINGS, "") | own


def play(children: Children, *, flowing: bool = False) -> int:
    """Fetch the sample mail and show what became of it. Returns 0, or 1 if anything was lost, doubled or left.

    With ``flowing`` more mail arrives from then on, for the worker to fetch.

    A mailbox is filled until it was fetched to its end, and never again. Until then it gets what is not recorded yet:
    the server forgets its mail, so after a run that was cut short the rest would be missing for ever.
    """
    app = create_app()
    everything = samples()
    with app.app_context():
        prepare_database()
        done = fetched_accounts()
        to_put_in = missing([sample for sample in everything if _label(sample.mailbox) not in done], stored().together)
    port = server.free_port()
    children.start("The sample mail server", [sys.executable, "-m", "demo.server", str(port)], os.environ)
    _prepare(Commands(app), port)
    for mailbox in PLAN:
        server.put_in(port, mailbox, [sample.raw for sample in to_put_in if sample.mailbox == mailbox])
    click.echo(f"{len(to_put_in)} of {len(everything)} sample messages were put into {len(PLAN)} mailboxes.")
    click.echo("$ flask fetch")
    code = children.run("flask fetch", [sys.executable, "-m", "flask", "fetch"], os.environ)
    with app.app_context():
        proof = prove(everything, stored(), waiting=sum(server.count(port, mailbox) for mailbox in PLAN))
        report.show(proof)
    if flowing:
        children.start("The sample customers", [sys.executable, "-m", "demo.flow", str(port)], os.environ)
        click.echo("A new message arrives every 20 seconds, and the worker fetches every minute.")
    return 0 if code == 0 and proof.holds else 1


def _label(mailbox: str) -> str:
    return f"{mailbox}@{server.HOST}"


class Commands:
    """The command line, inside this process: a dozen commands would take ten seconds as processes of their own."""

    def __init__(self, app: Flask) -> None:
        self._runner = app.test_cli_runner()

    def run(self, *words: str, given: str | None = None) -> str:
        """What ``flask WORDS`` prints, with ``given`` on standard input. Raises CommandError."""
        result = self._runner.invoke(args=words, input=given)
        if result.exit_code:
            raise CommandError(f"flask {' '.join(words)}: {result.output}")
        return result.stdout

    def listed(self, noun: str, key: str) -> set[Any]:
        """The values of ``key`` of all things of a kind."""
        return {json.loads(line)[key] for line in self.run(noun, "list", "--json").splitlines()}


def _prepare(commands: Commands, port: int) -> None:
    """Add what is missing: queues, addresses, credentials, accounts. The server's port is another one each time."""
    labels = commands.listed("account", "label")
    for name in sorted(set(QUEUES) - commands.listed("queue", "name")):
        commands.run("queue", "add", "--name", name)
    addresses = commands.listed("address", "address")
    for address, name, queue in ADDRESSES:
        if address not in addresses:
            commands.run("address", "add", "--address", address, "--name", name, "--queue", queue)
    if not labels:
        commands.run("setting", "set", "FetchIntervalMinutes", "1")
    for name in sorted(set(PLAN) - commands.listed("credential", "name")):
        words = ("--kind", "basic", "--name", name, "--username", name, "--password-stdin")
        commands.run("credential", "add", *words, given=server.PASSWORD)
    for name, options in ACCOUNTS:
        label, where = _label(name), ("--port", str(port))
        if label in labels:
            commands.run("account", "set", label, *where)
        else:
            words = ("--type", "IMAP", "--host", server.HOST, "--credential", name, *where, *options)
            commands.run("account", "add", *words)
