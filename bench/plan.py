"""What a bench is, and what it is given to measure with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.results import Result

FEWEST = 4
"""However small a bench is made, it has this many of everything."""


@dataclass(frozen=True)
class Plan:
    """How much a bench measures, where it puts things, whom it tells how it gets on, whether ``folder`` stays."""

    sizes: Mapping[str, int]
    rounds: int
    folder: Path
    say: Callable[[str], None]
    kept: bool = False


@dataclass(frozen=True)
class Amount:
    """How much to measure, where it is not what the benches say: ``scale`` 0.1 is a tenth of everything that
    ``sizes`` does not name.
    """

    rounds: int | None = None
    scale: float = 1.0
    sizes: Mapping[str, int] = field(default_factory=dict)
    kept: bool = False


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

    def plan(self, folder: Path, say: Callable[[str], None], amount: Amount) -> Plan:
        """What to measure with."""
        sizes = {name: max(FEWEST, round(size * amount.scale)) for name, size in self.sizes.items()}
        own = {name: size for name, size in amount.sizes.items() if name in sizes}
        return Plan(sizes | own, amount.rounds or self.rounds, folder, say, amount.kept)
