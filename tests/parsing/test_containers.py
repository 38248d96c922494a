"""Containers: signed mail in one piece and winmail.dat are opened, encrypted mail says that it is."""

from __future__ import annotations

import base64
import struct
from binascii import b2a_qp

import pytest

from postmaster.parsing.parser import parse_message, part_content
from tests.parsing.messages import PDF, attachment, message, multipart, part, text
from tests.parsing.sealed import attribute, compressed, enveloped, properties, rich, signed, smime, tnef, winmail
from tests.parsing.test_reading import names, read
from tests.support import Desk

ENTITY = multipart(b"mixed", text(b"Renew it.\r\n"), attachment(name=b"form.pdf"), boundary=b"inner")


@pytest.mark.parametrize("content", [signed(ENTITY), compressed(ENTITY), signed(smime(signed(ENTITY)))])
@pytest.mark.parametrize("kind", [b"application/pkcs7-mime", b"application/x-pkcs7-mime", b"application/octet-stream"])
def test_what_needs_no_key_is_read(desk: Desk, content: bytes, kind: bytes) -> None:
    shown = read(desk, smime(content, kind))
    assert (shown["text"].strip(), names(shown)) == ("Renew it.", ["form.pdf"])
    [file] = parse_message(smime(content, kind)).attachments
    assert part_content(smime(content, kind), file.part) == PDF


@pytest.mark.parametrize("content", [signed(PDF), b"", b"0\x80" * 5000, signed(ENTITY)[:300], b"MII no base64"])
def test_a_container_that_holds_no_mail_stays_a_file(desk: Desk, content: bytes) -> None:
    shown = read(desk, multipart(b"mixed", text(b"see"), smime(content)))
    assert (shown["text"].strip(), names(shown)) == ("see", ["smime.p7m"])


def test_more_than_may_be_unpacked_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postmaster.parsing.containers.MAX_OPENED_BYTES", 100_000)
    bomb = smime(compressed(b"Content-Type: text/plain\r\n\r\n" + b"a" * 5_000_000))
    assert parse_message(bomb).text == ""


PGP = b"-----BEGIN PGP MESSAGE-----\r\n\r\nabc=\r\n-----END PGP MESSAGE-----\r\n"
VERSION = part(b"Content-Type: application/pgp-encrypted", body=b"Version: 1")
ENCRYPTED = part(b"Content-Type: application/octet-stream; name=encrypted.asc", body=PGP)


@pytest.mark.parametrize(
    ("raw", "how", "files"),
    [
        (smime(enveloped()), "S/MIME", ["smime.p7m"]),
        (multipart(b"encrypted", VERSION, ENCRYPTED), "PGP", ["part-1.asc", "encrypted.asc"]),
        (multipart(b"mixed", multipart(b"encrypted", VERSION, ENCRYPTED, boundary=b"i"), text(b"list")), "PGP", None),
        (message(body=PGP), "PGP", []),
    ],
)  # fmt: skip
def test_encrypted_mail_says_that_it_is(desk: Desk, raw: bytes, how: str, files: list[str] | None) -> None:
    shown = read(desk, raw)
    assert shown["text"].startswith(f"This mail is encrypted ({how})")
    assert files is None or names(shown) == files


UTF8 = (3, 0x3FDE, struct.pack("<I", 65001))
FILE = attribute(0x00069002, b"\0" * 14, 2) + attribute(0x00018010, b"door.pdf\0", 2) + attribute(0x0006800F, PDF, 2)
LONG_NAME = attribute(0x00069005, properties((0x1F, 0x3707, "Türplan.pdf\0".encode("utf-16le"))), 2)
FROM_HTML = (
    b"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 {\\fonttbl{\\f0 Arial;}}{\\*\\htmltag64 <p>}\\htmlrtf {\\b \\htmlrtf0 "
    b"Door \\u8211\\'96 caf\\'e9\\htmlrtf }\\htmlrtf0 {\\*\\htmltag72 </p>}}"
)


@pytest.mark.parametrize(
    "body",
    [
        attribute(0x0002800C, b"Door \x96 caf\xe9\r\n\0"),
        attribute(0x00069003, properties((0x1F, 0x1000, "Door – café\0".encode("utf-16le")))),
        attribute(0x00069003, properties(UTF8, (0x102, 0x1013, "<p>Door – café".encode()))),
        attribute(0x00069003, properties((0x102, 0x1009, rich(FROM_HTML)))),
        attribute(0x00069003, properties((0x102, 0x1009, rich(b"{\\rtf1\\ansi Door \\endash  caf\\'e9\\par}")))),
    ],
    ids=["text", "property", "html", "html in rich text", "rich text"],
)  # fmt: skip
def test_winmail_dat_is_opened(desk: Desk, body: bytes) -> None:
    shown = read(desk, winmail(tnef(body, FILE + LONG_NAME)))
    assert (shown["text"].strip(), names(shown)) == ("Door – café", ["Türplan.pdf"])
    [file] = parse_message(winmail(tnef(body, FILE))).attachments
    assert (file.filename, part_content(winmail(tnef(body, FILE)), file.part)) == ("door.pdf", PDF)


def test_the_text_in_winmail_dat_is_not_read_twice(desk: Desk) -> None:
    shown = read(desk, winmail(tnef(attribute(0x0002800C, b"The door\0"), FILE), beside=b"The door"))
    assert (shown["text"].strip(), names(shown)) == ("The door", ["door.pdf"])


DOOR = "Door – café"
PROPERTIES = {
    "text": (0x1F, 0x1000, "Door – café\0".encode("utf-16le")),
    "html": (0x102, 0x1013, "<p>Door – <b>café</b></p>".encode()),
    "rich text": (0x102, 0x1009, rich(b"{\\rtf1\\ansi Door \\endash  caf\\'e9\\par}")),
    "html in rich text": (0x102, 0x1009, rich(FROM_HTML)),
}


@pytest.mark.parametrize("form", PROPERTIES)
@pytest.mark.parametrize(
    ("beside", "order"),
    [
        ("Sent by the list", ["Sent by the list", DOOR]),  # django-helpdesk/django-helpdesk#700
        ("Door", ["Door – café"]),  # cut short by a gateway
        ("Door – café\r\n-- \r\nSent by the list", ["Door – café", "Sent by the list"]),
        ("Sent by the list\r\n\r\nDoor – \r\ncafé", ["Sent by the list", "Door –", "café"]),
        ("Please shut the door", ["Please shut the door", DOOR]),
        ("Door – café <https://x.example/>", ["Door – café"]),
        ("\u200b \r\n", [DOOR]),
    ],
)  # fmt: skip
def test_the_text_in_winmail_dat_and_the_one_beside_it_are_read_each_once(
    desk: Desk, form: str, beside: str, order: list[str]
) -> None:
    raw = winmail(tnef(attribute(0x00069003, properties(UTF8, PROPERTIES[form])), FILE), beside.encode())
    shown = read(desk, raw)
    position = 0
    for said in order:
        position = shown["text"].index(said, position) + len(said)
    assert shown["text"].lower().count("café") == 1
    assert names(shown) == ["door.pdf"]


def test_html_in_winmail_dat_shows_what_the_text_beside_it_says(desk: Desk) -> None:
    body = attribute(0x00069003, properties(UTF8, PROPERTIES["html"]))
    shown = read(desk, winmail(tnef(body), "Door – café".encode()))
    assert shown["text"].split() == DOOR.split()
    assert "<b>café</b>" in shown["html"]


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Type: application/octet-stream; name=ATT00001.dat",),
        (b"Content-Type: application/octet-stream", b"Content-Transfer-Encoding: base64"),
        (b"Content-Type: application/x-unknown", b"Content-Transfer-Encoding: quoted-printable"),
        (b"Content-Type: image/dat; name=winmail.dat",),
        (b"Content-Type: application/vnd.ms-tnef",),
    ],
)
def test_winmail_dat_is_known_by_how_it_begins(desk: Desk, fields: tuple[bytes, ...]) -> None:
    data = tnef(attribute(0x0002800C, b"The door\0"), FILE)
    if b"base64" in fields[-1]:
        data = base64.encodebytes(data)
    elif b"quoted" in fields[-1]:
        data = b2a_qp(data, istext=False)
    shown = read(desk, multipart(b"mixed", text(b"list"), part(*fields, body=data)))
    assert (shown["text"].split("\n"), names(shown)) == (["list", "The door", ""], ["door.pdf"])


CUT = "is damaged or cut off"
LARGE = attribute(0x00069002, b"\0" * 14, 2) + attribute(0x0006800F, PDF * 9, 2)


@pytest.mark.parametrize(
    ("data", "said", "files"),
    [
        (tnef(attribute(0x0002800C, b"The door\0"), FILE, LARGE)[:-40], "The door", ["door.pdf", "part-2.3.bin"]),
        (tnef(attribute(0x0002800C, b"The door is open\0"))[:-10], "The door", []),
        (tnef(attribute(0x0002800C, b"The door\0"), FILE)[:-3], "The door", ["door.pdf"]),
        (tnef(attribute(0x0002800C, b"The door\0"), b"\x7fgarbage" * 9), "The door", []),
        (tnef(attribute(0x00069003, properties((0x1E, 0x1000, b"The door is open"))[:-6])), "The door", []),
        (tnef(attribute(0x00069003, properties((0x102, 0x1009, rich(b"{\\rtf1 The door is")[:-3])))), "The door", []),
        (tnef(b"\1")[:8], "", []),
    ],
)  # fmt: skip
def test_of_a_damaged_winmail_dat_all_that_is_there_is_read_and_it_is_kept(
    desk: Desk, data: bytes, said: str, files: list[str]
) -> None:
    shown = read(desk, winmail(data))
    assert said in shown["text"]
    assert f"“winmail.dat” {CUT}" in shown["text"]
    assert names(shown) == [*files, "winmail.dat"]
    kept = parse_message(winmail(data)).attachments[-1]
    assert part_content(winmail(data), kept.part) == data


def test_a_whole_winmail_dat_is_not_called_damaged(desk: Desk) -> None:
    shown = read(desk, winmail(tnef(attribute(0x0002800C, b"The door\0"), FILE) + b"\r\n\0"))
    assert CUT not in shown["text"]
    assert names(shown) == ["door.pdf"]


@pytest.mark.parametrize("form", ["signed", "compressed", "in a signature"])
def test_a_container_within_another_one_is_opened(desk: Desk, form: str) -> None:
    inner = winmail(tnef(attribute(0x0002800C, b"The door\0"), FILE), b"Sent by the list")
    made = {"signed": signed(inner), "compressed": compressed(inner), "in a signature": signed(smime(signed(inner)))}
    shown = read(desk, smime(made[form]))
    assert (shown["text"].split("\n")[:2], names(shown)) == (["Sent by the list", "The door"], ["door.pdf"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\r\nRenew it.\r\n", "Renew it."),
        (b"Renew it.\r\nNow.\r\n", "Renew it.\nNow."),
        (b"Note: renew it.\r\n", "Note: renew it."),
        (b"\r\nContent-Type: text/plain\r\n\r\nRenew it.", "Renew it."),
        (b"Subject: renewal\r\nFrom: a@b.example\r\n\r\nRenew it.", "Renew it."),
        (b"MIME-Version: 1.0\nContent-Type: text/plain\n\nRenew it.", "Renew it."),
    ],
)
def test_what_is_signed_may_have_no_header(desk: Desk, content: bytes, said: str) -> None:
    shown = read(desk, smime(signed(content)))
    assert (shown["text"].strip(), names(shown)) == (said, [])


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Type: application/octet-stream; name=signed.p7m",),
        (b"Content-Type: application/octet-stream", b'Content-Disposition: attachment; filename="smime.p7s"'),
        (b"Content-Type: APPLICATION/X-PKCS7-MIME",),  # bertjohnson/OpaqueMail#13
        (b"Content-Type: application/pkcs7-mime",),  # bbottema/outlook-message-parser#51
        (b"Content-Type: application/x-pkcs7-mime; smime-type=signed-data; name=smime.p7m",),
        (b"Content-Type: application/pkcs7-mime; smime-type=signed-receipt",),
        (b"Content-Type: application/pkcs7-signature; name=smime.p7s",),
        (b"Content-Type: application/pkcs-7-mime",),
        (b"Content-Type: application/cms",),
    ],
)
def test_a_signed_message_is_known_by_all_its_names(desk: Desk, fields: tuple[bytes, ...]) -> None:
    raw = multipart(b"mixed", part(*fields, body=signed(ENTITY)), text(b"Sent by the list"))
    shown = read(desk, raw)
    assert (shown["text"].split("\n")[::2][:1], names(shown)) == (["Renew it."], ["form.pdf"])
    assert "Sent by the list" in shown["text"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (enveloped(), b"application/pkcs7-mime; smime-type=enveloped-data"),
        (enveloped(), b"application/octet-stream"),
        (enveloped()[:30], b"application/pkcs7-mime; smime-type=enveloped-data"),
        (b"what nobody can read", b"application/x-pkcs7-mime; smime-type=authEnveloped-data"),
        (signed(smime(enveloped())), b"application/pkcs7-mime; smime-type=signed-data"),
    ],
)
def test_encrypted_mail_says_so_beside_another_text_too(desk: Desk, body: bytes, kind: bytes) -> None:
    alone = read(desk, smime(body, kind))
    assert alone["text"].startswith("This mail is encrypted (S/MIME)")
    beside = read(desk, multipart(b"mixed", smime(body, kind), text(b"Sent by the list")))
    assert "“smime.p7m” is encrypted" in beside["text"]
    assert "Sent by the list" in beside["text"]
    assert names(beside) == ["smime.p7m"]


def test_a_signature_that_is_cut_off_says_so(desk: Desk) -> None:
    shown = read(desk, smime(signed(ENTITY)[:300]))
    assert "“smime.p7m” could not be opened" in shown["text"]
    assert names(shown) == ["smime.p7m"]


def test_an_attachment_that_nobody_could_open_before_is_still_there_by_its_number() -> None:
    data = tnef(attribute(0x0002800C, b"The door\0"), FILE)
    assert part_content(winmail(data), "2") == data


def test_a_message_within_winmail_dat_is_opened_too(desk: Desk) -> None:
    inner = tnef(attribute(0x00018004, b"Inner\0"), attribute(0x0002800C, b"inside\0"), FILE)
    guid = b"\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
    nested = attribute(0x00069002, b"\0" * 14, 2)
    nested += attribute(0x00069005, properties((0x0D, 0x3701, guid + inner)), 2)
    shown = read(desk, winmail(tnef(attribute(0x0002800C, b"outside\0"), nested)))
    assert (shown["text"].strip(), names(shown)) == ("outside", ["Inner.txt", "door.pdf"])


@pytest.mark.parametrize("data", [b"", b"no container", tnef(FILE)[:-20], tnef()[:5]])
def test_a_winmail_dat_that_cannot_be_read_stays_a_file(desk: Desk, data: bytes) -> None:
    assert "winmail.dat" in names(read(desk, winmail(data, beside=b"see")))
