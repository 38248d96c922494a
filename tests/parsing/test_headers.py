"""Header fields: unfolding, undeclared bytes, encoded words, and headers that end in odd places."""

from __future__ import annotations

import base64

import pytest

from postmaster.parsing.parser import parse_message
from tests.parsing.messages import message, part


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        (b"Printer", "Printer"),
        (b"a\r\n folded\r\n\tline", "a folded line"),
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        ("10 € – “ok”".encode("cp1252"), "10 € – “ok”"),
        (b"=?UTF-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=", "Grüße aus Köln"),
        (b"=?utf-8?b?" + base64.b64encode("Grüße".encode()) + b"?=", "Grüße"),
        (b"=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"Re: =?utf-8?Q?=C3=BC?= x =?utf-8?Q?=C3=9F?=", "Re: ü x ß"),
        (b"=?utf-8?Q?a?= =?utf-8?Q?b?=\r\n =?iso-8859-1?Q?=FC?=", "abü"),
        (b"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),
        (b"x=?utf-8?Q?=C3=BC?=y", "xüy"),
    ],
)
def test_a_subject_is_read_as_its_writer_meant_it(written: bytes, subject: str) -> None:
    assert parse_message(message(b"Subject: " + written)).subject == subject


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        (b"=?utf-8?Q?Gr\xc3\xbc\xc3\x9fe?=", "Grüße"),
        (b"=?iso-8859-1?Q?Gr\xfc\xdfe?=", "Grüße"),
        (b"=?utf-8?Q?Gr\xfc\xdfe?=", "Grüße"),
        (b"=?utf-8?Q?Hello World?=", "Hello World"),
        (b"=?utf-8?Q?Really??=", "Really?"),
        (b"=?utf-8?Q?What? Why??=", "What? Why?"),
        (b"=?utf-8?Q?a=?=", "a"),
        (b"=?utf-8?Q?K=C3?=\r\n =?utf-8?Q?=B6ln?=", "Köln"),
        (b"=?utf-8?Q?K=C3?= =?UTF-8?q?=B6ln?=", "Köln"),
        (b"=?utf-8?B?S8M=?=\r\n =?utf-8?B?tmxu?=", "Köln"),
        (b"=?utf-8?B?S8O?=\r\n =?utf-8?B?2bG4?=", "Köln"),
        (b"=?utf-8?B?S8O2bG4?=", "Köln"),
        (b"=?utf-8?B?S8O2b!G4=?=", "Köln"),
    ],
)
def test_an_encoded_word_may_be_careless_or_cut_in_the_middle_of_a_character(written: bytes, subject: str) -> None:
    assert parse_message(message(b"Subject: " + written)).subject == subject


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        (b"=?utf-8?Q?never closed", "=?utf-8?Q?never closed"),
        (b"=?utf-8?X?a?=", "=?utf-8?X?a?="),
        (b"=?", "=?"),
        (b"=?utf-8?Q?lost =?utf-8?Q?found?=", "=?utf-8?Q?lost found"),
    ],
)
def test_what_is_no_encoded_word_stays_as_it_is(written: bytes, subject: str) -> None:
    assert parse_message(message(b"Subject: " + written)).subject == subject


@pytest.mark.parametrize(
    ("charset", "data", "subject"),
    [
        (b"x-unknown", b"=C3=BC", "ü"),
        (b"unicode_escape", b"=5Cud800", "\\ud800"),
        (b"rot13", b"a", "a"),
        (b"idna", b"a=C3=BC", "aü"),
        (b"utf-7", b"+2AA-x", "�x"),
        (b"utf-7", b"+AOk-", "é"),
        (b"utf-16", b"=FF=FE=FC=00", "ü"),
        (b"utf-16-le", b"=00=D8a=00", "�a"),
        (b"utf-8", b"=ED=A0=80x", "í\N{REPLACEMENT CHARACTER}"),
        (b"punycode", b"a-b", "a-b"),
    ],
)
def test_a_charset_that_is_no_text_encoding_or_gives_surrogates_does_no_harm(
    charset: bytes, data: bytes, subject: str
) -> None:
    read = parse_message(message(b"Subject: =?" + charset + b"?Q?" + data + b"?=")).subject
    read.encode("utf-8")
    assert read[:1] == subject[:1]


def test_all_headers_are_kept_in_order_with_values_decoded() -> None:
    raw = part(b"X-B: 1", b"From: a@b", b"x-b:  =?utf-8?Q?=C3=BC?=  ", b"X-Empty:", b"X-Fold: a\r\n\t b")
    read = parse_message(raw)
    assert read.headers == (("X-B", "1"), ("From", "a@b"), ("x-b", "ü"), ("X-Empty", ""), ("X-Fold", "a b"))
    assert read.header_values("X-B") == ["1", "ü"]


@pytest.mark.parametrize("encoded", [b"=?utf-8?Q?a=0D=0ABcc:_x?=", b"=?utf-8?Q?a=0ABcc:_x?="])
def test_an_encoded_line_break_makes_no_new_line(encoded: bytes) -> None:
    assert parse_message(message(b"Subject: " + encoded)).subject.split() == ["a", "Bcc:", "x"]


def test_nul_bytes_are_dropped() -> None:
    read = parse_message(message(b"Subject: a\0b", b"To: x\0 <c\0@d>", body=b"a\0b"))
    assert (read.subject, read.text) == ("ab", "ab")
    assert read.to[0].address == "c@d"


@pytest.mark.parametrize(
    "prefix", [b"\r\n\r\n", b"\n", b"\xef\xbb\xbf", b"From ann Mon Jan  5 12:00:00 2026\r\n", b">From x\n", b" \r\n"]
)
def test_what_stands_before_the_header_is_skipped(prefix: bytes) -> None:
    read = parse_message(prefix + message())
    assert (read.subject, read.text) == ("Printer", "Hello\n")


def test_a_body_without_the_blank_line_before_it_is_not_lost() -> None:
    read = parse_message(b"Subject: Printer\r\nHello Ann,\r\nNote: it burns\r\n")
    assert (read.subject, read.text) == ("Printer", "Hello Ann,\nNote: it burns\n")


def test_a_broken_line_within_the_header_does_not_end_it() -> None:
    read = parse_message(b"Subject: a very long\nsubject\nFrom: ann@example.com\nX-A: 1\n\nHello\n")
    assert (read.subject, read.text) == ("a very long subject", "Hello\n")
    assert read.from_ is not None
    assert read.from_.address == "ann@example.com"


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
def test_any_kind_of_line_break_will_do(newline: bytes) -> None:
    raw = message(b"X-Fold: a\r\n b", body=b"one\r\ntwo\r\n").replace(b"\r\n", newline)
    read = parse_message(raw)
    assert (read.subject, read.text) == ("Printer", "one\ntwo\n")
    assert read.header_values("x-fold") == ["a b"]


@pytest.mark.parametrize(
    ("field", "ids"),
    [
        (b"<a@b> <c@d>", ("a@b", "c@d")),
        (b"<a@b>\r\n\t<c@d>,<e@f>", ("a@b", "c@d", "e@f")),
        (b"<a@b\r\n .c>", ("a@b.c",)),
        (b"a@b c@d", ("a@b", "c@d")),
        (b'Your message of "Mon" <a@b>', ("a@b",)),
        (b"<>", ()),
        (b"", ()),
    ],
)
def test_references_are_the_ids_in_their_order(field: bytes, ids: tuple[str, ...]) -> None:
    read = parse_message(message(b"References: " + field, b"In-Reply-To: " + field))
    assert read.references == read.in_reply_to == ids


@pytest.mark.parametrize(
    ("field", "expected"), [(b"<a@b>", "a@b"), (b" a@b ", "a@b"), (b"<>", None), (b"", None), (b"<a@b> x", "a@b")]
)
def test_a_message_id_comes_without_brackets(field: bytes, expected: str | None) -> None:
    assert parse_message(message(b"Message-ID: " + field)).message_id == expected


def test_the_first_of_a_field_that_may_come_once_counts() -> None:
    read = parse_message(message(b"Subject: one", b"Subject: two", b"To: a@b", b"TO: c@d"))
    assert read.subject == "one"
    assert [address.address for address in read.to] == ["a@b", "c@d"]
