"""``flask import``: taking over from other systems."""

from __future__ import annotations

import sys
from typing import IO

import click

from postmaster.cli.base import Group, actor, plain, print_json
from postmaster.cli.resources import as_json
from postmaster.database import transaction
from postmaster.otrs.dump import Dump, read_dump
from postmaster.otrs.importer import take_over
from postmaster.otrs.report import ImportLine, ImportReport, Taken

group = Group("import", help="Take over from another system.")

EXIT_BY_HAND = 1


class TakenBack(Exception):  # noqa: N818 - nothing went wrong
    """Ends a dry run's transaction."""


@group.command("otrs")
@click.argument("file", type=click.File("rb"), metavar="FILE|-")
@click.option("--dry-run", is_flag=True, help="Show what would become of each row; change nothing.")
@as_json
def otrs(file: IO[bytes], dry_run: bool, json_: bool) -> None:
    """Take over mail accounts, queues, addresses, filters and settings from a dump of OTRS, Znuny or OTOBO.

    FILE holds their tables as mysqldump or pg_dump write them; docs/import-otrs.md says how. What can be taken is
    taken, in one transaction; each row that cannot is named with the reason. Doing it twice changes nothing.

    \b
    Exit status: 0 everything was taken, 1 something needs a hand, 2 the dump cannot be used.
    """
    dump = read_dump(file)
    report = _take_over(dump, dry_run=dry_run)
    if json_:
        for line in report.lines:
            print_json(line.as_json())
    else:
        _print(report, dry_run=dry_run)
    sys.exit(EXIT_BY_HAND if any(report.by_hand()) else 0)


def _take_over(dump: Dump, *, dry_run: bool) -> ImportReport:
    taking = None
    try:
        with transaction() as session:
            taking = take_over(session, dump, actor())
            if dry_run:
                raise TakenBack
    except TakenBack:
        pass
    if taking is None:
        raise AssertionError("nothing was taken over")
    if not dry_run:
        taking.try_credentials()
    return taking.report


def _print(report: ImportReport, *, dry_run: bool) -> None:
    for line in report.lines:
        click.echo(_sentence(line))
    counts = report.counts()
    words = ", ".join(f"{counts[taken]} {taken.value.replace('-', ' ')}" for taken in Taken)
    click.echo(f"\n{words}.{' Nothing was changed: this was a dry run.' if dry_run else ''}")


def _sentence(line: ImportLine) -> str:
    code = f" [{line.code}]" if line.code else ""
    detail = f": {line.detail}" if line.detail else ""
    return plain(f"line {line.line}: {line.what}: {line.taken.value.replace('-', ' ')}{detail}{code}")
