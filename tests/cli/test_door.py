"""Errors know nothing of the command line; it shows them at its own door."""

from __future__ import annotations

import pytest

from tests.servers.flask_process import FlaskProcesses


@pytest.mark.parametrize("command", [["fetch"], ["db", "upgrade"], ["--help"], ["nonsense"], ["account", "list"]])
def test_a_wrong_environment_ends_any_command_with_one_sentence(
    environ: dict[str, str], flask_process: FlaskProcesses, command: list[str]
) -> None:
    ended = flask_process(environ | {"POSTMASTER_WORKERS": "many"}, *command)
    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines() == [
        "Error: POSTMASTER_WORKERS is “many”, but must be a number from 1 to 64. "
        "Example: POSTMASTER_WORKERS=2 [bad-setting]"
    ]
