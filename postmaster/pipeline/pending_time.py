"""How long a pending state lasts, in the forms that OTRS, Znuny and OTOBO read, and a few more."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from postmaster.resources.readers import InvalidValue

# Without a unit, seconds are meant.
UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

# Others cannot be shown everywhere, and nobody means them.
YEARS = range(1970, 9999)

_RELATIVE = re.compile(r"([+-]?)\s*(\d{1,9})\s*([smhdw]?)", re.IGNORECASE | re.ASCII)
_ABSOLUTE = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:(?:T|\s+)(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.\d{1,9})?)?"
    r"(?:\s*(?P<zone>[+-]\d{2}:?(?:\d{2})?|[A-Z][\w+-]*(?:/[\w+-]+)*))?)?",
    re.IGNORECASE | re.ASCII,
)
_UTC = ("Z", "UTC", "GMT")


def pending_until(text: str, moment: datetime, place: ZoneInfo) -> datetime:
    """The moment that ``text`` means, from ``moment`` on or as clocks of ``place`` show it. Raises InvalidValue."""
    try:
        until = _after(text, moment) or absolute_moment(text, place)
        if until.year in YEARS:
            return until
        raise ValueError(text)
    except (ValueError, OverflowError):
        advice = "Enter YYYY-MM-DD hh:mm:ss, or a number with s, m, h, d or w, as in +3d."
        raise InvalidValue(f"is “{text}”, which is neither a date nor a number with s, m, h, d or w", advice) from None


def absolute_moment(text: str, place: ZoneInfo) -> datetime:
    """The moment that a date means. Raises ValueError or OverflowError if it is none."""
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    numbers = {name: int(value or 0) for name, value in match.groupdict().items() if name != "zone"}
    return datetime(**numbers, tzinfo=_zone(match["zone"], place)).astimezone(UTC)


def _after(text: str, moment: datetime) -> datetime | None:
    match = _RELATIVE.fullmatch(text)
    if match is None:
        return None
    span = timedelta(**{UNITS[match[3].lower()]: int(match[2])})
    return moment - span if match[1] == "-" else moment + span


def _zone(name: str | None, place: ZoneInfo) -> tzinfo:
    """The zone of that name or offset; that of the service desk if there is none. Raises ValueError."""
    if not name:
        return place
    if name.upper() in _UTC:
        return UTC
    if name[0] in "+-":
        zone = datetime.strptime(name if len(name) > 3 else f"{name}00", "%z").tzinfo
        return zone or UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError):  # a name of a folder of zones is a directory that cannot be read
        raise ValueError(name) from None
