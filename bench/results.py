"""What a bench measured: lines of figures, and how they stand against what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Self


@dataclass(frozen=True)
class Line:
    """A contender, or a circumstance, and what each round measured of it, in the unit of its result."""

    name: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure that counts."""
        return median(self.values)

    @property
    def spread(self) -> str:
        """The lowest and the highest round."""
        return f"{figure(min(self.values))}–{figure(max(self.values))}"


@dataclass(frozen=True)
class Check:
    """A figure against what is asked of it: ``least``, or with ``at_most`` the most that it may be."""

    what: str
    value: float
    goal: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether it is as it has to be."""
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    @property
    def asked(self) -> str:
        """The goal in words."""
        return f"{'at most' if self.at_most else 'at least'} {figure(self.goal)}"


@dataclass(frozen=True)
class Result:
    """What a bench found out. ``notes`` are sentences: what was missing, what else was seen."""

    unit: str
    lines: Sequence[Line]
    checks: Sequence[Check] = ()
    notes: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """As it is kept in JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """What ``as_dict`` has made."""
        lines = tuple(Line(line["name"], tuple(line["values"])) for line in kept["lines"])
        return cls(kept["unit"], lines, tuple(Check(**check) for check in kept["checks"]), tuple(kept["notes"]))


def ratio(lines: Sequence[Line], name: str, other: str) -> float:
    """How many times as much ``name`` has as ``other``: the median of the rounds' own ratios, in which both met the
    same noise.
    """
    values = {line.name: line.values for line in lines}
    return median(mine / theirs for mine, theirs in zip(values[name], values[other], strict=True))


def figure(value: float) -> str:
    """A number with three digits that tell something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
