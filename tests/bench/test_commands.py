"""The commands that measure one thing at a time still work, on both databases."""

from __future__ import annotations

import pytest

from tests.bench.conftest import Bench
from tests.turns import in_turns

# Said once for each database.
NOWHERE = "a word that is nowhere"

# Each at a small size, and what it says.
COMMANDS = {
    "filter --accounts 60": ("SQLite: typed", "PostgreSQL: typed", "ratio", "“imaps failing raw”"),
    "search --rows 1000 --beside 200": (
        "sqlite",
        "postgresql",
        "1,000 rows, ms",
        "two frequent words",
        "entering 100 messages",
    ),
    "tickets --many 2000": ("SQLite", "PostgreSQL", NOWHERE),
    "throughput --messages 60": ("round 1: floor", "round 1: SQLite", "round 1: PostgreSQL"),
}


@pytest.mark.parametrize("command", in_turns([*COMMANDS], "commands"))
def test_a_command_measures_all_that_it_names(bench: Bench, command: str) -> None:
    said = bench(*command.split(), "--rounds", "1")
    counts = {words: said.count(words) for words in COMMANDS[command]}
    assert all(counts.values()), counts
    assert counts.get(NOWHERE, 2) == 2
