"""``flask customer``: the customer directory."""

from __future__ import annotations

from typing import IO

import click

from postmaster.cli.base import Group, actor, print_json
from postmaster.cli.resources import as_json
from postmaster.database import read_session, transaction
from postmaster.desk.customer_file import DirectoryFile, apply_directory, as_csv
from postmaster.desk.customers import all_customers, find_customer
from postmaster.errors import NotFoundError
from postmaster.parsing.address_key import address_key
from postmaster.quantity import quantity

group = Group("customer", help="Manage the customer directory: addresses with customer login and number.")


@group.command("import")
@click.argument("file", type=click.File("rb"), default="-", metavar="[FILE|-]")
@click.option("--yes", is_flag=True, help="Even if the file lacks more than half of the present entries.")
@click.option("--dry-run", is_flag=True, help="Only check the file.")
def import_(file: IO[bytes], yes: bool, dry_run: bool) -> None:
    """Replace the directory by FILE or standard input (CSV with the columns address, login and number), all or nothing.

    An address may be *@example.com, for all addresses of a domain that have no entry of their own. Number may be empty.
    """
    with DirectoryFile(file) as rows:
        if dry_run:
            click.echo(f"{quantity(len(rows), 'entry is', 'entries are')} right. Nothing was changed.")
            return
        with transaction() as session:
            done = apply_directory(session, rows, actor(), confirmed=yes)
    click.echo(
        f"The directory has {quantity(done.entries, 'entry', 'entries')}; {done.dropped} of those before are gone."
    )


@group.command("export")
def export() -> None:
    """Print the directory as CSV, for “flask customer import”."""
    with read_session() as session:
        for piece in as_csv(all_customers(session)):
            click.echo(piece, nl=False)


@group.command("show")
@click.argument("address")
@as_json
def show(address: str, json_: bool) -> None:
    """Print whose login and number mail from ADDRESS gets."""
    with read_session() as session:
        entry = find_customer(session, address)
    if entry is None:
        advice = "Its mail is that of the address itself. Add it to the file, and run: flask customer import FILE"
        raise NotFoundError("unknown-customer", f"The directory has no entry for {address}.", advice)
    row = {"address": address_key(address), "entry": entry.address, "login": entry.login, "number": entry.number}
    if json_:
        print_json(row)
    else:
        click.echo(f"{entry.login}, number {entry.number or '-'}, by {entry.address}")
