"""A message whose only content is neither plain text nor HTML is no empty ticket where a person can read it."""

from __future__ import annotations

import pytest

from postmaster.parsing.other_text import MAX_DATA
from tests.parsing.messages import PNG, attachment, message, multipart, part, text
from tests.parsing.test_reading import names, read
from tests.support import Desk

INVITATION = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Repair of lift 2\r\nLOCATION:Hall A\r\n"
    b"DTSTART;TZID=Europe/Berlin:20261130T090000\r\nDTEND;TZID=Europe/Berlin:20261130T100000\r\n"
    b"ORGANIZER;CN=Ann:mailto:ann@b.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
SEEN = (
    "What: Repair of lift 2\nWhen: 2026-11-30 09:00 Europe/Berlin – 2026-11-30 10:00 Europe/Berlin\nWhere: Hall A\n"
    "Organiser: Ann <ann@b.example>"
)
CSV = b"room;state\r\n12;cold\r\n"
XML = b"<order><room>12</room></order>"
XHTML = b'<html xmlns="http://www.w3.org/1999/xhtml"><body><p>The lift is stuck.</p></body></html>'
AMP = b"<!doctype html><html amp4email><body><p>The lift is stuck.</p></body></html>"
FILE = b"Content-Disposition: attachment; filename="


@pytest.mark.parametrize(
    ("fields", "body", "said", "files"),
    [
        ((b"Content-Type: text/calendar",), INVITATION, SEEN, ["part-1.ics"]),
        ((b"Content-Type: text/calendar; method=REQUEST", FILE + b"invite.ics"), INVITATION, SEEN, ["invite.ics"]),
        ((b"Content-Type: application/ics; name=invite.ics", FILE + b"invite.ics"), INVITATION, SEEN, ["invite.ics"]),
        ((b"Content-Type: application/octet-stream", FILE + b"invite.ics"), INVITATION, SEEN, ["invite.ics"]),
        ((b"Content-Type: text/calendar", FILE + b"broken.ics"), b"BEGIN:VCALENDAR", "BEGIN:VCALENDAR", ["broken.ics"]),
        ((b"Content-Type: text/csv",), CSV, "12;cold", ["part-1.csv"]),
        ((b"Content-Type: text/csv", FILE + b"rooms.csv"), CSV, "12;cold", ["rooms.csv"]),
        ((b"Content-Type: application/octet-stream", FILE + b"rooms.csv"), CSV, "12;cold", ["rooms.csv"]),
        ((b"Content-Type: text/xml; charset=utf-8",), XML, "<room>12</room>", ["part-1.xml"]),
        ((b"Content-Type: application/xml", FILE + b"order.xml"), XML, "<room>12</room>", ["order.xml"]),
        ((b"Content-Type: application/atom+xml; name=order.xml",), XML, "<room>12</room>", ["order.xml"]),
        ((b"Content-Type: application/json; name=a.json",), b'{"room": 12}', '"room": 12', ["a.json"]),
        ((b"Content-Type: text/vcard; name=ann.vcf",), b"BEGIN:VCARD\nFN:Ann\n", "FN:Ann", ["ann.vcf"]),
        ((b"Content-Type: text/markdown",), b"# Lift\n\nis *stuck*", "is *stuck*", []),
        ((b"Content-Type: text/markdown", FILE + b"a.md"), b"# Lift\n\nis *stuck*", "is *stuck*", ["a.md"]),
        ((b"Content-Type: text/enriched",), b"<bold>The lift</bold>\nis stuck", "The lift is stuck", []),
        ((b"Content-Type: text/enriched", FILE + b"a.txt"), b"<bold>The lift</bold>", "The lift", ["a.txt"]),
        ((b"Content-Type: text/x-log", FILE + b"a.log"), b"lift: stuck", "lift: stuck", ["a.log"]),
        ((b"Content-Type: application/xhtml+xml",), XHTML, "The lift is stuck.", []),
        ((b"Content-Type: text/x-amp-html",), AMP, "The lift is stuck.", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["alone", "behind an empty text", "beside a logo"])
def test_what_is_alone_is_read(
    desk: Desk, fields: tuple[bytes, ...], body: bytes, said: str, files: list[str], form: str
) -> None:
    only = message(*fields, body=body)
    if form == "behind an empty text":
        only = multipart(b"mixed", text(b" \r\n"), part(*fields, body=body))
    elif form == "beside a logo":
        only = multipart(b"mixed", part(*fields, body=body), attachment(PNG, b"logo.png", b"image/png"))
    shown = read(desk, only)
    assert said in shown["text"]
    shown_files = [name for name in names(shown) if name != "logo.png"]
    assert [name.partition(".")[2] for name in shown_files] == [name.partition(".")[2] for name in files]
    assert [name for name in shown_files if "part-" not in name] == [name for name in files if "part-" not in name]


@pytest.mark.parametrize("kind", [b"application/xhtml+xml", b"text/x-amp-html"])
def test_html_by_another_name_is_shown_as_html(desk: Desk, kind: bytes) -> None:
    shown = read(desk, message(b"Content-Type: " + kind, body=XHTML))
    assert "<p>The lift is stuck.</p>" in shown["html"]


def test_of_long_data_the_text_says_where_the_rest_is(desk: Desk) -> None:
    rows = b"12;cold\r\n" * MAX_DATA
    shown = read(desk, message(b"Content-Type: text/csv", FILE + b"rooms.csv", body=rows))
    assert len(shown["text"]) < MAX_DATA + 100
    assert shown["text"].rstrip().endswith("All of it is in the attachment “rooms.csv”.")


@pytest.mark.parametrize("kind", [b"text/csv", b"application/xml", b"text/x-log"])
def test_of_several_files_none_is_the_text(desk: Desk, kind: bytes) -> None:
    data = part(b"Content-Type: " + kind, FILE + b"rooms.csv", body=CSV)
    shown = read(desk, multipart(b"mixed", data, attachment()))
    assert (shown["text"], names(shown)) == ("", ["rooms.csv", "a.pdf"])


def test_a_calendar_among_files_is_read(desk: Desk) -> None:
    calendar = part(b"Content-Type: text/calendar", FILE + b"invite.ics", body=INVITATION)
    shown = read(desk, multipart(b"mixed", attachment(), calendar))
    assert SEEN in shown["text"]
    assert names(shown) == ["a.pdf", "invite.ics"]


@pytest.mark.parametrize("kind", [b"text/calendar", b"text/csv", b"text/rtf", b"text/markdown", b"application/xml"])
def test_beside_a_text_it_is_a_file(desk: Desk, kind: bytes) -> None:
    data = part(b"Content-Type: " + kind, FILE + b"a.b", body=CSV)
    shown = read(desk, multipart(b"mixed", text(b"see"), data))
    assert (shown["text"].strip(), names(shown)) == ("see", ["a.b"])
