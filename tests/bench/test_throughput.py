"""The measuring command still works, and measures the mail it says."""

from __future__ import annotations

from statistics import mean

from bench.mailbag import realistic_mail
from tests.bench.conftest import Bench


def test_its_mail_has_the_size_of_real_mail() -> None:
    assert 40_000 < mean(len(raw) for raw in realistic_mail(2000)) < 50_000


def test_its_mail_is_the_same_each_time() -> None:
    assert list(realistic_mail(20)) == list(realistic_mail(20))


def test_each_contender_empties_the_mailbox(bench: Bench) -> None:
    said = bench("throughput", "--messages", "60", "--rounds", "1")
    for name in ("floor", "SQLite", "PostgreSQL"):
        assert f"round 1: {name}" in said
