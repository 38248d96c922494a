"""The mail that is measured with is as it is said to be."""

from __future__ import annotations

from statistics import mean

from bench.mailbag import realistic_mail


def test_its_mail_has_the_size_of_real_mail() -> None:
    assert 40_000 < mean(len(raw) for raw in realistic_mail(2000)) < 50_000


def test_its_mail_is_the_same_each_time() -> None:
    assert list(realistic_mail(20)) == list(realistic_mail(20))
