"""File names of attachments."""

from __future__ import annotations

import pytest

from postmaster.parsing.filename import MAX_FILENAME, type_of_name
from postmaster.parsing.parser import parse_message
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
    ("written", "expected"),
    [
        # Without quotes: blanks, semicolons and parentheses belong to the name.
        (b"filename=a (1).pdf", "a (1).pdf"),
        (b"filename=a, b.pdf", "a, b.pdf"),
        (b"filename=a;b.pdf", "a;b.pdf"),
        (b"filename=a; b.pdf; size=3", "a; b.pdf"),
        (b"filename=Report (final; v2).pdf;", "Report (final; v2).pdf"),
        (b'filename=a b;2.pdf; creation-date="Mon"', "a b;2.pdf"),
        (b"filename==?utf-8?Q?a;b.pdf?=; size=3", "a;b.pdf"),
        (b"filename==?utf-8?Q?a?= =?utf-8?Q?b.pdf?=", "ab.pdf"),
        # Pieces out of order, with gaps, encoded and not.
        (b"filename*0=a; filename*2=c.pdf", "ac.pdf"),
        (b"filename*1=a; filename*2=b.pdf", "ab.pdf"),
        (b"filename*01=b.pdf; filename*00=a", "ab.pdf"),
        (b"filename*1*=%C3%9F.pdf; filename*0*=utf-8''Gr%C3%BC", "Grüß.pdf"),
        (b"filename*1*=B_2021.pdf;\r\n filename*0*=\"utf-8''A\"", "AB_2021.pdf"),  # Sicos1977/MSGReader#326
        (b'filename*0*="\'\'att%2E"; filename*1*="%62"; filename*2=at', "att.bat"),  # jakartaee/mail-api#74
        (
            b'filename*0="Relay<62a9@dersera"; filename*1=".com>.xml"',
            "Relay<62a9@dersera.com>.xml",
        ),  # RainLoop/rainloop-webmail#858
        (  # zbateson/mail-mime-parser#80
            b'filename*0="=?UTF-8?Q?Gr=C3?=\r\n =?UTF-8?Q?=BC=C3=9"; filename*1="Fe"; filename*2=".pdf?="',
            "Grüße.pdf",
        ),
        # Character sets that are wrong, or missing.
        (b"filename*=iso-8859-1''Gr%C3%BC.pdf", "Grü.pdf"),
        (b"filename*=us-ascii''Gr%C3%BC.pdf", "Grü.pdf"),
        (b"filename*=utf-8''Gr%FC.pdf", "Grü.pdf"),
        (b"filename*=windows-1251''%CF%F0.pdf", "Пр.pdf"),
        (b"filename*=UTF-8'Gr%C3%BC.pdf", "Grü.pdf"),
        (b"filename*=O'Neill%20a.pdf", "O'Neill a.pdf"),
        (b"filename*=utf-8''=?utf-8?Q?Gr=C3=BC.pdf?=", "Grü.pdf"),
        # Forms of the web, and encoded words within quotes.
        (b'filename="Gr%C3%BC%20x.pdf"', "Grü x.pdf"),
        (b"filename=%E6%97%A5.pdf", "日.pdf"),
        (b'filename="50%.pdf"', "50%.pdf"),
        (b'filename="x =?utf-8?Q?Gr=C3=BC?= y.pdf"', "x Grü y.pdf"),
        (b'filename="=?utf-8?Q?..=2F..=2Fa.pdf?="', "a.pdf"),
        # Paths, and what only looks like one.
        (b"filename=C:\\x\\y.pdf", "y.pdf"),
        (b'filename="C:y.pdf"', "y.pdf"),
        (b'filename="\\\\server\\share\\y.pdf"', "y.pdf"),
        (b'filename="..\\..\\y.pdf"', "y.pdf"),
        (b'filename="file:///tmp/a.pdf"', "a.pdf"),
        (b'filename="AC/DC.mp3"', "AC_DC.mp3"),
        # Dots alone, devices of Windows, characters that nobody sees.
        (b'filename=". ."', "part-2.pdf"),
        ('filename="\u2026"'.encode(), "part-2.pdf"),
        (b'filename="a.pdf ."', "a.pdf"),
        (b'filename="CON"', "_CON"),
        (b'filename="nul.tar.gz"', "_nul.tar.gz"),
        (b'filename="PRN .txt"', "_PRN .txt"),
        ('filename="LPT\u00b9.txt"'.encode(), "_LPT\u00b9.txt"),
        (b'filename="CONSOLE.txt"', "CONSOLE.txt"),
        (b"filename*=utf-8''a%E2%80%AEgpj.exe", "a gpj.exe"),
        ('filename="a\u061c\u2066b\u2069.pdf"'.encode(), "a b .pdf"),
        ('filename="\u202e"'.encode(), "part-2.pdf"),
        ('filename="a\U000e0041b.pdf"'.encode(), "a b.pdf"),
        # Twice, and once for nothing.
        (b"filename=a.pdf; filename=b.pdf", "a.pdf"),
        (b'filename=""; filename=b.pdf', "b.pdf"),
        (b"filename*=utf-8''; filename=b.pdf", "b.pdf"),
        (b'filename="a.pdf" filename="b.pdf"', "a.pdf"),
    ],
)
def test_a_name_is_the_one_that_its_sender_meant(written: bytes, expected: str) -> None:
    assert names_of(b"Content-Type: application/pdf", b"Content-Disposition: attachment; " + written) == [expected]


@pytest.mark.parametrize(
    ("name", "filename", "expected"),
    [
        (b"name=b.pdf", b"filename=a.pdf", "a.pdf"),
        (b"name=real.pdf", b'filename=""', "real.pdf"),
        (b"name=real.pdf", b'filename="..."', "real.pdf"),
        (b"name*=utf-8''Gr%C3%BC.pdf", b"filename=Gr?.pdf", "Grü.pdf"),
        (b'name="=?utf-8?Q?Gr=C3=BC=C3=9Fe.pdf?="', b'filename="Gr??e.pdf"', "Grüße.pdf"),
        (b"name=other.pdf", b"filename=why?.pdf", "why?.pdf"),
        (b"name=real.pdf", b"size=3", "real.pdf"),
    ],
)
def test_of_two_names_that_differ_the_better_one_counts(name: bytes, filename: bytes, expected: str) -> None:
    fields = (b"Content-Type: application/pdf; " + name, b"Content-Disposition: attachment; " + filename)
    assert names_of(*fields) == [expected]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"Content-Description: Plan of hall.pdf", "Plan of hall.pdf"),
        (b"Content-Description: =?utf-8?Q?Pl=C3=A4ne?=", "Pläne.pdf"),
        (b"Content-Location: http://x.example/files/plan%20a.pdf?x=1", "plan a.pdf"),
        (b"Content-Location: plan.pdf", "plan.pdf"),
        (b"Content-Location: https://x.example", "part-2.pdf"),
        (b"Content-Location: cid:plan.pdf", "part-2.pdf"),
        (b"Content-ID: <plan.pdf@x>", "part-2.pdf"),
    ],
)
def test_a_part_without_a_name_is_called_by_what_it_is_said_to_be(field: bytes, expected: str) -> None:
    assert names_of(b"Content-Type: application/pdf", field) == [expected]


APPLE = b"Content-Type: application/applefile"
DISPOSITION = b"Content-Disposition: attachment; filename=a.pdf"


@pytest.mark.parametrize(
    ("fork", "data"),
    [
        ((APPLE, DISPOSITION), (b"Content-Type: application/pdf",)),
        ((APPLE + b"; name=a.pdf",), (b"Content-Type: application/pdf", b"Content-Disposition: attachment")),
        ((APPLE + b"; name=a.pdf",), (b"Content-Type: application/pdf", b"Content-Disposition: inline")),
        ((APPLE,), (b"Content-Type: application/pdf", DISPOSITION)),
        ((APPLE, DISPOSITION), (b"Content-Type: application/pdf", DISPOSITION)),
    ],
)
def test_the_fork_that_people_can_open_has_the_name(fork: tuple[bytes, ...], data: tuple[bytes, ...]) -> None:
    double = multipart(b"appledouble", part(*fork, body=b"\0\5"), part(*data, body=b"x"), boundary=b"i")
    read = parse_message(multipart(b"mixed", text(b"Hello"), double))
    assert [each.filename for each in read.attachments] == ["a.pdf.rsrc", "a.pdf"]


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
