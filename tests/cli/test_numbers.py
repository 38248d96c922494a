"""Ids and numbers on the command line: plain ASCII digits, and no more than a column holds."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from flask import Flask

from postmaster.cli.base import Number
from tests.support import Desk
from tests.web.samples import populate

NO_NUMBERS = ["9" * 30, "9" * 5000, "-1", "0", "\uff11", "\u0661", "1_0", "+1", " ", "", "1 ", "1.0", "1e0", "1\n"]

# Around a name or an id that stands for one, blanks mean nothing.
NO_NAMES = [value for value in NO_NUMBERS if not value.strip() or value.strip() == value]

# What is named by a text, or by an id, in the first argument.
NAMED = [
    ("account", "show"),
    ("account", "set"),
    ("account", "delete", "--yes"),
    ("account", "test"),
    ("account", "confirm"),
    ("credential", "show"),
    ("queue", "show"),
    ("address", "show"),
    ("filter", "show"),
    ("ticket", "show"),
    ("fetch", "--account"),
]


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command below ``group``, with the words that call it."""
    for name, listed in group.commands.items():
        command = listed.make_context(name, [], resilient_parsing=True).command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def numbers(app: Flask) -> Iterator[tuple[tuple[str, ...], int]]:
    """The words before each number that a command takes, and the lowest one."""
    for words, command in commands(app.cli):
        for parameter in command.params:
            if isinstance(parameter.type, Number):
                yield (
                    (*words, *([parameter.opts[0]] if isinstance(parameter, click.Option) else [])),
                    parameter.type.low,
                )


def test_no_command_reads_a_number_in_another_way(app: Flask) -> None:
    wrong = [
        (*words, parameter.name)
        for words, command in commands(app.cli)
        if ((command.callback and command.callback.__module__) or "").startswith("postmaster")
        for parameter in command.params
        if isinstance(parameter.type, click.types.IntParamType | click.types.FloatParamType)
    ]
    assert wrong == []


def test_what_is_no_number_is_refused_by_each_command(app: Flask, desk: Desk) -> None:
    found = list(numbers(app))
    assert len(found) >= 7
    wrong = {}
    for words, low in found:
        for value in set(NO_NUMBERS) - {str(low)}:
            result = desk.run(*words, value)
            if result.exit_code != 2 or "Traceback" in result.stderr:
                wrong[(*words, value[:30])] = (result.exit_code, result.stderr[-300:])
    assert wrong == {}


@pytest.mark.parametrize("words", NAMED, ids=" ".join)
def test_what_is_no_id_names_nothing(app: Flask, desk: Desk, words: tuple[str, ...]) -> None:
    populate(desk, app)
    wrong = {}
    for value in NO_NAMES:
        result = desk.run(*words, value)
        if result.exit_code != 2 or "Traceback" in result.stderr:
            wrong[value[:30]] = (result.exit_code, result.stdout[:100], result.stderr[-300:])
    assert wrong == {}


def test_an_id_is_written_in_one_way_only(app: Flask, desk: Desk) -> None:
    populate(desk, app)
    assert desk.run("mail", "show", "1").exit_code == 0
    assert desk.run("mail", "show", "01").exit_code == 2
