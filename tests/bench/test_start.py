"""The measuring command of the start still works."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import start


def test_commands_start_and_do_their_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    help_, _fetch, read = start.STARTS  # each row starts Python twice; tests/bin/test_clone.py has a fetch, too
    monkeypatch.setattr(start, "STARTS", (help_, read))
    assert start.measure(tmp_path, rounds=0) == {}, "the first round does not count"
