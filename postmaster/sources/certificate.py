"""What a server's certificate says, and why it was refused."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from postmaster.accounts.fingerprint import fingerprint_of

# Verification results of OpenSSL (x509_vfy.h).
_FAULTS = {
    9: "certificate-expired",  # not yet valid
    10: "certificate-expired",
    18: "certificate-untrusted",  # self-signed
    19: "certificate-untrusted",  # self-signed CA in the chain
    20: "certificate-untrusted",  # issuer unknown
    21: "certificate-untrusted",  # chain incomplete
    62: "certificate-name",
    64: "certificate-name",  # IP address
}


@dataclass(frozen=True)
class CertificateFacts:
    """A certificate as people compare it. ``fingerprint`` is in the form of the field SSL Fingerprint (sha256).

    ``nameless``: it names no host where that counts (subjectAltName, RFC 6125); ``names`` is then its common name.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    valid_from: datetime
    valid_until: datetime
    fingerprint: str
    nameless: bool = False

    @property
    def self_signed(self) -> bool:
        """Whether nobody but the server vouches for it."""
        return self.subject == self.issuer

    def as_dict(self) -> dict[str, Any]:
        """The form that ``flask account certificate --json`` prints."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": list(self.names),
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            "self_signed": self.self_signed,
            "fingerprint": self.fingerprint,
        }

    def __str__(self) -> str:
        issuer = "Self-signed" if self.self_signed else f"Issued by {self.issuer}"
        until = f"{self.valid_until.day} {self.valid_until:%b %Y}"
        return f"{issuer}, valid until {until}, for {', '.join(self.names)}; {self.fingerprint}"


def certificate_facts(der: bytes) -> CertificateFacts:
    """What ``der`` says. Raises ValueError if it is not a certificate."""
    certificate = x509.load_der_x509_certificate(der)
    names = _names(certificate)
    # The common name is what counted before there were other names.
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=names or tuple(str(attribute.value) for attribute in common),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
        fingerprint=str(fingerprint_of(der)),
        nameless=not names,
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names and addresses it was issued for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))


def certificate_fault(error: ssl.SSLCertVerificationError) -> str:
    """The fault that OpenSSL's verdict means."""
    return _FAULTS.get(error.verify_code, "certificate-invalid")
