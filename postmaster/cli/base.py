"""What all commands share: a database that is ready, errors as sentences, JSON, tables."""

from __future__ import annotations

import functools
import json
import secrets
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from postmaster.config import Settings
from postmaster.database import database_away, prepare_database
from postmaster.errors import PostMasterError

Function = Callable[..., Any]


class Group(AppGroup):
    """A group whose commands find the database ready and never end in a traceback."""

    def command(self, *args: Any, **options: Any) -> Callable[[Function], click.Command]:  # type: ignore[override]
        """Like click's, with the function guarded."""

        def decorate(function: Function) -> click.Command:
            return super(Group, self).command(*args, **options)(guarded(function))

        return decorate


def guarded(function: Function) -> Function:
    """``function`` with the database prepared before it, and whatever it raises turned into a sentence."""

    @functools.wraps(function)
    def guard(*args: Any, **kwargs: Any) -> Any:
        try:
            prepare_database()
            return function(*args, **kwargs)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output has gone, as in "| head"
            raise SystemExit(0) from None
        except DBAPIError as error:
            raise database_away(error) from error
        except Exception as error:  # the last door before the user
            raise _unexpected(error) from error

    return guard


class UnexpectedError(PostMasterError):
    """A fault of our own."""

    exit_code = 1


def _unexpected(error: Exception) -> PostMasterError:
    """A sentence with a reference, under which the details stand in errors.log in the data directory."""
    settings: Settings = current_app.config["SETTINGS"]
    reference = secrets.token_hex(4)
    log = settings.data_dir / "errors.log"
    with log.open("a") as file:
        log.chmod(0o600)
        file.write(f"reference {reference}\n{''.join(traceback.format_exception(error))}\n")
    return UnexpectedError(
        "unexpected",
        f"Something went wrong that PostMaster does not know; reference {reference}.",
        f"The details stand under it in {log}.",
    )


def print_json(value: object) -> None:
    """One JSON value on a line of its own."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A table for people; what comes from mail or from users is shown as it is, never taken for markup."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty()).print(table)


def _plain(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return "".join(char if char.isprintable() else "�" for char in text)
