"""Dates of mail, as RFC 5322 section 3.3 writes them and as others do (kind 12 of docs/glossary.md#real-mail)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

MAX_DATE = 200
"""Characters of a date that are looked at."""

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}

_HOURS = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_HOURS |= {"CET": 1, "MET": 1, "CEST": 2, "MEST": 2, "EET": 2, "EEST": 3, "BST": 1, "WEST": 1, "MSK": 3, "JST": 9}

_COMMENT = re.compile(r"\([^()]*+(?:\)|\Z)")
# Blanks and comments may stand around the colons of a time (RFC 5322 section 4.3).
_COLON = r"(?:\s*:\s*|\.)"
_TIME = rf"(?P<hour>\d{{1,2}}){_COLON}(?P<minute>\d{{1,2}})(?:{_COLON}(?P<second>\d{{1,2}})(?:[.,]\d+)?)?"
_TIME += r"(?:\s*(?P<half>[AP])\.?M(?![A-Za-z])\.?)?"
_NUMBERS = r"[+-]\s?\d{1,2}(?:\s?:?\s?\d{2})?(?!\d)"
_ZONE = rf"(?P<zone>(?:[A-Za-z]+\s*)?{_NUMBERS}|[A-Za-z]+)?"
_DAY, _MONTH, _YEAR = r"(?P<day>\d{1,2})(?!\d)", rf"(?P<month>{'|'.join(_NAMES)})[a-z]*\.?", r"(?P<year>\d{2,4})(?!\d)"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        rf"(?<!\d){_DAY}[\s.-]*{_MONTH}[\s,-]*{_YEAR}(?:[\s,:T]+{_TIME}\s*{_ZONE})?",
        rf"\b{_MONTH}\s+{_DAY}\s+{_TIME}\s+(?:{_ZONE}\s+)?{_YEAR}",
        rf"\b{_MONTH}\s+{_DAY},\s*{_YEAR}(?:[\s,at]+{_TIME}\s*{_ZONE})?",
        rf"(?<!\d)(?P<year>\d{{4}})[-/](?P<month>\d{{1,2}})[-/]{_DAY}(?:[T\s]+{_TIME}\s*{_ZONE})?",
    )
)
_OFFSET = re.compile(r"([+-])\s?(\d{1,2})(?:\s?:?\s?(\d{2}))?(?!\d)")


def parse_date(value: str) -> datetime | None:
    """The date in the value of a field, aware, and representable in UTC; None if there is none.

    No zone, or one that means nothing, is taken for UTC (RFC 5322 section 4.3). Never raises.
    """
    text = value[:MAX_DATE]
    while (shorter := _COMMENT.sub(" ", text)) != text:  # comments within comments too (RFC 5322 section 3.2.2)
        text = shorter
    for form in _FORMS:
        if match := form.search(text):
            return _read(match.groupdict())
    return None


def _hour(hour: int, half: str | None) -> int:
    """The hour of a day by that of its half, before or after noon; one that is over 12 says so itself."""
    if half is None or hour > 12:
        return hour
    return hour % 12 + (12 if half in "Pp" else 0)


def _read(found: dict[str, str | None]) -> datetime | None:
    month = (found["month"] or "").lower()
    number = _MONTHS.get(month) or (int(month) if month.isdecimal() else 0)
    # A leap second is the last one of its minute: datetime knows no 60.
    time = _hour(int(found["hour"] or 0), found["half"]), int(found["minute"] or 0), min(int(found["second"] or 0), 59)
    try:
        date = datetime(_year(found["year"] or ""), number, int(found["day"] or 0), *time, tzinfo=_zone(found["zone"]))
        date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return date


def _year(digits: str) -> int:
    """RFC 5322 section 4.3: two digits up to 49 are of this century, other short years of the last."""
    year = int(digits)
    if len(digits) > 3:
        return year
    return year + 2000 if len(digits) == 2 and year < 50 else year + 1900


def _zone(text: str | None) -> tzinfo:
    if not text:
        return UTC
    if offset := _OFFSET.search(text):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        sign = -1 if offset[1] == "-" else 1
        return timezone(timedelta(minutes=sign * minutes)) if 0 < minutes < 24 * 60 else UTC
    hours = _HOURS.get(text.upper())
    return timezone(timedelta(hours=hours)) if hours else UTC
