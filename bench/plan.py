"""What a bench is, and what it is given to measure with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.results import Result

FEWEST = 4
"""However small a bench is made, it has this many of everything."""


@dataclass(frozen=True)
class Plan:
    """How much a bench measures, where it may put things, and whom it tells how it gets on."""

    sizes: Mapping[str, int]
    rounds: int
    folder: Path
    say: Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """A row of the table: its name, what it is about, how much it measures, and how. ``measure`` raises RuntimeError
    if something is not done that was to be measured.
    """

    name: str
    title: str
    about: str
    measure: Callable[[Plan], Result]
    sizes: Mapping[str, int]
    rounds: int = 3

    def plan(self, folder: Path, say: Callable[[str], None], rounds: int | None, scale: float) -> Plan:
        """What to measure with; ``scale`` 0.1 is a tenth of everything."""
        sizes = {name: max(FEWEST, round(size * scale)) for name, size in self.sizes.items()}
        return Plan(sizes, rounds or self.rounds, folder, say)
