"""The chart of the mail of a day, with what is usual behind it: where it is drawn, in the units of its drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from postmaster.extensions import now
from postmaster.ledger.hourly_counts import CHART_HOURS, hour_of
from postmaster.operations.today import Hours, usual_range
from postmaster.web.times import local

# The drawing: its size, and where the bars stand in it.
WIDTH = 960
LEFT, TOP, FLOOR = 34, 18, 118
BAR = 26

# An hour has its name written below it, then two have not.
MAX_NAMED_HOURS = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """An hour with its number of messages; ``x``, ``y`` and ``height`` of its bar, and whether it is named.

    ``low`` and ``high`` are the fewest and the most of that hour on the days before, None if that is not known.
    """

    begin: datetime
    count: int
    x: int
    y: int
    height: int
    named: bool
    low: int | None
    high: int | None

    @property
    def end(self) -> datetime:
        """When the hour is over."""
        return self.begin + timedelta(hours=1)

    @property
    def hour(self) -> str:
        """As in "09:00", where the users are."""
        return f"{local(self.begin):%H:%M}"

    @property
    def usual(self) -> str:
        """As in "3 to 7"; empty if it is not known."""
        if self.low is None:
            return ""
        return str(self.low) if self.low == self.high else f"{self.low:,} to {self.high:,}"


@dataclass(frozen=True)
class Chart:
    """The bars, the oldest first; ``lines`` are the values that lines are drawn at, with their places.

    ``band`` is the outline of what is usual, as a path of SVG; empty if it is not known.
    """

    bars: Sequence[Bar]
    lines: Sequence[tuple[int, int]]
    band: str
    total: int
    busiest: Bar


def chart_of(hours: Hours) -> Chart:
    """The chart of the last 24 hours, out of ``hours`` with their numbers of messages, back to a week before."""
    last = hour_of(now())
    shown = [last - timedelta(hours=count) for count in reversed(range(CHART_HOURS))]
    usual = [usual_range(hours, hour) for hour in shown]
    counts = [hours.get(hour, 0) for hour in shown]
    highest = _ceiling(max(*counts, *(high for _, high in filter(None, usual))))
    bars = [_bar(place, *each, highest) for place, each in enumerate(zip(shown, counts, usual, strict=True))]
    lines = [(value, _height_at(value, highest)) for value in (0, highest // 2, highest)]
    return Chart(bars, lines, _band(usual, highest), sum(counts), max(bars, key=lambda bar: bar.count))


def _bar(place: int, moment: datetime, count: int, usual: tuple[int, int] | None, highest: int) -> Bar:
    top = _height_at(count, highest)
    if count:
        top = min(top, FLOOR - 2)  # one message must be seen beside a thousand
    low, high = usual or (None, None)
    x = round(_left_of(place) + (_left_of(1) - _left_of(0) - BAR) / 2)
    return Bar(moment, count, x, top, FLOOR - top, place % MAX_NAMED_HOURS == 0, low, high)


def _band(usual: Sequence[tuple[int, int] | None], highest: int) -> str:
    """Along the most from left to right, and back along the fewest, in steps of an hour."""
    known = [(place, *each) for place, each in enumerate(usual) if each]
    there = [(x, _height_at(high, highest)) for place, _, high in known for x in (place, place + 1)]
    back = [(x, _height_at(low, highest)) for place, low, _ in reversed(known) for x in (place + 1, place)]
    points = [f"{_left_of(x):.0f} {y}" for x, y in (*there, *back)]
    return f"M{' L'.join(points)} Z" if points else ""


def _left_of(place: int) -> float:
    return LEFT + place * (WIDTH - LEFT) / CHART_HOURS


def _height_at(value: int, highest: int) -> int:
    return round(FLOOR - (FLOOR - TOP) * value / highest)


def _ceiling(count: int) -> int:
    """The next even number of one digit and zeros, or one and a half: 2, 4, 10, 20, 60, 400."""
    if count <= 2:
        return 2
    unit: int = 10 ** int(math.log10(count))
    ceiling = math.ceil(count / unit) * unit
    return ceiling + ceiling % 2
