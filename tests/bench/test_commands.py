"""The commands that measure one thing at a time still work, on both databases."""

from __future__ import annotations

import pytest

from tests.bench.conftest import Bench
from tests.turns import in_turns

# Each at a small size, and how often it says what at least.
COMMANDS = {
    "filter --accounts 60": {"SQLite: typed": 1, "PostgreSQL: typed": 1, "ratio": 1, "“imaps failing raw”": 1},
    "search --rows 1000 --beside 200": {
        "sqlite": 1,
        "postgresql": 1,
        "1,000 rows, ms": 1,
        "two frequent words": 1,
        "entering 100 messages": 1,
    },
    "tickets --many 2000": {"SQLite": 1, "PostgreSQL": 1, "a word that is nowhere": 2},
    "throughput --messages 60": {"round 1: floor": 1, "round 1: SQLite": 1, "round 1: PostgreSQL": 1},
}


@pytest.mark.parametrize("command", in_turns([*COMMANDS], "commands", 2))
def test_a_command_measures_all_that_it_names(bench: Bench, command: str) -> None:
    said = bench(*command.split(), "--rounds", "1")
    assert {words: said.count(words) for words, times in COMMANDS[command].items() if said.count(words) < times} == {}
