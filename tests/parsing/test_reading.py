"""What an agent reads, through ``flask read``: the text in its order, in all its kinds."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.parsing.messages import PDF, attachment, message, multipart, part, text
from tests.support import Desk

HTML = text(b"<p>The lift is stuck.</p>", subtype=b"html")
PLAIN = text(b"The lift is stuck.\r\n")
BOTH = multipart(b"alternative", PLAIN, HTML, boundary=b"both")
FOOTER = text(b"Sent <by> the list & others\r\n")
DISCLAIMER = text(b"<p>This mail is confidential.</p>", subtype=b"html")
PARTS = b"--b1\n\nstuck.\n--b1\nContent-Type: application/pdf; name=a.pdf\n\n" + PDF + b"\n--b1--\n"
NAMED = part(b'Content-Type: text/plain; name="report.txt"', body=b"Room 12 is cold.\r\n")


def read(desk: Desk, raw: bytes) -> dict[str, Any]:
    """What the command prints of a message."""
    printed: dict[str, Any] = desk.ok("read", "--dry-run", "--json", input=raw).json["message"]
    return printed


def words(value: str | None) -> list[str]:
    """Words of text, or of HTML without its tags."""
    return re.sub(r"<[^>]*>", " ", value or "").split()


def names(shown: dict[str, Any]) -> list[str]:
    """The names of the attachments."""
    return [each["filename"] for each in shown["attachments"]]


@pytest.mark.parametrize(
    ("raw", "order"),
    [
        (multipart(b"mixed", PLAIN, DISCLAIMER), ["stuck.", "confidential."]),
        (multipart(b"mixed", HTML, FOOTER), ["stuck.", "others"]),
        (multipart(b"mixed", PLAIN, attachment(), HTML, FOOTER), ["stuck.", "stuck.", "others"]),
        (multipart(b"mixed", BOTH, DISCLAIMER), ["stuck.", "confidential."]),
        (multipart(b"related", HTML, DISCLAIMER), ["stuck.", "confidential."]),
        (multipart(b"mixed", multipart(b"signed", HTML, attachment(), boundary=b"i"), FOOTER), ["stuck.", "others"]),
        (multipart(b"mixed", text(b"<p>a<!-- open <style>", subtype=b"html"), FOOTER), ["a", "others"]),
        (multipart(b"mixed", text(b'<p>a</p><a href="open', subtype=b"html"), FOOTER), ["a", "others"]),
    ],
)  # fmt: skip
def test_all_pieces_of_the_text_are_read_in_their_order_as_text_and_as_html(
    desk: Desk, raw: bytes, order: list[str]
) -> None:
    shown = read(desk, raw)
    for value in (shown["text"], shown["html"]):
        assert [word for word in words(value) if word in order] == order


def test_plain_pieces_stand_escaped_in_the_html(desk: Desk) -> None:
    assert "<pre>Sent &lt;by&gt; the list &amp; others" in read(desk, multipart(b"mixed", HTML, FOOTER))["html"]
    assert read(desk, multipart(b"mixed", PLAIN, FOOTER))["html"] is None


@pytest.mark.parametrize("empty", [b"", b" \r\n", b"\xc2\xa0\r\n"])
def test_an_empty_member_of_an_alternative_gives_way_to_its_sibling(desk: Desk, empty: bytes) -> None:
    shown = read(desk, multipart(b"alternative", text(empty), HTML))
    assert words(shown["text"]) == words(shown["html"]) == ["The", "lift", "is", "stuck."]
    blank = text(b"<html><head><style>p {}</style></head><body><p>&nbsp;</p></body></html>", subtype=b"html")
    assert words(read(desk, multipart(b"alternative", PLAIN, blank))["text"])[-1] == "stuck."
    assert read(desk, multipart(b"alternative", PLAIN, blank))["html"] is None


def test_members_of_an_alternative_that_say_the_same_are_read_once(desk: Desk) -> None:
    shown = read(desk, multipart(b"alternative", PLAIN, HTML))
    assert (words(shown["text"]), names(shown)) == (["The", "lift", "is", "stuck."], [])
    other = multipart(b"alternative", text(b"something else"), PLAIN, HTML)
    assert (words(read(desk, other)["text"])[-1], names(read(desk, other))) == ("stuck.", ["part-1.txt"])


@pytest.mark.parametrize(
    ("raw", "last", "files"),
    [
        (multipart(b"mixed", NAMED, attachment()), "cold.", ["a.pdf"]),
        (multipart(b"mixed", text(b" \r\n"), NAMED), "cold.", []),
        (multipart(b"mixed", PLAIN, NAMED), "stuck.", ["report.txt"]),
        (multipart(b"mixed", NAMED, PLAIN), "stuck.", ["report.txt"]),
        (multipart(b"mixed", NAMED, NAMED.replace(b"report", b"second")), "cold.", ["second.txt"]),
        (multipart(b"related", NAMED, attachment()), "cold.", ["a.pdf"]),
        (multipart(b"alternative", PLAIN, HTML, NAMED), "stuck.", ["report.txt"]),
        (multipart(b"alternative", NAMED, HTML), "cold.", []),
        (multipart(b"mixed", attachment(b"log", b'"log.txt"', b"text/plain")), None, ["log.txt"]),
    ],
)
def test_whether_a_named_text_is_the_text_is_judged_in_its_message(
    desk: Desk, raw: bytes, last: str | None, files: list[str]
) -> None:
    shown = read(desk, raw)
    assert (words(shown["text"])[-1:], names(shown)) == ([last] if last else [], files)


def test_the_root_of_a_related_may_be_named_by_its_start(desk: Desk) -> None:
    root = part(b'Content-Type: text/html; name="x.html"', b"Content-ID: <root@x>", body=b"<p>the root</p>")
    raw = multipart(b'related; start="<root@x>"', attachment(), root)
    assert words(read(desk, raw)["text"]) == ["the", "root"]


@pytest.mark.parametrize("kind", [b"text/x-amp-html", b"text/watch-html"])
def test_renderings_for_other_programs_are_left_out(desk: Desk, kind: bytes) -> None:
    variant = part(b"Content-Type: " + kind, body=b"<html amp4email>variant</html>")
    shown = read(desk, multipart(b"alternative", PLAIN, variant, HTML))
    assert ("variant" in shown["text"], "variant" in shown["html"], names(shown)) == (False, False, [])


def flowed(body: bytes, delsp: bytes = b"") -> bytes:
    """Text with format=flowed."""
    return message(b"Content-Type: text/plain; format=flowed" + delsp, body=body)


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (flowed(b"one \r\ntwo\r\n"), ["one two"]),
        (flowed(b"https://x.example/a/ \r\nb\r\n", b"; DelSp=yes"), ["https://x.example/a/b"]),
        (flowed(b" From here\r\n"), ["From here"]),
        (flowed(b"> one \r\n> two\r\n>> three \r\n> four\r\n"), ["> one two", ">> three", "> four"]),
        (flowed(b"one \r\n-- \r\nAnn\r\n"), ["one", "--", "Ann"]),
        (flowed(b"one\r\n\r\ntwo\r\n"), ["one", "", "two"]),
    ],
)
def test_flowed_lines_are_joined_and_quotes_and_signatures_stay_apart(desk: Desk, raw: bytes, lines: list[str]) -> None:
    assert [line.rstrip() for line in read(desk, raw)["text"].rstrip("\n").split("\n")] == lines


CALENDAR = b"""BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Europe/Berlin
END:VTIMEZONE
BEGIN:VEVENT
SUMMARY:Visit\\, second floor
DTSTART;TZID="Europe/Berlin":20261105T090000
DTEND;TZID="Europe/Berlin":20261105T100000
LOCATION:Hall
  A
ORGANIZER;CN="Ann Doe":mailto:ann@customer.example
DESCRIPTION:Bring\\nthe key.
BEGIN:VALARM
DESCRIPTION:alarm
END:VALARM
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_alone_says_what_when_where_and_who(desk: Desk) -> None:
    alone = message(b"Content-Type: text/calendar; charset=utf-8; method=REQUEST", body=CALENDAR)
    shown = read(desk, alone)
    assert shown["text"] == (
        "What: Visit, second floor\nWhen: 2026-11-05 09:00 Europe/Berlin – 2026-11-05 10:00 Europe/Berlin\n"
        "Where: Hall A\nOrganiser: Ann Doe <ann@customer.example>\n\nBring\nthe key.\n"
    )
    assert names(shown) == ["part-1.ics"]
    beside = multipart(b"mixed", PLAIN, part(b"Content-Type: text/calendar", body=CALENDAR))
    assert (words(read(desk, beside)["text"])[-1], names(read(desk, beside))) == ("stuck.", ["part-2.ics"])


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (b"text/enriched", b"<bold>A lift</bold>\n<param>red</param>is <<stuck>.\n\nAnn", "A lift is <stuck>.\nAnn\n"),
        (b"text/richtext", b"<bold>The lift</bold> is<nl>stuck <lt>", "The lift is\nstuck <\n"),
        (b"text/markdown", b"# The *lift*\n", "# The *lift*\n"),
        (b"text/x-unheard-of", b"words\n", "words\n"),
    ],
)  # fmt: skip
def test_another_kind_of_text_is_read_if_it_is_the_only_one(
    desk: Desk, kind: bytes, body: bytes, expected: str
) -> None:
    assert read(desk, message(b"Content-Type: " + kind, body=body))["text"] == expected


@pytest.mark.parametrize(
    ("raw", "text_has", "files"),
    [
        (
            multipart(b'mixed; boundary="gone"', PLAIN, attachment(), fields=(b"Content-Type: text/plain",)),
            "stuck.",
            ["a.pdf"],
        ),
        (
            message(b"MIME-Version: 1.0 Content-Type: multipart/mixed; boundary=b1", body=PARTS),
            "stuck.",
            ["a.pdf"],
        ),
        (
            message(
                b"Content-Type: multipart/mixed; boundary=b1",
                b"Content-Transfer-Encoding: base64",
                body=base64.encodebytes(PARTS),
            ),
            "stuck.",
            ["a.pdf"],
        ),
        (b"From: a@b\rSubject: x\rContent-Type: text/plain\r\rstuck.\r\nbye\n", "stuck.", []),
        (b"From: a@b\n\rSubject: x\n\rContent-Type: text/plain\n\r\n\rstuck.\n\r", "stuck.", []),
    ],
)  # fmt: skip
def test_a_malformed_header_loses_nothing(desk: Desk, raw: bytes, text_has: str, files: list[str]) -> None:
    shown = read(desk, raw)
    assert text_has in shown["text"]
    assert (names(shown), "Content-Type" in shown["text"]) == (files, False)


def test_a_resource_fork_does_not_take_the_name_of_its_file(desk: Desk) -> None:
    fork = part(b"Content-Type: application/applefile; name=plan.pdf", body=b"\0\5\x16\7")
    file = part(b"Content-Type: application/pdf; name=plan.pdf", body=PDF)
    shown = read(desk, multipart(b"mixed", PLAIN, multipart(b"appledouble", fork, file, boundary=b"i")))
    assert {each["filename"]: each["content_type"] for each in shown["attachments"]} == {
        "plan.pdf.rsrc": "application/applefile",
        "plan.pdf": "application/pdf",
    }
