"""Boundaries, nesting, and opening a part by its number."""

from __future__ import annotations

import hashlib
import re

import pytest

from postmaster.parsing.parser import parse_message, part_content
from postmaster.parsing.structure import _STRETCH, MAX_DEPTH, MAX_PARTS, Source
from tests.parsing.messages import PDF, PNG, attachment, message, multipart, part, text

PARTS = b"--%s\r\n\r\none\r\n--%s\r\nContent-Type: image/png\r\n\r\nPNG\r\n--%s--\r\n"


def read_with(declared: bytes, used: bytes) -> tuple[str, int]:
    """Text and number of attachments of a multipart that declares one boundary and uses another."""
    kind = b"Content-Type: multipart/mixed" + declared
    read = parse_message(message(kind, body=b"preamble\r\n" + PARTS % (used, used, used)))
    return read.text, len(read.attachments)


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        (b"; boundary=b1", b"b1"),
        (b'; boundary="b 1"', b"b 1"),
        (b"; boundary=a:b/c=d?", b"a:b/c=d?"),
        (b'; boundary="b1 "', b"b1"),
        (b'; boundary="b\\"1"', b'b"1'),
        (b";\r\n boundary=b1;\r\n charset=x", b"b1"),
        (b'; boundary="a\r\n b"', b"a b"),
        (b'; boundary="a\r\n b"', b"ab"),
        (b"; boundary=\xfcb", b"\xfcb"),
        (b"; boundary=" + b"x" * 300, b"x" * 300),
        (b'; boundary="never closed', b"never closed"),
        (b"", b"b1"),
        (b"; boundary=", b"b1"),
        (b'; boundary=""', b"b1"),
        (b"; boundary=other", b"b1"),
        (b"; boundary=b1--", b"b1--"),
    ],
)
def test_a_boundary_may_be_illegal_folded_wrong_or_missing(declared: bytes, used: bytes) -> None:
    assert read_with(declared, used) == ("one", 1)


@pytest.mark.parametrize("names", [(b"b", b"bb"), (b"bb", b"b"), (b"b", b"b-"), (b"b", b"b--x"), (b"-", b"--")])
def test_boundaries_may_be_prefixes_of_each_other(names: tuple[bytes, bytes]) -> None:
    outer, inner = names
    alternative = multipart(b"alternative", text(b"one"), text(b"<p>one", subtype=b"html"), boundary=inner)
    read = parse_message(multipart(b"mixed", alternative, attachment(), boundary=outer))
    assert (read.text, read.html, len(read.attachments)) == ("one", "<p>one", 1)


def test_nested_multiparts_may_share_their_boundary() -> None:
    alternative = multipart(b"alternative", text(b"one"), text(b"<p>one", subtype=b"html"))
    read = parse_message(multipart(b"mixed", alternative, attachment()))
    assert (read.text, read.html, len(read.attachments)) == ("one", "<p>one", 1)


def test_a_multipart_need_not_be_closed() -> None:
    inner = b'Content-Type: multipart/alternative; boundary="i"\r\n\r\n--i\r\n\r\none\r\n'
    raw = multipart(b"mixed", inner, attachment())
    read = parse_message(raw[: raw.rindex(b"--b1--")])
    assert (read.text, [each.part for each in read.attachments]) == ("one\n", ["2"])


def test_parts_after_the_closing_boundary_are_read_and_words_around_the_parts_are_not() -> None:
    raw = multipart(b"mixed", text(b"one")) + b"a footer\r\n--b1\r\nContent-Type: image/png\r\n\r\nPNG"
    read = parse_message(raw)
    assert (read.text, len(read.attachments)) == ("one", 1)


@pytest.mark.parametrize("body", [b"Hello\r\n", b"Hello\r\n--\r\n", b"Hello\r\n--x\r\nno field\r\n", b"Hello --b1"])
def test_a_multipart_without_parts_is_text(body: bytes) -> None:
    read = parse_message(message(b"Content-Type: multipart/mixed; boundary=b1", body=body))
    assert read.text == body.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("raw", "subject", "body"),
    [
        (b"", "", ""),
        (b"\r\n", "", ""),
        (b"\0", "", ""),
        (b"\r", "", ""),
        (b"Subject: x", "x", ""),
        (b"Subject: x\r\n", "x", ""),
        (b"Subject: x\r\n\r\n", "x", ""),
        (b"\r\nHello", "", "Hello"),
        (b"Hello Ann\r\nhow are you", "", "Hello Ann\nhow are you"),
        (b" Hello", "", " Hello"),
        (b"\xff\xfe", "", "ÿþ"),
    ],
)
def test_a_message_may_lack_header_body_or_everything(raw: bytes, subject: str, body: str) -> None:
    read = parse_message(raw)
    assert (read.subject, read.text, read.attachments) == (subject, body, ())


def nested(depth: int) -> bytes:
    """Multiparts within each other, with a text in the innermost."""
    inner = text(b"deep")
    for level in range(depth):
        inner = multipart(b"mixed", inner, boundary=b"level-%d" % level)
    return inner


def test_nesting_is_followed_to_its_limit() -> None:
    assert parse_message(nested(MAX_DEPTH)).text == "deep"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000])
def test_what_is_nested_too_deep_is_kept_as_one_attachment(depth: int) -> None:
    raw = nested(depth)
    (rest,) = parse_message(raw).attachments
    assert rest.content_type == "multipart/mixed"
    assert b"deep" in part_content(raw, rest.part)


def test_parts_beyond_the_limit_stay_in_the_last_one() -> None:
    raw = multipart(b"mixed", *[attachment()] * (MAX_PARTS + 5))
    attachments = parse_message(raw).attachments
    assert len(attachments) == MAX_PARTS
    assert part_content(raw, attachments[-1].part).count(PDF) == 6


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_each_attachment_can_be_opened_by_its_number(newline: bytes) -> None:
    content = PNG.replace(b"\r\n", b"").replace(b"\n", b"")
    image = part(b"Content-Type: image/png", b"Content-ID: <i>", body=content)
    forwarded = part(b"Content-Type: message/rfc822", body=message())
    raw = multipart(b"mixed", multipart(b"related", text(b"hi"), image, boundary=b"r"), attachment(), forwarded)
    raw = raw.replace(b"\r\n", newline)
    attachments = parse_message(raw).attachments
    assert [each.part for each in attachments] == ["1.2", "2", "3"]
    contents = [part_content(raw, each.part) for each in attachments]
    assert contents[:2] == [content, PDF]
    assert parse_message(contents[2]).subject == "Printer"
    for each, opened in zip(attachments, contents, strict=True):
        assert (each.size, each.sha256) == (len(opened), hashlib.sha256(opened).hexdigest())


def test_the_only_part_of_a_message_is_number_one() -> None:
    assert part_content(message(body=b"Hello"), "1") == b"Hello"


@pytest.mark.parametrize("number", ["", "0", "2", "1.1", "x"])
def test_a_part_that_is_not_there_is_a_key_error(number: str) -> None:
    with pytest.raises(KeyError):
        part_content(message(), number)


@pytest.mark.parametrize("kind", [b"image", b"application", b"audio", b"video"])
def test_a_type_without_subtype_that_is_no_text_is_a_file(kind: bytes) -> None:
    read = parse_message(message(b"Content-Type: " + kind, body=PNG))
    assert (read.text, len(read.attachments)) == ("", 1)


@pytest.mark.parametrize("blank", ["\u200b", "\u00a0", " \u200b\u00a0\ufeff"])
def test_a_plain_part_that_shows_nothing_gives_way_to_html(blank: str) -> None:
    plain = part(b"Content-Type: text/plain; charset=utf-8", body=blank.encode())
    raw = multipart(b"alternative", plain, part(b"Content-Type: text/html", body=b"<p>Hello</p>"))
    assert parse_message(raw).text.strip() == "Hello"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("many", [b"-", b"\n--", b"=", b"well-known\n"], ids=["rule", "rules", "base64", "words"])
def test_delimiters_are_found_wherever_stretches_of_the_search_end(many: bytes, newline: bytes) -> None:
    for place in range(_STRETCH - 4, _STRETCH + 4):
        raw = b"-" + (many * _STRETCH)[: place - 1] + newline + b"--b" + newline + many * 3 + newline + b"--b--"
        plain: dict[bytes, list[tuple[int, int]]] = {}
        for line in re.finditer(rb"\n--([^\n]*+)", raw):
            plain.setdefault(line[1].rstrip(), []).append((line.start(), min(line.end() + 1, len(raw))))
        assert Source(raw).delimiters == plain
