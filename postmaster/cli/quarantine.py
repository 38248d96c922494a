"""``flask quarantine``: messages that could not become tickets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import click
from sqlalchemy.orm import Session

from postmaster.cli.base import ID, Group, actor, print_json
from postmaster.cli.door import show_error
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.errors import PostMasterError
from postmaster.extensions import Json
from postmaster.ledger.models import Quarantine
from postmaster.ledger.quarantine import deliver, discard, find_quarantined, handle, raw_source, retry, waiting
from postmaster.ledger.quarantine_list import QuarantineFilter
from postmaster.pipeline.decision import REASONS
from postmaster.quantity import quantity
from postmaster.resources.audit import audit

group = Group("quarantine", help="Manage messages that could not become tickets.")

COLUMNS = ("id", "account", "reason", "sender", "subject", "size", "created")


def chosen(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments that say which messages; ``command`` gets their ids as ``numbers``."""

    @click.argument("numbers", nargs=-1, type=ID, metavar="[ID]...")
    @click.option("--all", "every", is_flag=True, help="All messages that --filter and --account match.")
    @click.option("--filter", "text", default="", metavar="WORDS", help="With --all: words, as entered above the list.")
    @click.option("--account", default="", metavar="NAME", help="With --all: only those fetched for that account.")
    @wraps(command)
    def resolved(numbers: tuple[int, ...], every: bool, text: str, account: str, **others: Any) -> None:
        found = QuarantineFilter(text, account)
        if every == bool(numbers):
            raise click.UsageError("Name the messages by their ids, or all of them by --all.")
        if not every and found != QuarantineFilter():
            raise click.UsageError("--filter and --account go with --all.")
        with read_session() as session:
            chosen = found.ids(session) if every else numbers
        command(chosen, **others)

    return resolved


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(as_json: bool) -> None:
    """List the messages in quarantine, the oldest first."""
    with read_session() as session:
        rows = (_describe(row) for row in session.scalars(waiting()).yield_per(100))
        if as_json:
            for row in rows:
                print_json(row)
        else:
            print_table([name.capitalize() for name in COLUMNS], ([row[name] for name in COLUMNS] for row in rows))


@group.command()
@click.argument("number", type=ID, metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--raw", is_flag=True, help="Print the message as it came.")
def show(number: int, as_json: bool, raw: bool) -> None:
    """Show one message: why it is here, and with --raw its source."""
    with read_session() as session:
        row = find_quarantined(session, number)
        if raw:
            source = raw_source(session, row)
            with transaction() as log:
                audit(log, actor(), "download-source", "quarantine", str(number), {})
            sys.stdout.buffer.write(source)
        elif as_json:
            print_json(_describe(row))
        else:
            print_table(("Field", "Value"), _describe(row).items())


@group.command("retry")
@chosen
def retry_(numbers: Sequence[int]) -> None:
    """Read messages again and decide about them, by the current rules of their accounts."""

    def act(session: Session, row: Quarantine) -> str:
        number = retry(session, row, actor())
        return f"ticket {number}" if number else "ignored"

    _each(numbers, act)


@group.command("deliver")
@chosen
@click.option("--queue", required=True, metavar="NAME", help="Queue of the new tickets.")
def deliver_(numbers: Sequence[int], queue: str) -> None:
    """Make messages tickets in a queue, however little of them can be read."""

    def act(session: Session, row: Quarantine) -> str:
        return f"ticket {deliver(session, row, queue, actor())}"

    _each(numbers, act)


@group.command()
@chosen
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(numbers: Sequence[int], yes: bool) -> None:
    """Delete messages and their sources for good."""
    if not yes:
        click.confirm(f"Delete {quantity(len(numbers), 'message')} for good?", abort=True)

    def act(session: Session, row: Quarantine) -> str:
        discard(session, row, actor())
        return "deleted"

    _each(numbers, act)


def _each(numbers: Sequence[int], act: Callable[[Session, Quarantine], str]) -> None:
    """Do ``act`` to each message; those that are refused are told at the end."""
    failures: list[PostMasterError] = []
    for handled in handle(numbers, act):
        if handled.error is None:
            click.echo(f"{handled.number}: {handled.done}")
        else:
            failures.append(handled.error)
    for failure in failures[:-1]:
        show_error(failure)
    if failures:
        raise failures[-1]


def _describe(row: Quarantine) -> Json:
    return {
        "id": row.id,
        "account": row.label,
        "reason": row.reason,
        "explanation": REASONS[row.reason],
        "error": row.error,
        "sender": row.sender,
        "subject": row.subject,
        "size": row.size,
        "created": row.created_at.isoformat(),
    }
