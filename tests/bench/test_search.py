"""The measuring command of the search still works."""

from __future__ import annotations

from tests.bench.conftest import Bench


def test_each_search_is_measured_on_both_databases(bench: Bench) -> None:
    said = bench("search", "--rows", "1000", "--beside", "200", "--rounds", "1")
    for words in ("sqlite", "postgresql", "1,000 rows, ms", "two frequent words", "entering 100 messages"):
        assert words in said
