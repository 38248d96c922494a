"""Numbers of things in sentences."""

from __future__ import annotations

import pytest

from postmaster.quantity import quantity


@pytest.mark.parametrize(
    ("count", "plural", "words"),
    [
        (0, "", "0 entrys"),
        (1, "entries", "1 entry"),
        (2, "entries", "2 entries"),
        (1_234_567, "entries", "1,234,567 entries"),
    ],
)
def test_a_number_of_things_is_said_as_in_a_sentence(count: int, plural: str, words: str) -> None:
    assert quantity(count, "entry", plural) == words
