"""Builders of containers: S/MIME in one piece, and winmail.dat."""

from __future__ import annotations

import struct
import zlib
from datetime import timedelta

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from postmaster.extensions import now
from tests.parsing.messages import message, multipart, part, text


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
    return bytes(cms.ContentInfo({"content_type": "compressed_data", "content": data}).dump())


def enveloped() -> bytes:
    """CMS enveloped-data, as far as anybody without a key can see."""
    encrypted = {
        "content_type": "data",
        "content_encryption_algorithm": {"algorithm": "aes256_cbc", "parameters": b"0" * 16},
        "encrypted_content": b"?" * 32,
    }
    data = {"version": "v0", "recipient_infos": [], "encrypted_content_info": encrypted}
    return bytes(cms.ContentInfo({"content_type": "enveloped_data", "content": data}).dump())


def smime(content: bytes, kind: bytes = b"application/pkcs7-mime; name=smime.p7m") -> bytes:
    """A message that is a container."""
    return message(b"Content-Type: " + kind, b"Content-Disposition: attachment; filename=smime.p7m", body=content)


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


def winmail(data: bytes, beside: bytes = b" \r\n") -> bytes:
    """A message with such a container."""
    container = part(b"Content-Type: application/ms-tnef; name=winmail.dat", body=data)
    return multipart(b"mixed", text(beside), container)
