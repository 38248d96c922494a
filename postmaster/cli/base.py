"""What all commands share: a database that is ready, errors as sentences, JSON, tables."""

from __future__ import annotations

import errno
import functools
import getpass
import json
import os
import secrets
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from postmaster import config
from postmaster.cli.door import CommandError
from postmaster.database import database_away, prepare_database
from postmaster.errors import ConfigError, InputError, PostMasterError
from postmaster.resources.numbers import MAX_ID, read_id, read_number
from postmaster.streams import discard_output

Function = Callable[..., Any]

# Bytes that a secret on standard input may have.
SECRET_LIMIT = 10_000


class Group(AppGroup):
    """A group whose commands find the database ready and never end in a traceback."""

    def command(self, *args: Any, **options: Any) -> Callable[[Function], click.Command]:  # type: ignore[override]
        """Like click's, with the function guarded."""

        def decorate(function: Function) -> click.Command:
            return super(Group, self).command(*args, **options)(guarded(function))

        return decorate


class Number(click.ParamType[int]):
    """A whole number from ``low`` to ``high``, in plain digits."""

    name = "number"

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; one that is a default already stays."""
        number = value if isinstance(value, int) else self.read(value)
        if number is None:
            self.fail(f"“{plain(value)}” is not a whole number from {self.low} to {self.high}.", param, ctx)
        return int(number)

    def read(self, text: str) -> int | None:
        """The number that ``text`` is; None if it is none."""
        return read_number(text, self.low, self.high)


class Id(Number):
    """An id, as ``read_id`` reads it everywhere."""

    name = "id"

    def __init__(self) -> None:
        super().__init__(1, MAX_ID)

    def read(self, text: str) -> int | None:
        """The id that ``text`` is; None if it is none."""
        return read_id(text)


ID = Id()

# Of anything that a command shows.
MAX_COUNT = 10**9


def guarded(function: Function) -> Function:
    """``function`` with the database prepared before it, and whatever it raises turned into a sentence."""

    @functools.wraps(function)
    def guard(*args: Any, **kwargs: Any) -> Any:
        try:
            prepare_database()
            return function(*args, **kwargs)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except PostMasterError as error:
            raise CommandError(error) from error
        except BrokenPipeError:
            discard_output()  # its reader has gone, as in "| head"
            raise SystemExit(0) from None
        except DBAPIError as error:
            raise CommandError(database_away(error)) from error
        except OSError as error:
            raise CommandError(_no_space() if error.errno == errno.ENOSPC else _unexpected(error)) from error
        except Exception as error:  # the last door before the user
            raise CommandError(_unexpected(error)) from error

    return guard


def actor() -> str:
    """Who gives the command, for the audit log."""
    return f"command line ({user_name()})"


def user_name() -> str:
    """The name of the user whom this process belongs to."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def public_address(path: str) -> str:
    """Where browsers reach the page at ``path``. Raises ConfigError without POSTMASTER_PUBLIC_URL."""
    environment = config.current()
    if environment.public_url is None:
        raise ConfigError(
            "bad-setting",
            "POSTMASTER_PUBLIC_URL is not set, so it is not known where browsers reach the pages.",
            "Example: POSTMASTER_PUBLIC_URL=https://postmaster.example.com",
        )
    return environment.public_url + path


def confirmed(question: str, doing: str) -> bool:
    """Whether whoever is at the terminal says yes to ``question``; without one, ``doing`` it needs --yes."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"Without a terminal to ask on, {doing} needs --yes.")
    return click.confirm(question, err=True)


def given_secret(label: str, *, confirm: bool = False, lines: bool = False) -> str:
    """A secret from standard input, without the line break at its end; on a terminal, asked for without an echo.

    One of several ``lines`` is read to the end, also on a terminal.

    Raises InputError if it is too long or not UTF-8.
    """
    if sys.stdin.isatty() and not lines:
        return str(
            click.prompt(label, hide_input=True, default="", show_default=False, confirmation_prompt=confirm, err=True)
        )
    data = sys.stdin.buffer.read(SECRET_LIMIT + 1)
    if len(data) > SECRET_LIMIT:
        raise InputError(label, f"{label} has more than {SECRET_LIMIT} bytes.", "Check what was piped in.")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InputError(label, f"{label} is not UTF-8.", "Pipe it in as UTF-8.") from None


class UnexpectedError(PostMasterError):
    """A fault of our own."""

    exit_code = 1


def _no_space() -> PostMasterError:
    discard_output()
    return PostMasterError(
        "no-space", "There is no space left for the command's output.", "Free some space, or send the output elsewhere."
    )


def _unexpected(error: Exception) -> PostMasterError:
    """A sentence with a reference, under which the details stand in errors.log in the data directory."""
    reference = secrets.token_hex(4)
    log = config.current().data_dir / "errors.log"
    try:
        with log.open("a") as file:
            log.chmod(0o600)
            file.write(f"reference {reference}\n{''.join(traceback.format_exception(error))}\n")
        details = f"The details stand under it in {log}."
    except OSError as refused:  # a disk that is full or read-only may be what was met in the first place
        details = f"It was: {_kind(error)}. The details could not be written to {log} ({refused.strerror})."
    return UnexpectedError("unexpected", f"Something unexpected went wrong; reference {reference}.", details)


def _kind(error: Exception) -> str:
    """What an error is, without its words, which may be mail; those of the system are none."""
    system = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{system}"


def print_json(value: object) -> None:
    """One JSON value on a line of its own."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def plain(cell: object) -> str:
    """``cell`` as text for a terminal, without what could control it."""
    text = {None: "", True: "yes", False: "no"}[cell] if cell is None or isinstance(cell, bool) else str(cell)
    return "".join(char if char.isprintable() else "�" for char in text)


verbose_option = click.option(
    "--verbose",
    is_flag=True,
    help="Print what is said between PostMaster and the mail server, secrets left out, on standard error.",
)


def dialogue_shown(wanted: bool) -> AbstractContextManager[None]:
    """With ``--verbose``, print dialogues with mail servers as long as this lasts."""
    if not wanted:
        return nullcontext()
    from postmaster.sources.dialogue import shown_on

    return shown_on(sys.stderr)
