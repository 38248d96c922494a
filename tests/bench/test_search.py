"""The measuring command of the search still works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_each_search_is_measured_on_both_databases() -> None:
    command = [sys.executable, "-m", "bench.search", "--rows", "1000", "--beside", "200", "--rounds", "1"]
    result = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    for words in ("sqlite", "postgresql", "1,000 rows, ms", "two frequent words", "entering 100 messages"):
        assert words in result.stdout
