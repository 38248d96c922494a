"""What one machine carries, reckoned from what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.results import Result


def capacity_table(found: Mapping[str, Result]) -> Iterator[str]:
    """To come."""
    yield ""
