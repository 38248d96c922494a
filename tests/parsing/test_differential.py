"""The parser beside the standard library, which reads the same of all messages but for what ``JUDGED`` explains."""

from __future__ import annotations

from bench.differential import JUDGED, compare
from tests.turns import as_many


def test_each_disagreement_with_the_standard_library_is_judged() -> None:
    met, faults = compare(as_many(200, 400))
    assert faults == []
    assert set(met) <= set(JUDGED)
