"""Commands whose modules are imported when they are called: help, or another command, pays for none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click


class LazyCommand(click.Command):
    """Stands for a command, or a group of them, in the list of commands: has its name and the beginning of its help.

    ``place`` is the module of ``postmaster.cli`` and the name that the command has there, as in ``fetch:fetch``.
    """

    def __init__(self, name: str, place: str, text: str) -> None:
        super().__init__(name, help=text)
        self._place = place

    def load(self) -> click.Command:
        """The command itself."""
        module, _, attribute = self._place.partition(":")
        command: click.Command = getattr(import_module(f"postmaster.cli.{module}"), attribute)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command itself, which click invokes from there on."""
        return self.load().make_context(info_name, args, parent, **extra)
