"""Dates of mail."""

from __future__ import annotations

from datetime import UTC

import pytest

from postmaster.parsing.parser import parse_message
from tests.parsing.messages import message

NOON = "2026-01-05T12:00:00"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"Mon, 5 Jan 2026 12:00:00 +0100", f"{NOON}+01:00"),
        (b"5 jan 2026 12:00 -0330", f"{NOON}-03:30"),
        (b"Mon, 05 Jan 2026 12:00:00 +0100 (CET (winter))", f"{NOON}+01:00"),
        (b"Mon (x), 5 (y) Jan 2026\r\n 12:00:00", f"{NOON}+00:00"),
        (b"Mon, 5 Jan 2026 12:00:00 GMT", f"{NOON}+00:00"),
        (b"Mon, 5 Jan 2026 12:00:00 EST", f"{NOON}-05:00"),
        (b"Mon, 5 Jan 2026 12:00:00 GMT+0200", f"{NOON}+02:00"),
        (b"Mon, 5 Jan 2026 12:00:00 Mitteleuropaeische Zeit", f"{NOON}+00:00"),
        (b"Mon, 5 Jan 2026 12:00:00 +9999", f"{NOON}+00:00"),
        (b"Mon, 5 Jan 2026 12:00:00", f"{NOON}+00:00"),
        (b"Mon, 5 Jan 2026 12.00.00 +0000", f"{NOON}+00:00"),
        (b"Mon, 5 Jan 2026 12 : 00 : 00 +0100", f"{NOON}+01:00"),
        (b"Mon, 5 Jan 2026 12 (h) :00: (s) 00 +0100", f"{NOON}+01:00"),
        (b"Mon Jan  5 12 : 00 2026", f"{NOON}+00:00"),
        (b"Mon Jan  5 12:00:00 2026", f"{NOON}+00:00"),
        (b"Mon Jan  5 12:00:00 CET 2026", f"{NOON}+01:00"),
        (b"Monday, 05-Jan-26 12:00:00 GMT", f"{NOON}+00:00"),
        (b"January 5, 2026 12:00", f"{NOON}+00:00"),
        (b"2026-01-05T12:00:00Z", f"{NOON}+00:00"),
        (b"2026-01-05 12:00:00.25+01:00", f"{NOON}+01:00"),
        (b"Mon, 5 Jan 126 12:00:00 +0000", f"{NOON}+00:00"),
        (b"5 Jan 99 12:00:00 +0000", "1999-01-05T12:00:00+00:00"),
        (b"31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59+00:00"),
        (b"5 Jan 2026", "2026-01-05T00:00:00+00:00"),
        (b"Mon, 5 Jan 2026 12:00:00 PM +0100", f"{NOON}+01:00"),
        (b"Mon, 5 Jan 2026 1:05 pm -0500", "2026-01-05T13:05:00-05:00"),
        (b"Mon, 5 Jan 2026 12:05:00 AM", "2026-01-05T00:05:00+00:00"),
        (b"January 5, 2026 01:05:00 P.M. EST", "2026-01-05T13:05:00-05:00"),
        (b"5 Jan 2026 13:00 PM", "2026-01-05T13:00:00+00:00"),
        (b"Mon, 5 Jan 2026 12:00:00 AMT", f"{NOON}+00:00"),
        (b"Mon, 5 Jan 2026 12:00:00 +01", f"{NOON}+01:00"),
        (b"Mon, 5 Jan 2026 12:00:00 -5", f"{NOON}-05:00"),
        (b"2026-01-05T12:00:00+01", f"{NOON}+01:00"),
        (b"Mon, 5 Jan 2026 12:00:00 + 0100", f"{NOON}+01:00"),
        (b"Mon, 5 Jan 2026 12:00:00 +01 00", f"{NOON}+01:00"),
        (b"Mon, 5 Jan 2026 12:00:00 +01: 30", f"{NOON}+01:30"),
        (b"Mon Jan  5 12:00:00 +01 2026", f"{NOON}+01:00"),
        (b"Mon Jan  5 12:00:00 PM 2026", f"{NOON}+00:00"),
        (b"Mon, (a (b (c)) 4 Feb) 5 Jan 2026 12:00:00 +0100 (x (y", f"{NOON}+01:00"),
    ],
)
def test_a_date_is_read_in_any_usual_form(written: bytes, expected: str) -> None:
    date = parse_message(message(b"Date: " + written)).date
    assert date is not None
    assert date.isoformat() == expected


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"yesterday",
        b"Mon, 30 Feb 2026 12:00:00 +0000",
        b"Mon, 5 Jan 2026 25:00:00 +0000",
        b"Mon, 5 Jan 0000 12:00:00 +0000",
        b"Mon, 5 Jan 20260 12:00:00 +0000",
        b"1 Jan 0001 00:00:00 +0100",
        b"31 Dec 9999 23:59:59 -0100",
        b"((((((((((",
        b"\xff\0",
    ],
)
def test_what_is_no_date_gives_none(written: bytes) -> None:
    assert parse_message(message(b"Date: " + written)).date is None


@pytest.mark.parametrize("written", [b"1 Jan 0001 00:00:00 -0100", b"31 Dec 9999 23:59:59 +0100"])
def test_every_date_can_be_told_in_utc(written: bytes) -> None:
    date = parse_message(message(b"Date: " + written)).date
    assert date is not None
    assert 1 <= date.astimezone(UTC).year <= 9999


def test_a_message_without_a_date_has_none() -> None:
    assert parse_message(message()).date is None
