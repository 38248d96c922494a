"""Containers: signed mail in one piece and winmail.dat are opened, encrypted mail says that it is."""

from __future__ import annotations

import struct
import zlib
from datetime import timedelta

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from postmaster.extensions import now
from postmaster.parsing import parse_message, part_content
from tests.parsing.messages import PDF, attachment, message, multipart, part, text
from tests.parsing.test_reading import names, read
from tests.support import Desk

ENTITY = multipart(b"mixed", text(b"Renew it.\r\n"), attachment(name=b"form.pdf"), boundary=b"inner")


def signed(content: bytes) -> bytes:
    """CMS signed-data with its content within (RFC 8551 section 3.5.2)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ann")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now(), now() + timedelta(days=1))
    signing = pkcs7.PKCS7SignatureBuilder().set_data(content)
    signing = signing.add_signer(builder.sign(key, hashes.SHA256()), key, hashes.SHA256())
    return signing.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def compressed(content: bytes) -> bytes:
    """CMS compressed-data (RFC 3274)."""
    data = {
        "version": "v0",
        "compression_algorithm": {"algorithm": "zlib"},
        "encap_content_info": {"content_type": "data", "content": zlib.compress(content)},
    }
    return cms.ContentInfo({"content_type": "compressed_data", "content": data}).dump()


def enveloped() -> bytes:
    """CMS enveloped-data, as far as anybody without a key can see."""
    encrypted = {
        "content_type": "data",
        "content_encryption_algorithm": {"algorithm": "aes256_cbc", "parameters": b"0" * 16},
        "encrypted_content": b"?" * 32,
    }
    data = {"version": "v0", "recipient_infos": [], "encrypted_content_info": encrypted}
    return cms.ContentInfo({"content_type": "enveloped_data", "content": data}).dump()


def smime(content: bytes, kind: bytes = b"application/pkcs7-mime; name=smime.p7m") -> bytes:
    """A message that is a container."""
    return message(b"Content-Type: " + kind, b"Content-Disposition: attachment; filename=smime.p7m", body=content)


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


def attribute(number: int, value: bytes, level: int = 1) -> bytes:
    """An attribute of a winmail.dat (MS-OXTNEF section 2.1.3)."""
    return struct.pack("<BII", level, number, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def properties(*values: tuple[int, int, bytes]) -> bytes:
    """Properties of MAPI: type, id, value."""
    out = struct.pack("<I", len(values))
    for kind, name, value in values:
        size = struct.pack("<II", 1, len(value)) if kind in (0x1E, 0x1F, 0x0D, 0x102) else b""
        out += struct.pack("<HH", kind, name) + size + value + b"\0" * (-len(value) % 4)
    return out


def tnef(*attributes: bytes) -> bytes:
    """A winmail.dat."""
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(attributes)


def rich(rtf: bytes) -> bytes:
    """Rich text as a property, not compressed (MS-OXRTFCP section 2.1.3.1.4)."""
    return struct.pack("<II", len(rtf) + 12, len(rtf)) + b"MELA" + b"\0" * 4 + rtf


UTF8 = (3, 0x3FDE, struct.pack("<I", 65001))
FILE = attribute(0x00069002, b"\0" * 14, 2) + attribute(0x00018010, b"door.pdf\0", 2) + attribute(0x0006800F, PDF, 2)
LONG_NAME = attribute(0x00069005, properties((0x1F, 0x3707, "Türplan.pdf\0".encode("utf-16le"))), 2)
FROM_HTML = (
    b"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 {\\fonttbl{\\f0 Arial;}}{\\*\\htmltag64 <p>}\\htmlrtf {\\b \\htmlrtf0 "
    b"Door \\u8211\\'96 caf\\'e9\\htmlrtf }\\htmlrtf0 {\\*\\htmltag72 </p>}}"
)


def winmail(data: bytes, beside: bytes = b" \r\n") -> bytes:
    """A message with such a container."""
    container = part(b"Content-Type: application/ms-tnef; name=winmail.dat", body=data)
    return multipart(b"mixed", text(beside), container)


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
