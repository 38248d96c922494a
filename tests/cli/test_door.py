"""Errors know nothing of the command line; it shows them at its own door."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.servers.flask_process import COMMAND, TOP, FlaskProcesses


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


def test_output_that_finds_no_space_is_told_with_a_code(environ: dict[str, str], flask_process: FlaskProcesses) -> None:
    with Path("/dev/full").open("w") as full:
        ended = flask_process(environ, "account", "list", stdout=full)
    said = ended.stderr.decode()
    assert ended.returncode == 2
    assert "There is no space left for the command's output." in said
    assert "[no-space]" in said
    assert "Traceback" not in said


def test_a_command_works_whose_streams_were_closed_before_it_began(environ: dict[str, str]) -> None:
    line = shlex.join([*COMMAND, "account", "list"])
    assert subprocess.run(["sh", "-c", f"{line} >&- 2>&-"], env=environ, cwd=TOP, check=False).returncode == 0
