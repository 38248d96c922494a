"""The measuring command of the ticket list still works."""

from __future__ import annotations

from tests.bench.conftest import Bench


def test_it_measures_each_page_on_both_databases(bench: Bench) -> None:
    said = bench("tickets", "--many", "2000", "--rounds", "1")
    for name in ("SQLite", "PostgreSQL"):
        assert name in said
    assert said.count("a word that is nowhere") == 2
