"""``flask read``: take messages from standard input or from files."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from postmaster.cli.base import Function, UnexpectedError, guarded, print_json
from postmaster.database import words_of
from postmaster.errors import ConfigError, MailError, PostMasterError
from postmaster.extensions import Json
from postmaster.intake.piped import pipe_rules, preview_from_pipe, take_from_pipe

# EX_TEMPFAIL of sysexits.h: the transfer agent keeps the message and tries again.
EXIT_TRY_AGAIN = 75


class TryAgainError(PostMasterError):
    """Nothing was stored; the transfer agent has to keep the message."""

    exit_code = EXIT_TRY_AGAIN


# Errors that a transfer agent should wait out: bouncing the mail would lose it.
WORTH_WAITING = ("database-away", "schema-outdated", "unexpected")


def keeping_mail(function: Function) -> Function:
    """Have the transfer agent keep the message while the database cannot be reached, or whatever we did not foresee.

    That is safe even if it was stored meanwhile: the same bytes again are known for 24 hours.
    """

    @functools.wraps(function)
    def keep(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (ConfigError, UnexpectedError) as error:
            if error.code in WORTH_WAITING:
                raise TryAgainError(error.code, error.message, error.advice) from error
            raise

    return keep


@click.command()
@click.option("--queue", metavar="NAME", help="Queue of the new ticket, whatever address the message was sent to.")
@click.option("--trusted", is_flag=True, help="Evaluate X-OTRS headers of the message.")
@click.option("--again", is_flag=True, help="Make a ticket even if the same bytes came within the last 24 hours.")
@click.option("--dry-run", is_flag=True, help="Show what would become of the message; store nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--json-lines", is_flag=True, help="Take each FILE, and print a JSON object a line.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@with_appcontext
@keeping_mail
@guarded
def read(
    queue: str | None,
    trusted: bool,
    again: bool,
    dry_run: bool,
    as_json: bool,
    json_lines: bool,
    files: tuple[Path, ...],
) -> None:
    """Take one message from standard input, as a mail transfer agent's pipe hands it over.

    The same bytes within 24 hours are taken for the same delivery tried again, and give the first ticket.

    \b
    Exit status: 0 stored, 2 wrong usage or configuration, 75 try again.
    """
    if bool(files) != json_lines:
        raise click.UsageError("FILE and --json-lines go together; without them the message is read from stdin.")

    def take(raw: bytes) -> Json:
        rules = pipe_rules(queue, trusted=trusted)
        return preview_from_pipe(raw, rules) if dry_run else take_from_pipe(raw, rules, again=again)

    if json_lines:
        _take_files(files, take)
    else:
        _take_one(sys.stdin.buffer, take, as_json=as_json)


def _take_one(source: IO[bytes], take: Callable[[bytes], Json], *, as_json: bool) -> None:
    result = _or_try_again(take, source.read())
    if as_json:
        print_json(result)
        return
    ticket = f", ticket {result['ticket']}" if result["ticket"] else ""
    queue = f" in {result['queue']}" if result["queue"] else ""
    click.echo(f"{result['outcome']}{ticket}{queue} ({result['reason']})")


def _take_files(files: tuple[Path, ...], take: Callable[[bytes], Json]) -> None:
    for path in files:
        try:
            raw = path.read_bytes()
        except OSError as error:
            message = f"FILE {path} cannot be read ({error.strerror})."
            raise PostMasterError("unreadable-file", message, "Files before it are done.") from error
        print_json({"file": str(path), **_or_try_again(take, raw)})


def _or_try_again(take: Callable[[bytes], Json], raw: bytes) -> Json:
    try:
        return take(raw)
    except (MailError, DBAPIError) as error:
        words = error.server if isinstance(error, MailError) else words_of(error)
        message = f"The database could not store the message: {words}."
        raise TryAgainError("database-away", message, "Nothing was stored. Deliver it again.") from error
