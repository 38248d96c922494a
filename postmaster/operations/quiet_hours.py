"""Hours of the day in which a target of alerts is told of nothing, by the clocks on the wall of the app's time zone."""

from __future__ import annotations

import re
from datetime import datetime, time, tzinfo

from postmaster.resources.readers import InvalidValue

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-3]):([0-5]\d)")


def quiet_hours(text: str) -> str:
    """Hours as 22:00-06:00, which may go over midnight. The end is not among them."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise InvalidValue(f"is “{text}”, but must be hours", "Enter them as in 22:00-06:00.")
    start, end = _between(text)
    if start == end:
        raise InvalidValue(f"is “{text}”, which begins and ends at the same time", "Set the target invalid instead.")
    return f"{start:%H:%M}-{end:%H:%M}"


def is_quiet(hours: str, moment: datetime, zone: tzinfo) -> bool:
    """Whether ``moment`` is in ``hours``; in empty ones nothing is."""
    if not hours:
        return False
    start, end = _between(hours)
    clock = moment.astimezone(zone).time()
    return start <= clock < end if start < end else clock >= start or clock < end


def _between(hours: str) -> tuple[time, time]:
    parts = _HOURS.fullmatch(hours)
    if parts is None:
        raise ValueError(hours)
    hour, minute, end_hour, end_minute = map(int, parts.groups())
    return time(hour, minute), time(end_hour, end_minute)
