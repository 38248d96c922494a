"""Work that must not grow faster than the input: a megabyte each, read in well under a second."""

from __future__ import annotations

import time

import pytest

from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.parser import parse_message
from tests.parsing.messages import message, multipart, part
from tests.turns import in_turns

SIZE = 1_000_000
SECONDS = 3.0
"""Of processor time. Each takes less than 0.6 s on a slow machine; work that is quadratic would take minutes."""


def fill(unit: bytes) -> bytes:
    """A megabyte of ``unit``."""
    return unit * (SIZE // len(unit))


FIELDS = (
    b"Subject: ",
    b"From: ",
    b"References: ",
    b"Date: ",
    b"Content-Type: ",
    b"Content-Type: multipart/mixed; boundary=",
    b"Content-Type: text/plain; charset=",
    b"Content-Disposition: attachment; filename=",
    b"Content-Transfer-Encoding: ",
)
UNITS = (
    b"=?utf-8?q?", b"=?utf-8?b?YQ=?= ", b"=?", b"=?u?q??", b",", b"a,", b"a@b,", b'"', b'\\"', b'"\\', b"(", b"\\(",
    b"<", b"<a", b";", b"; a=b", b"; filename*1*=%", b'; x="a', b" ", b"\r\n ", b"\n\t\r", b"\r", b"\xff", b"\0", b"a",
)  # fmt: skip


@pytest.mark.parametrize(("field", "unit"), [(field, unit) for unit in UNITS for field in in_turns(FIELDS, repr(unit))])
def test_a_header_field_of_a_megabyte_is_read_in_linear_time(field: bytes, unit: bytes) -> None:
    read_in_time(part(field + fill(unit), b"X-After: 1", body=b"Hello"))


@pytest.mark.parametrize("unit", [b"a:\n", b"a: =?u?q?x?=\n", b'X: "\n"a\n', b"junk\nFrom: x\n", b" \n", b"To: a@b\n"])
def test_a_header_of_a_megabyte_is_read_in_linear_time(unit: bytes) -> None:
    read_in_time(b"X: y\n" + fill(unit) + b"\nHello")


def test_a_megabyte_of_carriage_returns_between_fields_is_read_in_linear_time() -> None:
    read = read_in_time(b"From: a@b.c\n" + fill(b"\r") + b"x")
    assert read.from_ is not None
    assert read.from_.address == "a@b.c"


def test_twenty_thousand_headers_are_all_kept() -> None:
    fields = [b"X-%d: %d" % (number, number) for number in range(20_000)]
    assert len(read_in_time(part(*fields, b"Subject: last")).headers) == 20_001


@pytest.mark.parametrize(
    "unit",
    [b"<!--", b"<", b"<a ", b'<a "', b"&", b"&#1", b"&#", b"<script>", b"</script", b"<p> ", b"\n", b"\r", b"<!"],
)  # fmt: skip
def test_html_of_a_megabyte_is_made_text_in_linear_time(unit: bytes) -> None:
    read_in_time(message(b"Content-Type: text/html", body=fill(unit)))


@pytest.mark.parametrize("tags", [(b"<xml>", b"</svg>"), (b"<svg>", b"</xml>"), (b"<b>", b"</i>"), (b"<div>", b"</p>")])
def test_tags_within_one_another_are_read_in_linear_time(tags: tuple[bytes, bytes]) -> None:
    body = b"before" + b"".join(tag * (SIZE // 11) for tag in tags) + b"behind"
    text = read_in_time(message(b"Content-Type: text/html", body=body)).text
    assert "before" in text
    assert "behind" in text


ENCODINGS = (b"base64", b"quoted-printable", b"x-uuencode")
ENCODED = (b"=", b"A=", b"A===", b"= ", b"=\r", b"begin 644 a\n", b"M\n", b"\xff")


@pytest.mark.parametrize(
    ("encoding", "unit"), [(encoding, unit) for encoding in ENCODINGS for unit in in_turns(ENCODED, repr(encoding), 4)]
)
def test_a_transfer_encoding_is_undone_in_linear_time(encoding: bytes, unit: bytes) -> None:
    read_in_time(message(b"Content-Transfer-Encoding: " + encoding, body=b"begin 644 a\n" + fill(unit)))


CHARSETS = (b"utf-7", b"utf-8", b"utf-16", b"iso-2022-jp", b"hz", b"gb18030", b"johab")
TEXTS = (b"\xff", b"+", b"+2AA-", b"~{", b"\x1b$B", b"\x80", b"\xd8\0")


@pytest.mark.parametrize(
    ("charset", "unit"), [(charset, unit) for charset in CHARSETS for unit in in_turns(TEXTS, repr(charset), 3)]
)
def test_text_is_decoded_in_linear_time(charset: bytes, unit: bytes) -> None:
    read_in_time(message(b"Content-Type: text/plain; charset=" + charset, body=fill(unit)))


@pytest.mark.parametrize(
    "unit",
    [
        b"--b1\n",
        b"--b1--\n",
        b"--\n",
        b"--b1x\n",
        b"--b1\nContent-Type: multipart/mixed; boundary=b1\n\n",
        b"--b1\nContent-Type: multipart/mixed\n\n--x\n\n",
        b"--b1\nContent-Type: message/rfc822\n\nSubject: x\n\n",
        b"--b1\nContent-Type: image/png; name=a\n\n",
    ],
)
def test_parts_without_number_are_read_in_linear_time(unit: bytes) -> None:
    read_in_time(message(b"Content-Type: multipart/mixed; boundary=b1", body=fill(unit)))


@pytest.mark.parametrize("name", [b"b%d", b"b", b"%d"])
def test_multiparts_nested_without_end_are_read_in_linear_time(name: bytes) -> None:
    levels = [name % level if b"%" in name else name for level in range(10_000)]
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=%s\n\n--%s\n" % (level, level) for level in levels)
    read_in_time(raw + b"\nHello")


def test_boundaries_that_are_prefixes_of_each_other_do_not_multiply_the_work() -> None:
    raw = multipart(b"mixed", b"\r\n" + fill(b"--aaaaX\r\n"), boundary=b"a" * 60)
    for length in range(59, 0, -1):
        raw = multipart(b"mixed", raw, boundary=b"a" * length)
    read_in_time(raw)


def read_in_time(raw: bytes) -> ParsedMessage:
    """Read ``raw``, and see how long it took."""
    started = time.process_time()
    read = parse_message(raw)
    assert time.process_time() - started < SECONDS
    return read
