"""How pages write times: relative in the text, absolute in the title."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Flask, request

from postmaster import config
from postmaster.extensions import now
from postmaster.quantity import quantity
from postmaster.resources.readers import InvalidValue, moment

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def age(moment: datetime, at: datetime | None = None) -> str:
    """How long ago ``moment`` is, or was ``at`` another, as a figure: "just now", "9 min", "2 h 14 min", "3 days"."""
    passed = (at or now()) - moment
    return "just now" if passed < MINUTE else stretch(passed)


def about(seconds: int) -> str:
    """How long something took, no more exactly than matters: "40 s", "9 min", "2 h 14 min", "3 days"."""
    return stretch(timedelta(seconds=seconds))


def stretch(passed: timedelta) -> str:
    """As in "40 s", "9 min", "2 h 14 min", "3 days"."""
    if passed < MINUTE:
        return f"{passed.seconds} s"
    if passed < HOUR:
        return f"{passed // MINUTE} min"
    if passed < DAY:
        hours, rest = divmod(passed, HOUR)
        return f"{hours} h {rest // MINUTE} min"
    days = passed // DAY
    return quantity(days, "day")


def ago(moment: datetime) -> str:
    """How long ago ``moment`` is, within a sentence: "just now", "9 min ago", "3 days ago"."""
    words = age(moment)
    return words if words == "just now" else f"{words} ago"


def ahead(moment: datetime, at: datetime | None = None) -> str:
    """How far ahead ``moment`` is, or was ``at`` another: "now", "in 40 s", "in 4 min", "in 2 h 14 min"."""
    left = moment - (at or now())
    if left <= timedelta(0):
        return "now"
    if left < MINUTE:
        return f"in {left.seconds + 1} s"
    hours, rest = divmod(left, HOUR)
    return f"in {hours} h {rest // MINUTE} min" if hours else f"in {left // MINUTE} min"


def lasted(seconds: float) -> str:
    """How long something took: "0.4 s", "18 s", "2 min 5 s", "1 h 3 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def days_ahead(day: date) -> str:
    """How far ahead ``day`` is: "in 83 days", "today", "3 days ago"."""
    days = (day - local(now()).date()).days
    if days == 0:
        return "today"
    count = quantity(abs(days), "day")
    return f"in {count}" if days > 0 else f"{count} ago"


def iso(moment: datetime) -> str:
    """For machines, with offset."""
    return local(moment).isoformat(timespec="seconds")


def full(moment: datetime) -> str:
    """As in "Mon 23 Nov 2026, 09:45:05 CET"."""
    return f"{local(moment):%a %d %b %Y, %H:%M:%S %Z}"


def clock(moment: datetime) -> str:
    """As in "09:45:05"."""
    return f"{local(moment):%H:%M:%S}"


def wall_clock(moment: datetime) -> str:
    """As in "09:45"."""
    return f"{local(moment):%H:%M}"


def zone(moment: datetime) -> str:
    """The zone of the users, as in "CET"."""
    return f"{local(moment):%Z}"


def day_of(moment: datetime) -> str:
    """The day where the users are, as forms have it: "2026-11-23"."""
    return local(moment).date().isoformat()


def asked_moment(name: str, *, end_of_day: bool = False) -> datetime | None:
    """The moment that the request's parameter ``name`` says, where the users are; None if it says none."""
    try:
        return moment(config.current().time_zone, end_of_day=end_of_day)(request.values.get(name, "").strip())
    except InvalidValue:
        return None


def brief(moment: datetime) -> str:
    """As in "09:45", or "23 Nov, 09:45" if that was on another day."""
    there = local(moment)
    return f"{there:%H:%M}" if there.date() == local(now()).date() else f"{there:%d %b, %H:%M}"


def local(moment: datetime) -> datetime:
    """``moment`` where the users are."""
    return moment.astimezone(config.current().time_zone)


def init_app(app: Flask) -> None:
    """Give the templates these filters."""
    app.jinja_env.filters.update(age=age, ago=ago, ahead=ahead, days_ahead=days_ahead, lasted=lasted)
    app.jinja_env.filters.update(iso=iso, full=full, clock=clock, brief=brief)
    app.jinja_env.filters.update(quantity=quantity, about=about, stretch=stretch, wall_clock=wall_clock, zone=zone)
    app.jinja_env.globals.update(today_began=lambda: day_of(now()))
