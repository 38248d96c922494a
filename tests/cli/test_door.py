"""Errors know nothing of the command line; it shows them at its own door."""

from __future__ import annotations

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
