"""SSL Fingerprint: ``algo$hex`` (docs/glossary.md#mail-accounts)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from postmaster.errors import InputError

LABEL = "SSL Fingerprint"

# Algorithms whose digest has one size; the others (shake) could be cut to any length.
ALGORITHMS = {name: hashlib.new(name).digest_size for name in sorted(hashlib.algorithms_guaranteed)}
ALGORITHMS = {name: size for name, size in ALGORITHMS.items() if size}


@dataclass(frozen=True)
class Fingerprint:
    """The digest of one certificate, in DER form."""

    algorithm: str
    digest: bytes

    def __str__(self) -> str:
        return f"{self.algorithm}${self.digest.hex()}"

    def matches(self, certificate: bytes) -> bool:
        """Whether ``certificate`` (DER) is the one that is meant."""
        return hmac.compare_digest(fingerprint_of(certificate, self.algorithm).digest, self.digest)


def fingerprint_of(certificate: bytes, algorithm: str = "sha256") -> Fingerprint:
    """The fingerprint of ``certificate`` (DER)."""
    return Fingerprint(algorithm, hashlib.new(algorithm, certificate).digest())


def parse_fingerprint(text: str) -> Fingerprint:
    """Read ``algo$hex``; colons, blanks and case do not matter. Raises InputError saying what is wrong."""
    algorithm, separator, digits = text.strip().partition("$")
    algorithm = algorithm.strip().lower()
    if not separator:
        raise _refuse("must have the form algo$hex")
    if algorithm not in ALGORITHMS:
        raise _refuse(f"uses “{algorithm}”, which is not an algorithm of fixed size known here")
    digits = "".join(digits.replace(":", " ").split()).lower()
    try:
        digest = bytes.fromhex(digits)
    except ValueError:
        raise _refuse("has characters after the $ that are not hexadecimal digits") from None
    expected = ALGORITHMS[algorithm]
    if len(digest) != expected:
        raise _refuse(f"has {len(digits)} hexadecimal digits, but {algorithm} has {expected * 2}")
    return Fingerprint(algorithm, digest)


def _refuse(flaw: str) -> InputError:
    advice = "To get the digits: openssl x509 -in server.pem -noout -fingerprint -sha256; enter sha256$ before them."
    return InputError(LABEL, f"{LABEL} {flaw}.", advice, code="bad-fingerprint")
