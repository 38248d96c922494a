"""Errors know nothing of the command line; it shows them at its own door."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize("command", [["fetch"], ["db", "upgrade"], ["--help"], ["nonsense"], ["account", "list"]])
def test_a_wrong_environment_ends_any_command_with_one_sentence(environ: dict[str, str], command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "postmaster", *command],
        env=environ | {"POSTMASTER_WORKERS": "many"},
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "Error: POSTMASTER_WORKERS is “many”, but must be a number from 1 to 64. "
        "Example: POSTMASTER_WORKERS=2 [bad-setting]"
    ]


def test_output_that_finds_no_space_is_told_with_a_code(environ: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "flask", "--app", "postmaster", "account", "list"]
        ended = subprocess.run(
            command, env=environ, cwd=TOP, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 2
    assert "There is no space for what the command writes." in ended.stderr
    assert "[no-space]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_command_works_whose_streams_were_closed_before_it_began(environ: dict[str, str]) -> None:
    line = shlex.join([sys.executable, "-m", "flask", "--app", "postmaster", "account", "list"])
    assert subprocess.run(["sh", "-c", f"{line} >&- 2>&-"], env=environ, cwd=TOP, check=False).returncode == 0
