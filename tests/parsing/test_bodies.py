"""Which parts are the text, which the HTML, and which are attachments."""

from __future__ import annotations

import base64
import hashlib

import pytest

from postmaster.parsing.parser import parse_message
from tests.parsing.messages import PDF, PNG, attachment, message, multipart, part, text

IMAGE = part(b"Content-Type: image/png", b"Content-ID: <logo@x>", body=PNG)
HTML = text(b"<p>Hello <b>Ann</b></p>", subtype=b"html")


def test_of_alternatives_the_plain_one_is_the_text_and_the_other_the_html() -> None:
    read = parse_message(multipart(b"alternative", text(b"Hello Ann"), HTML))
    assert (read.text, read.html, read.attachments) == ("Hello Ann", "<p>Hello <b>Ann</b></p>", ())


@pytest.mark.parametrize("plain", [b"", b" \r\n\r\n"])
def test_an_empty_plain_alternative_gives_way_to_the_html(plain: bytes) -> None:
    assert parse_message(multipart(b"alternative", text(plain), HTML)).text == "Hello Ann"


def test_text_is_made_of_html_that_comes_alone() -> None:
    read = parse_message(HTML)
    assert (read.text, read.html) == ("Hello Ann", "<p>Hello <b>Ann</b></p>")


def test_unnamed_inline_text_parts_all_belong_to_the_text() -> None:
    inline = part(b"Content-Disposition: inline", body=b"two\r\n")
    read = parse_message(multipart(b"mixed", text(b"one"), attachment(), inline, part(body=b"three")))
    assert read.text == "one\ntwo\nthree\n"
    assert [each.filename for each in read.attachments] == ["a.pdf"]


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Type: text/plain", b"Content-Disposition: attachment"),
        (b"Content-Type: text/plain; name=log.txt",),
        (b"Content-Type: text/plain", b'Content-Disposition: inline; filename="log.txt"'),
        (b"Content-Type: text/calendar",),
        (b"Content-Type: text/x-patch",),
    ],
)
def test_text_that_is_a_file_is_an_attachment(fields: tuple[bytes, ...]) -> None:
    read = parse_message(multipart(b"mixed", text(b"Hello"), part(*fields, body=b"x")))
    assert read.text == "Hello"
    assert len(read.attachments) == 1


def test_an_image_within_the_html_is_inline() -> None:
    shows = text(b'<p>Hello <b>Ann</b><img src="cid:logo@x"></p>', subtype=b"html")
    related = multipart(b"related", shows, IMAGE, boundary=b"rel")
    read = parse_message(multipart(b"alternative", text(b"Hello"), related))
    (image,) = read.attachments
    assert (read.text, read.images) == ("Hello", {"cid:logo@x": "2.2"})
    assert (image.part, image.filename, image.content_type) == ("2.2", "part-2.2.png", "image/png")
    assert (image.inline, image.content_id) == (True, "logo@x")


def test_an_attachment_is_described_by_its_decoded_content() -> None:
    encoded = part(b"Content-Type: application/pdf", b"Content-Transfer-Encoding: base64", body=base64.encodebytes(PDF))
    (pdf,) = parse_message(multipart(b"mixed", text(b"Hello"), encoded)).attachments
    assert (pdf.part, pdf.filename, pdf.size) == ("2", "part-2.pdf", len(PDF))
    assert pdf.sha256 == hashlib.sha256(PDF).hexdigest()
    assert (pdf.inline, pdf.content_id) == (False, None)


@pytest.mark.parametrize(
    ("fields", "filename"),
    [
        ((b"Content-Type: application/pdf",), "part-1.pdf"),
        ((b"Content-Type: application/octet-stream",), "part-1.bin"),
        ((b"Content-Type: application/ms-tnef; name=winmail.dat",), "winmail.dat"),
        ((b"Content-Type: nonsense/",), "part-1.bin"),
        ((b"Content-Type: text/plain", b"Content-Disposition: attachment; filename=a.txt"), "a.txt"),
    ],
)
def test_a_message_may_be_an_attachment_alone(fields: tuple[bytes, ...], filename: str) -> None:
    read = parse_message(message(*fields, body=PDF))
    (only,) = read.attachments
    assert (read.text, read.html) == ("", None)
    assert (only.part, only.filename, only.size) == ("1", filename, len(PDF))


def test_a_whole_message_that_has_a_name_is_still_its_text() -> None:
    assert parse_message(message(b"Content-Type: text/plain; name=body.txt")).text == "Hello\n"


@pytest.mark.parametrize("written", [b"text", b"", b"; charset=utf-8", b"foo", b"(comment)"])
def test_a_type_that_is_none_means_plain_text(written: bytes) -> None:
    assert parse_message(message(b"Content-Type: " + written)).text == "Hello\n"


@pytest.mark.parametrize(
    ("kind", "filename"),
    [
        (b"message/delivery-status", "part-2.txt"),
        (b"text/rfc822-headers", "part-2.txt"),
        (b"message/partial; id=x; number=1", "part-2.eml"),
        (b"message/external-body; access-type=URL", "part-2.bin"),
        (b"message/rfc822", "Where is it_.eml"),
    ],
)
def test_parts_of_reports_are_attachments_and_the_text_beside_them_is_the_text(kind: bytes, filename: str) -> None:
    inner = part(b"Content-Type: " + kind, body=b"Subject: Where is it/\r\n\r\nboundary? --b1x\r\n")
    read = parse_message(multipart(b"report", text(b"It bounced."), inner))
    assert read.text == "It bounced."
    assert [each.filename for each in read.attachments] == [filename]


def test_a_bounce_keeps_its_status_and_the_original_with_its_parts() -> None:
    status = part(b"Content-Type: message/delivery-status", body=b"\r\n\r\nbroken: \xff status")
    original = part(b"Content-Type: message/rfc822", body=multipart(b"mixed", text(b"in"), attachment(), boundary=b"i"))
    read = parse_message(multipart(b"report", text(b"It bounced."), status, original))
    assert read.text == "It bounced."
    assert [(each.part, each.filename) for each in read.attachments] == [("2", "part-2.txt"), ("3", "part-3.eml")]


def test_parts_of_a_digest_are_messages() -> None:
    read = parse_message(multipart(b"digest", part(body=message()), part(body=message(b"Subject: Two"))))
    assert [(each.content_type, each.filename) for each in read.attachments] == [
        ("message/rfc822", "Printer.eml"),
        ("message/rfc822", "Two.eml"),
    ]


def test_uuencoded_text_stays_as_it_is() -> None:
    body = b"see\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n"
    assert parse_message(message(body=body)).text == body.decode().replace("\r\n", "\n")


def test_a_long_content_type_is_not_believed() -> None:
    (only,) = parse_message(message(b"Content-Type: a/" + b"b" * 500)).attachments
    assert only.content_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        (b"7bit", b"a=3D", b"a=3D"),
        (b"", b"a=3D", b"a=3D"),
        (b"nonsense", b"a=3D", b"a=3D"),
        (b"BASE64;", b"YWJj", b"abc"),
        (b'"base64"', b"YWJj", b"abc"),
        (b"base64", b"Y W\r\nJj", b"abc"),
        (b"base64", b"YWJjZA", b"abcd"),
        (b"base64", b"YWJjZ", b"abc"),
        (b"base64", b"YWI=\r\nYWI=\r\n", b"abab"),
        (b"base64", b"YWI=\r\n-- \r\nthe footer of a list", b"ab"),
        (b"base64", b"This is not base64, is it?", b"This is not base64, is it?"),
        (b"Quoted-Printable;", b"a=3Db=\r\nc=ZZ=", b"a=bc=ZZ"),
        (b"quoted-printable (no)", b"a= \t\r\nb", b"ab"),
        (b"x-uuencode", b"begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n", b"Cat"),
        (b"uuencode", b"begin 644 a.txt\n#0V%Tjunk\n\n\xff\nend\n", b"Cat"),
        (b"x-uue", b"no begin", b"no begin"),
    ],
)
def test_a_transfer_encoding_may_be_junk(encoding: bytes, body: bytes, expected: bytes) -> None:
    read = parse_message(message(b"Content-Transfer-Encoding: " + encoding, body=body))
    assert read.text == expected.decode()
