"""The command that measures the filter still works."""

from __future__ import annotations

from tests.bench.conftest import Bench


def test_it_measures_each_text_on_both_databases(bench: Bench) -> None:
    said = bench("filter", "--accounts", "60", "--rounds", "1")
    for words in ("SQLite: typed", "PostgreSQL: typed", "ratio", "“imaps failing raw”"):
        assert words in said
