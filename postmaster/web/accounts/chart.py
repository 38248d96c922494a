"""The chart of the mail of a day: where its bars stand, in the units of its drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from postmaster.web.times import local

# The drawing: its size, and where the bars stand in it.
WIDTH = 960
LEFT, TOP, FLOOR = 34, 18, 118
BAR = 26

# An hour has its name written below it, then two have not.
MAX_NAMED_DAYS = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """An hour with its number of messages; ``x``, ``y`` and ``height`` of its bar, and whether it is named."""

    hour: str
    count: int
    x: int
    y: int
    height: int
    named: bool


@dataclass(frozen=True)
class Chart:
    """The bars, the oldest first; ``lines`` are the values that lines are drawn at, with their places."""

    bars: Sequence[Bar]
    lines: Sequence[tuple[int, int]]
    total: int
    busiest: Bar


def chart_of(hours: Sequence[tuple[datetime, int]]) -> Chart:
    """The chart of ``hours``, each with how many messages were recorded in it; there is one at least."""
    highest = _ceiling(max(count for _, count in hours))
    step = (WIDTH - LEFT) / len(hours)
    bars = [_bar(place, moment, count, highest, step) for place, (moment, count) in enumerate(hours)]
    lines = [(value, _height_at(value, highest)) for value in (0, highest // 2, highest)]
    return Chart(bars, lines, sum(bar.count for bar in bars), max(bars, key=lambda bar: bar.count))


def _bar(place: int, moment: datetime, count: int, highest: int, step: float) -> Bar:
    top = _height_at(count, highest)
    if count:
        top = min(top, FLOOR - 2)  # one message must be seen beside a thousand
    x = round(LEFT + place * step + (step - BAR) / 2)
    return Bar(f"{local(moment):%H:%M}", count, x, top, FLOOR - top, place % MAX_NAMED_DAYS == 0)


def _height_at(value: int, highest: int) -> int:
    return round(FLOOR - (FLOOR - TOP) * value / highest)


def _ceiling(count: int) -> int:
    """The next even number of one digit and zeros, or one and a half: 2, 4, 10, 20, 60, 400."""
    if count <= 2:
        return 2
    unit: int = 10 ** int(math.log10(count))
    ceiling = math.ceil(count / unit) * unit
    return ceiling + ceiling % 2
