"""The measuring command of the ticket list still works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_it_measures_each_page_on_both_databases() -> None:
    command = [sys.executable, "-m", "bench.tickets", "--many", "2000", "--rounds", "1"]
    result = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    for name in ("SQLite", "PostgreSQL"):
        assert name in result.stdout
    assert result.stdout.count("a word that is nowhere") == 2
