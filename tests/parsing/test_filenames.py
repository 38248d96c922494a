"""File names of attachments."""

from __future__ import annotations

import pytest

from postmaster.parsing import parse_message
from postmaster.parsing.filename import MAX_FILENAME, type_of_name
from tests.parsing.messages import attachment, multipart, part, text


def names_of(*fields: bytes) -> list[str]:
    """The names of the attachments of a message with one part that has these fields."""
    read = parse_message(multipart(b"mixed", text(b"Hello"), part(*fields, body=b"x")))
    return [each.filename for each in read.attachments]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"filename=a.pdf", "a.pdf"),
        (b'filename="a b.pdf"', "a b.pdf"),
        (b"filename=a b.pdf; size=3", "a b.pdf"),
        (b'filename = "a;b.pdf"', "a;b.pdf"),
        (b"filename='a.pdf'", "a.pdf"),
        (b"filename='a b.pdf'; size=3", "a b.pdf"),
        (b"filename=\"'a'.pdf\"", "'a'.pdf"),
        (b"filename='a.pdf", "'a.pdf"),
        (b'filename="never closed.pdf', "never closed.pdf"),
        (b'FileName="say \\"hi\\".pdf"', 'say "hi".pdf'),
        (b'filename="=?utf-8?Q?Gr=C3=BC=C3=9Fe.pdf?="', "Grüße.pdf"),
        (b'filename="=?utf-8?B?R3LDvA==?=\r\n =?utf-8?B?w59lLnBkZg==?="', "Grüße.pdf"),
        (b"filename==?utf-8?Q?Gr=C3=BC=C3=9Fe.pdf?=", "Grüße.pdf"),
        (b'filename="Gr\xc3\xbc\xc3\x9fe.pdf"', "Grüße.pdf"),
        (b'filename="Gr\xfc\xdfe.pdf"', "Grüße.pdf"),
        (b"filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf", "Grüße.pdf"),
        (b"filename*=iso-8859-1'de'Gr%FC%DFe.pdf", "Grüße.pdf"),
        (b"filename*=\"utf-8''Gr%C3%BC%C3%9Fe.pdf\"", "Grüße.pdf"),
        (b"filename*=Gr%C3%BC%C3%9Fe.pdf", "Grüße.pdf"),
        (b"filename*=nonsense''Gr%C3%BC%C3%9Fe.pdf", "Grüße.pdf"),
        (b"filename*=utf-8''100%.pdf", "100%.pdf"),
        (b"filename*0*=utf-8''Gr%C3; filename*1*=%BC%C3%9F; filename*2=e.pdf", "Grüße.pdf"),
        (b'filename*1="b.pdf";\r\n filename*0="a"', "ab.pdf"),
        (b"filename=plain.pdf; filename*=utf-8''b%C3%BC.pdf", "bü.pdf"),
        (b'filename="a\r\n b.pdf"', "a b.pdf"),
        (b'filename="a\r\nb.pdf"', "a b.pdf"),
        (b'filename="C:\\Users\\ann\\a.pdf"', "a.pdf"),
        (b'filename="C:\\\\Users\\\\a.pdf"', "a.pdf"),
        (b'filename="../../etc/passwd"', "passwd"),
        (b'filename="/"', "part-2.pdf"),
        (b'filename=".."', "part-2.pdf"),
        (b'filename=""', "part-2.pdf"),
        (b"filename", "part-2.pdf"),
        (b'filename=".htaccess"', "htaccess"),
        (b'filename="a\x00\x07\tb.pdf"', "a b.pdf"),
        ('filename="a\u202efdp.exe"'.encode(), "a fdp.exe"),
        (b"filename*=utf-8''a%00%0A%2Fb.pdf", "a _b.pdf"),
        (b"filename*=utf-7''%2B2AA-.pdf", "�.pdf"),
    ],
)
def test_a_name_is_read_however_it_is_written_and_made_safe(written: bytes, expected: str) -> None:
    assert names_of(b"Content-Type: application/pdf", b"Content-Disposition: attachment; " + written) == [expected]


@pytest.mark.parametrize(
    "fields",
    [
        (b'Content-Type: application/pdf; name="a.pdf"',),
        (b"Content-Type: application/pdf; name=a.pdf", b"Content-Disposition: attachment"),
        (b"Content-Type: application/pdf; name=b.pdf", b"Content-Disposition: attachment; filename=a.pdf"),
        (b"Content-Type: application/pdf;\r\n\tname*=utf-8''a.pdf",),
    ],
)
def test_the_name_may_stand_in_the_content_type(fields: tuple[bytes, ...]) -> None:
    assert names_of(*fields) == ["a.pdf"]


@pytest.mark.parametrize(
    "disposition", [b'attachment: filename="a.pdf"', b'"attachment" : filename=a.pdf', b'filename: "a.pdf"']
)
def test_a_name_is_read_behind_a_colon_that_stands_for_a_semicolon(disposition: bytes) -> None:
    assert names_of(b"Content-Type: application/pdf", b"Content-Disposition: " + disposition) == ["a.pdf"]


def test_a_name_that_came_twice_gets_a_number() -> None:
    written = [b"a.pdf", b"A.pdf", b'"a (2).pdf"', b"a.pdf", b"noext", b"noext"]
    read = parse_message(multipart(b"mixed", *(attachment(name=name) for name in written)))
    names = [each.filename for each in read.attachments]
    assert names[:2] == ["a.pdf", "A (2).pdf"]
    assert names[-2:] == ["noext", "noext (2)"]
    assert len({name.lower() for name in names}) == len(written)


@pytest.mark.parametrize("stem", ["a" * 1000, "ü" * 1000, "\N{GRINNING FACE}" * 1000])
def test_a_long_name_is_cut_before_its_extension(stem: str) -> None:
    (name,) = names_of(b"Content-Type: application/pdf; name=" + f"{stem}.pdf".encode())
    assert len(name.encode()) <= MAX_FILENAME
    assert name.endswith(f"{stem[0]}.pdf")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("notes.TXT", "text/plain"),
        ("signature.asc", "application/pgp-signature"),
        ("winmail.dat", "application/octet-stream"),
        ("report.pdf", "application/pdf"),
        ("letter.rtf", "application/rtf"),
        ("letter.eml", "message/rfc822"),
        ("noext", "application/octet-stream"),
    ],
)
def test_the_type_of_a_name_is_the_usual_one_of_its_extension(name: str, kind: str) -> None:
    assert type_of_name(name) == kind
