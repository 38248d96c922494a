"""A certificate authority for tests, and server certificates of every kind."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A server's certificate and key, as PEM files; ``der`` is the certificate as it goes over the wire."""

    cert_file: Path
    key_file: Path
    der: bytes

    def fingerprint(self, algorithm: str = "sha256") -> str:
        """The certificate's SSL Fingerprint, ``algo$hex``."""
        return f"{algorithm}${hashlib.new(algorithm, self.der).hexdigest()}"


class Authority:
    """A private CA that keeps its files in ``folder``; ``ca_file`` is what clients trust."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        builder = _builder(self._name, self._key.public_key(), self._name, -DAY, 30 * DAY)
        certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
            self._key, hashes.SHA256()
        )
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str, names: Sequence[str], *, expired: bool = False, nameless: bool = False) -> Certificate:
        """A certificate for ``names`` (host names or IP addresses), signed by this CA.

        One that is ``nameless`` has the first of them as its common name only.
        """
        return self._make(file, names, self_signed=False, expired=expired, nameless=nameless)

    def self_signed(self, file: str, names: Sequence[str]) -> Certificate:
        """A certificate for ``names`` that no CA has signed."""
        return self._make(file, names, self_signed=True, expired=False)

    def of_app(self, file: str) -> Certificate:
        """A certificate with an RSA key, as apps show it to identity providers; no CA has signed it."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = _name(file)
        builder = _builder(subject, key.public_key(), subject, -DAY, 30 * DAY)
        return _store(self.folder, file, builder.sign(key, hashes.SHA256()), key)

    def _make(
        self, file: str, names: Sequence[str], *, self_signed: bool, expired: bool, nameless: bool = False
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0])
        ends = -DAY if expired else 30 * DAY
        issuer, signer = (subject, key) if self_signed else (self._name, self._key)
        builder = _builder(subject, key.public_key(), issuer, -10 * DAY, ends)
        if not nameless:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), False)
        return _store(self.folder, file, builder.sign(signer, hashes.SHA256()), key)


Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _store(folder: Path, file: str, certificate: x509.Certificate, key: Key) -> Certificate:
    cert_file, key_file = folder / f"{file}.pem", folder / f"{file}.key"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Certificate(cert_file, key_file, certificate.public_bytes(serialization.Encoding.DER))


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    issuer: x509.Name,
    begins: timedelta,
    ends: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
