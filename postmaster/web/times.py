"""How pages write times: relative in the text, absolute in the title."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask, current_app, request

from postmaster.config import Settings
from postmaster.extensions import now
from postmaster.system.values import Flaw, moment

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def age(moment: datetime) -> str:
    """How long ago ``moment`` is: "just now", "9 min", "2 h 14 min", "3 days"."""
    passed = now() - moment
    if passed < MINUTE:
        return "just now"
    if passed < HOUR:
        return f"{passed // MINUTE} min"
    if passed < DAY:
        hours, rest = divmod(passed, HOUR)
        return f"{hours} h {rest // MINUTE} min"
    days = passed // DAY
    return f"{days} day" if days == 1 else f"{days} days"


def iso(moment: datetime) -> str:
    """For machines, with offset."""
    return _local(moment).isoformat(timespec="seconds")


def full(moment: datetime) -> str:
    """As in "Mon 23 Nov 2026, 09:45:05 CET"."""
    return f"{_local(moment):%a %d %b %Y, %H:%M:%S %Z}"


def clock(moment: datetime) -> str:
    """As in "09:45:05"."""
    return f"{_local(moment):%H:%M:%S}"


def asked_moment(name: str, *, end_of_day: bool = False) -> datetime | None:
    """The moment that the request's parameter ``name`` says, where the users are; None if it says none."""
    settings: Settings = current_app.config["SETTINGS"]
    try:
        return moment(settings.time_zone, end_of_day=end_of_day)(request.args.get(name, "").strip())
    except Flaw:
        return None


def _local(moment: datetime) -> datetime:
    settings: Settings = current_app.config["SETTINGS"]
    return moment.astimezone(settings.time_zone)


def init_app(app: Flask) -> None:
    """Give the templates these filters."""
    app.jinja_env.filters.update(age=age, iso=iso, full=full, clock=clock)
