"""The header Retry-After, by which web servers say when to come again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def retry_after(told: str, moment: datetime) -> timedelta | None:
    """How long to wait from ``moment`` on: it names seconds or a date (RFC 9110 section 10.2.3); None if neither."""
    words = told.strip()
    if words.isascii() and words.isdigit():
        return timedelta(seconds=int(words[:9]))
    try:
        until = parsedate_to_datetime(words)
    except ValueError:
        return None
    return max(until.replace(tzinfo=until.tzinfo or UTC) - moment, timedelta(0))
