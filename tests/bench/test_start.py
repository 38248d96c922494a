"""The measuring command of the start still works."""

from __future__ import annotations

from pathlib import Path

from bench.start import measure


def test_each_command_starts_and_does_its_work(tmp_path: Path) -> None:
    assert measure(tmp_path, rounds=0) == {}, "the first round does not count"
