"""What commands that hand content out share: where it goes, and from which time it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

from postmaster import config
from postmaster.errors import InputError
from postmaster.resources.readers import InvalidValue, moment

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

output_option = click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file, which must not be there yet."
)


def since_option(done: str) -> Decorator:
    """``--since`` for what was ``done`` at a time."""
    words = f"{done} then or later, as in 2026-11-23 or 2026-11-23T09:30."
    return click.option("--since", default="", metavar="TIME", help=words)


def until_option(done: str) -> Decorator:
    """``--until`` likewise."""
    words = f"{done} before that time, or on that day at the latest."
    return click.option("--until", default="", metavar="TIME", help=words)


def read_moment(option: str, text: str, *, end_of_day: bool = False) -> datetime | None:
    """The time that an option names, None for "". Raises InputError."""
    try:
        return moment(config.current().time_zone, end_of_day=end_of_day)(text.strip()) if text.strip() else None
    except InvalidValue as error:
        raise InputError(option, f"{option} {error.flaw}.", error.advice) from None


@contextmanager
def binary_output(output: Path | None) -> Iterator[IO[bytes]]:
    """``output``, made anew, or standard output. Bytes are not for terminals: mail is hostile."""
    if output is not None:
        with _new_file(output) as file:
            yield file
    elif sys.stdout.isatty():
        raise click.UsageError("This is for a file or a pipe, not for a terminal: give --output FILE.")
    else:
        yield sys.stdout.buffer


def write_bytes(content: bytes, output: Path | None) -> None:
    """Hand ``content`` out."""
    with binary_output(output) as file:
        file.write(content)


def _new_file(path: Path) -> IO[bytes]:
    try:
        return path.open("xb")
    except FileExistsError:
        raise click.UsageError(f"--output {path} is there already; name another file.") from None
    except OSError as error:
        raise click.UsageError(f"--output {path} cannot be written ({error.strerror}).") from error
