"""How an error of ours ends a command: with its sentences and its exit code, instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from postmaster.errors import PostMasterError


class CommandError(click.ClickException):
    """``error`` as click takes it."""

    def __init__(self, error: PostMasterError) -> None:
        super().__init__(str(error))
        self.error = error
        setattr(self, "exit_code", error.exit_code)  # noqa: B010 - click has it on the class, but asks the error

    def show(self, file: IO[Any] | None = None) -> None:
        """Print a line for each of its sentences to standard error."""
        for sentence in self.error.sentences():
            click.echo(f"Error: {sentence}", file=file, err=True)


def show_error(error: PostMasterError) -> None:
    """Print ``error`` without ending the command."""
    CommandError(error).show()


@contextmanager
def ending_command() -> Iterator[None]:
    """End the command that runs, if one does, with what the block refuses.

    For what flask and Alembic run before or outside of our own commands: flask would show a traceback of any exception.
    """
    try:
        yield
    except PostMasterError as error:
        if click.get_current_context(silent=True) is None:
            raise
        show_error(error)
        raise SystemExit(error.exit_code) from error
