"""``flask import``: taking over from other systems."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from sqlalchemy.orm import Session

from postmaster.cli.base import Group, Number, plain, print_json, user_name
from postmaster.cli.resources import as_json
from postmaster.cli.tables import print_table
from postmaster.database import transaction
from postmaster.otrs.report import ImportLine, ImportReport, Taken

if TYPE_CHECKING:  # some twenty modules that take a dump over are loaded by the commands that do, not by all others
    from postmaster.otrs.compare import Comparison

group = Group("import", help="Take over from another system.")

EXIT_BY_HAND = 1

# Days for which a closed ticket is taken all the same: answers still come.
CLOSED_WITHIN = 90

_DRY = " Nothing was changed: this was a dry run."


class TakenBack(Exception):  # noqa: N818 - nothing went wrong
    """Ends a dry run's transaction."""


@group.command("otrs")
@click.argument("file", type=click.File("rb"), metavar="FILE|-")
@click.argument("mbox", required=False, type=click.Path(exists=True, path_type=Path), metavar="[MBOX]")
@click.option(
    "--compare",
    "compares",
    is_flag=True,
    help="Show what would happen to the messages in MBOX, beside what the rules of FILE say; change nothing.",
)
@click.option("--conversations", is_flag=True, help="Take running tickets, so that answers to them are follow-ups.")
@click.option(
    "--closed-within",
    type=Number(0, 36_500),
    metavar="DAYS",
    help="With --conversations or --compare: also tickets that were closed in the last DAYS days; default: 90.",
)
@click.option("--dry-run", is_flag=True, help="Show what would happen to each row; change nothing.")
@as_json
def otrs(
    file: IO[bytes],
    mbox: Path | None,
    compares: bool,
    conversations: bool,
    closed_within: int | None,
    dry_run: bool,
    json_: bool,
) -> None:
    """Take over from a dump of OTRS, Znuny or OTOBO: lists, queues, addresses, accounts, filters and settings.

    FILE holds their tables as mysqldump or pg_dump write them, compressed or not; docs/import-otrs.md says how. What
    can be taken is taken, in one transaction; each row that cannot is named with the reason. Doing it twice changes
    nothing.

    \b
    Exit status: 0 everything was taken, 1 something needs a hand or differs, 2 the dump cannot be used.
    """
    _check_usage(file, mbox, compares, conversations, closed_within, dry_run)
    days = CLOSED_WITHIN if closed_within is None else closed_within
    if compares and mbox:
        sys.exit(_compare(file, mbox, days, json_=json_))
    if conversations:
        sys.exit(_take_conversations(file, days, dry_run=dry_run, json_=json_))
    report = _take_over(file, dry_run=dry_run)
    if json_:
        for line in report.lines:
            print_json(line.as_json())
    else:
        _print(report, dry_run=dry_run)
    sys.exit(EXIT_BY_HAND if any(report.by_hand()) else 0)


def _check_usage(
    file: IO[bytes], mbox: Path | None, compares: bool, conversations: bool, closed_within: int | None, dry_run: bool
) -> None:
    if bool(mbox) != compares:
        raise click.UsageError("--compare and MBOX go together.")
    if compares and (conversations or dry_run):
        raise click.UsageError("--compare goes with neither --conversations nor --dry-run; it changes nothing.")
    if compares and not file.seekable():
        raise click.UsageError("--compare reads FILE twice, so it cannot come from a pipe.")
    if closed_within is not None and not (compares or conversations):
        raise click.UsageError("--closed-within goes with --conversations or --compare.")


def _compare(file: IO[bytes], mbox: Path, days: int, *, json_: bool) -> int:
    """Compare, and show it; returns the exit status."""
    from postmaster.otrs.compare import COMPARED, compare

    counts: Counter[bool] = Counter()

    def rows(found: Iterable[Comparison | str]) -> Iterator[list[str]]:
        for each in found:
            if isinstance(each, str):
                click.echo(plain(each), err=True)
                continue
            counts[each.differs] += 1
            if json_:
                print_json(each.as_json())
            else:
                yield each.cells()

    lines = rows(compare(file, mbox, days, _importer()))
    if json_:
        deque(lines, maxlen=0)
    else:
        print_table(("No.", "Subject", *COMPARED.values()), lines)
        click.echo(f"\n{counts[False]} the same, {counts[True]} differ. Nothing was changed.")
    return EXIT_BY_HAND if counts[True] else 0


def _take_conversations(file: IO[bytes], days: int, *, dry_run: bool, json_: bool) -> int:
    """Take them, and say what became of them; returns the exit status."""
    from postmaster.otrs.conversations import in_transaction, take_conversations

    report = take_conversations(file, days, _importer(), _tried if dry_run else in_transaction)
    if json_:
        print_json(report.as_json())
    else:
        for line in report.lines:
            click.echo(_sentence(line))
        for note in report.notes:
            click.echo(plain(note))
        words = ", ".join(f"{report.counts[taken]} {taken.value.replace('-', ' ')}" for taken in Taken)
        click.echo(f"Tickets: {words}; {report.keys} Message-IDs.{_DRY if dry_run else ''}")
    return EXIT_BY_HAND if report.needs_hand else 0


def _tried(step: Callable[[Session], None]) -> None:
    """Carry out a step, and take it back."""
    try:
        with transaction() as session:
            step(session)
            raise TakenBack
    except TakenBack:
        pass


def _take_over(file: IO[bytes], *, dry_run: bool) -> ImportReport:
    from postmaster.otrs.dump import read_dump
    from postmaster.otrs.importer import take_over

    dump, taking = read_dump(file), None
    try:
        with transaction() as session:
            taking = take_over(session, dump, _importer())
            if dry_run:
                raise TakenBack
    except TakenBack:
        pass
    if taking is None:
        raise AssertionError("nothing was taken over")
    if not dry_run:
        taking.try_credentials()
    return taking.report


def _importer() -> str:
    """Who imports, for the audit log, by which the next import tells its changes from those of people."""
    from postmaster.otrs.upsert import IMPORT

    return f"{IMPORT} ({user_name()})"


def _print(report: ImportReport, *, dry_run: bool) -> None:
    for line in report.lines:
        click.echo(_sentence(line))
    counts = report.counts()
    words = ", ".join(f"{counts[taken]} {taken.value.replace('-', ' ')}" for taken in Taken)
    click.echo(f"\n{words}.{_DRY if dry_run else ''}")


def _sentence(line: ImportLine) -> str:
    code = f" [{line.code}]" if line.code else ""
    detail = f": {line.detail}" if line.detail else ""
    place = f"line {line.line}" if line.line else f"table {line.table}"
    return plain(f"{place}: {line.what}: {line.taken.value.replace('-', ' ')}{detail}{code}")
