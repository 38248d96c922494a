"""What the help says about commands: read from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask import current_app

from postmaster.refusals import EXIT_CODES
from postmaster.web.help_entry import Entry, HelpSection


def command_sections() -> Iterator[HelpSection]:
    codes = [Entry(str(code), sentence) for code, sentence in EXIT_CODES.items()]
    yield HelpSection("Exit codes", "What a command ends with: scripts and cron jobs can rely on them.", codes)
    context = click.Context(current_app.cli, info_name="flask")
    entries = [entry for name in sorted(current_app.cli.commands) for entry in _command_entries(name, context)]
    yield HelpSection("Commands", "Each has --help. Those with --json print one object, lists one per line.", entries)


def _command_entries(name: str, parent: click.Context) -> Iterator[Entry]:
    command = parent.command.get_command(parent, name) if isinstance(parent.command, click.Group) else None
    if command is None or command.hidden:
        return
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    command = context.command  # that of the list may have been one that only stands for it
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _command_entries(below, context)
        return
    records = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    text = (command.help or "").partition("\b")[0]
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield Entry(context.command_path, " ".join(text.split()), [(option, words) for option, words in records], usage)
