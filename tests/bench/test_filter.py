"""The command that measures the filter still works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_it_measures_each_text_on_both_databases() -> None:
    command = [sys.executable, "-m", "bench.filter", "--accounts", "60", "--rounds", "1"]
    result = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    for words in ("SQLite: typed", "PostgreSQL: typed", "ratio", "“imaps failing raw”"):
        assert words in result.stdout
