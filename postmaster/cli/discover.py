"""``flask account discover``: the mail server of an address."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from postmaster import config
from postmaster.accounts.types import EMAIL_ADDRESS
from postmaster.cli.base import actor, guarded, plain, print_json
from postmaster.cli.one_account import description
from postmaster.database import transaction
from postmaster.resources.audit import audit
from postmaster.sources.discovery import CLUE_WORDS, Discovery, Tried
from postmaster.sources.discovery import discover as find


@click.command()
@click.argument("address", required=False)
@click.option("--stdin", "described", is_flag=True, hidden=True, help="Read the address from a document.")
@click.option("--by", hidden=True, help="Who asks for it in the pages, for the audit log.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
@guarded
def discover(address: str | None, described: bool, by: str | None, as_json: bool) -> None:
    """Find host, type and port of the mail server of an e-mail address.

    Known providers, the domain's SRV and MX records and usual names are tried; each server has to show a good
    certificate. Nothing secret is sent.

    \b
    Exit status: 0 a server was found, 1 none was, 2 wrong usage or configuration.
    """
    if (address is None) is not described:
        raise click.UsageError("Name the e-mail address.")
    given = description().get(EMAIL_ADDRESS.name, "") if address is None else address
    wanted = EMAIL_ADDRESS.parse(given)
    with transaction() as session:
        audit(session, by or actor(), "find-server", "account", wanted, {})
    result = find(wanted, config.current())
    if as_json:
        print_json(result.as_dict())
    else:
        _tell(result)
    sys.exit(0 if result.found and result.found.error is None else 1)


def _tell(result: Discovery) -> None:
    for tried in result.tried:
        click.echo(plain(_line(tried)))
    for note in result.notes:
        click.echo(plain(f"  → {note}"))
    if result.found and result.found.error is None:
        row = result.found.candidate
        click.echo(plain(f"Found: --type {row.type} --host {row.host} --port {row.port}, user name {row.login}"))
    else:
        click.echo("No server was found. Ask whoever runs the mailbox for its host, type and port.")


def _line(tried: Tried) -> str:
    row = tried.candidate
    outcome = tried.error.message if tried.error else "its certificate is good."
    return f"{'✗' if tried.error else '✓'} {row.type} {row.host}:{row.port} ({CLUE_WORDS[row.clue]}): {outcome}"
