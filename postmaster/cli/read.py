"""``flask read``: take messages from standard input or from files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import IO, Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from postmaster.accounts.models import Trust
from postmaster.cli.base import guarded, print_json
from postmaster.cli.door import CommandError
from postmaster.database import database_message
from postmaster.errors import MailError, PostMasterError
from postmaster.extensions import Json
from postmaster.fetching.pipe import pipe_name, pipe_rules, preview_from_pipe, take_from_pipe
from postmaster.ledger.pipe_queues import note_pipe
from postmaster.pipe_guard import EXIT_TRY_AGAIN, usage_code
from postmaster.streams import discard_output


class TryAgainError(PostMasterError):
    """Whatever it was, the transfer agent has to keep the message and try again: that it bounces would lose it.

    That is safe even if the message was stored meanwhile: the same bytes again are known for 24 hours.
    """

    exit_code = EXIT_TRY_AGAIN


class PipeCommand(click.Command):
    """A command that ends with 75 after everything but wrong usage; ``pipe_guard`` sees to what no handler meets."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the command line."""
        with _usage_told():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            with _usage_told():
                return super().invoke(ctx)
        except CommandError as refused:
            error = refused.error
            raise CommandError(TryAgainError(error.code, error.message, error.advice)) from refused
        except SystemExit as end:  # of a library, which has said why
            raise SystemExit(EXIT_TRY_AGAIN) from end


@contextmanager
def _usage_told() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        setattr(error, "exit_code", usage_code())  # noqa: B010 - click has it on the class, but asks the error
        raise


@click.command(cls=PipeCommand)
@click.option(
    "--queue",
    metavar="NAME",
    help="Queue of the new ticket, whatever address the message was sent to. If it is not there, or "
    "not valid, the message goes to PostmasterDefaultQueue, and an incident says so.",
)
@click.option("--trusted", "trust", flag_value=Trust.YES.value, help="Evaluate X-OTRS headers of the message.")
@click.option(
    "--trusted-if-proven", "trust", flag_value=Trust.PROVEN.value, help="Evaluate them if its sender is proven."
)
@click.option("--again", is_flag=True, help="Make a ticket even if the same bytes came within the last 24 hours.")
@click.option("--dry-run", is_flag=True, help="Show what would happen to the message; store nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--json-lines", is_flag=True, help="Take each FILE, and print one JSON object per line.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@with_appcontext
@guarded
def read(
    queue: str | None,
    trust: str | None,
    again: bool,
    dry_run: bool,
    as_json: bool,
    json_lines: bool,
    files: tuple[Path, ...],
) -> None:
    """Take one message from standard input, as a mail transfer agent's pipe hands it over.

    The same bytes within 24 hours are taken for the same delivery tried again, and give the first ticket.

    \b
    Exit status: 0 stored, 2 wrong usage, 75 anything else: try again.
    """
    if bool(files) != json_lines:
        raise click.UsageError("FILE and --json-lines go together; without them the message is read from stdin.")

    def take(raw: bytes) -> Json:
        rules = pipe_rules(queue, Trust(trust) if trust else Trust.NO)
        if dry_run:
            return preview_from_pipe(raw, rules)
        result = take_from_pipe(raw, rules, again=again)
        if queue is not None:
            note_pipe(pipe_name(queue))
        return result

    if json_lines:
        _take_files(files, take)
    else:
        _take_one(_standard_input(), take, as_json=as_json)


def _standard_input() -> IO[bytes]:
    if sys.stdin is None:
        raise PostMasterError("no-message", "Standard input is closed.", "Hand the message over on standard input.")
    return sys.stdin.buffer


def _take_one(source: IO[bytes], take: Callable[[bytes], Json], *, as_json: bool) -> None:
    result = _or_try_again(take, _all_of(source))
    if as_json:
        _say(lambda: print_json(result))
        return
    ticket = f", ticket {result['ticket']}" if result["ticket"] else ""
    queue = f" in {result['queue']}" if result["queue"] else ""
    _say(lambda: click.echo(f"{result['outcome']}{ticket}{queue} ({result['reason']})"))


def _all_of(source: IO[Any]) -> bytes:
    """All that comes until the end.

    A socket may be told not to wait long (SO_RCVTIMEO), and others who have the same stream may tell it not to wait at
    all: then Python gives what has come so far, or None.
    """
    parts = []
    while (part := source.read()) != b"":
        if part is None:
            select([source], [], [])
        else:
            parts.append(part)
    return b"".join(parts)


def _take_files(files: tuple[Path, ...], take: Callable[[bytes], Json]) -> None:
    for path in files:
        row = {"file": str(path), **_or_try_again(take, _read_file(path))}
        _say(lambda row=row: print_json(row))  # type: ignore[misc]


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise click.UsageError(f"FILE {path} is not there, or no file ({error.strerror}).") from error
    except OSError as error:
        message = f"FILE {path} cannot be read ({error.strerror})."
        raise PostMasterError("unreadable-file", message, "Files before it are done.") from error


def _say(tell: Callable[[], None]) -> None:
    """Print what became of a message. It is stored: an agent that does not listen must not deliver it for ever."""
    try:
        tell()
        sys.stdout.flush()
    except OSError:
        discard_output()


def _or_try_again(take: Callable[[bytes], Json], raw: bytes) -> Json:
    try:
        return take(raw)
    except (MailError, DBAPIError) as error:
        words = error.server if isinstance(error, MailError) else database_message(error)
        message = f"The database could not store the message: {words}."
        raise TryAgainError("database-away", message, "Nothing was stored. Deliver it again.") from error
