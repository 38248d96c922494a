"""A strip of time in which an account was fetched or not: where its parts stand, and what it says in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask

from postmaster.operations.uptime import DAY, PERIOD, Still, Uptime
from postmaster.web.times import stretch

# A strip is so wide, however long its time is: in percent, as it is drawn.
WIDTH = 100

# So wide is what would be too short to be seen.
MIN_PART = 0.4


@dataclass(frozen=True, slots=True)
class Part:
    """Something that differs from a time that went well; ``kind`` is ``failed``, ``idle`` or ``unknown``."""

    x: float
    width: float
    kind: str


@dataclass(frozen=True)
class Strip:
    """``name`` says of which time it is, ``words`` what happened in it; ``still`` are the stretches themselves."""

    name: str
    parts: Sequence[Part]
    words: str
    still: Sequence[Still]


def day_strip(uptime: Uptime) -> Strip:
    """The last 24 hours."""
    return _strip(uptime, DAY, "Last 24 hours")


def month_strip(uptime: Uptime) -> Strip:
    """The last 30 days."""
    return _strip(uptime, PERIOD, "Last 30 days")


def _strip(uptime: Uptime, period: timedelta, name: str) -> Strip:
    still = uptime.within(period)
    begin = max(uptime.moment - period, uptime.known_since)
    missed = sum(each.seconds_within(begin, uptime.moment) for each in still)
    words = f"not fetched for {stretch(timedelta(seconds=missed))}" if missed else "fetched all the time"
    return Strip(name, list(_parts(uptime, period, still)), words, still)


def _parts(uptime: Uptime, period: timedelta, still: Sequence[Still]) -> Iterator[Part]:
    begin = uptime.moment - period

    def place(moment: datetime) -> float:
        return round(max(moment - begin, timedelta()) / period * WIDTH, 1)

    if uptime.known_since > begin:
        yield Part(0, place(uptime.known_since), "unknown")
    for each in still:
        x = min(place(each.began), WIDTH - MIN_PART)
        width = max(MIN_PART, round(place(each.end or uptime.moment) - x, 1))
        yield Part(x, width, "failed" if each.failed else "idle")


def init_app(app: Flask) -> None:
    """Give the templates the strips."""
    app.jinja_env.filters.update(day_strip=day_strip, month_strip=month_strip)
