"""``ACCOUNT_TYPES``: the one table of protocol, TLS mode, port and fields.

Form, validation, command line and fetch all read it, so that they cannot disagree (REFERENCE section 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Protocol(StrEnum):
    """The protocol an account's mail is fetched with."""

    IMAP = "IMAP"
    POP3 = "POP3"


class Tls(StrEnum):
    """How the connection is encrypted."""

    NONE = "none"
    STARTTLS = "STARTTLS"
    IMPLICIT = "implicit"


@dataclass(frozen=True)
class Field:
    """A field of an account: ``name`` is its column and, with hyphens, its option; ``label`` what users see."""

    name: str
    label: str
    mandatory: bool = False

    @property
    def option(self) -> str:
        """The field's option on the command line."""
        return "--" + self.name.replace("_", "-")


# Fields that only some types have, in the order in which they are shown.
ADDRESS = Field("address", "E-mail Address", mandatory=True)
HOST = Field("host", "Host", mandatory=True)
PORT = Field("port", "Port")
FOLDER = Field("folder", "IMAP Folder")
SSL_VERIFY = Field("ssl_verify", "SSL Verify")
SSL_FINGERPRINT = Field("ssl_fingerprint", "SSL Fingerprint")
SSL_VERIFYCN_NAME = Field("ssl_verifycn_name", "SSL VerifyCN Name")
TYPE_FIELDS = (ADDRESS, HOST, PORT, FOLDER, SSL_VERIFY, SSL_FINGERPRINT, SSL_VERIFYCN_NAME)

_SERVER = (HOST, PORT)
_TLS = (SSL_VERIFY, SSL_FINGERPRINT, SSL_VERIFYCN_NAME)


@dataclass(frozen=True)
class AccountType:
    """A type of mail account. ``fields`` are those of ``TYPE_FIELDS`` that it has; ``port`` is its default."""

    name: str
    protocol: Protocol
    tls: Tls
    port: int
    fields: tuple[Field, ...]

    def has(self, field: Field) -> bool:
        """Whether accounts of this type have ``field``."""
        return field in self.fields


ACCOUNT_TYPES: dict[str, AccountType] = {
    row.name: row
    for row in (
        AccountType("IMAP", Protocol.IMAP, Tls.NONE, 143, (*_SERVER, FOLDER)),
        AccountType("IMAPS", Protocol.IMAP, Tls.IMPLICIT, 993, (*_SERVER, FOLDER, *_TLS)),
        AccountType("IMAPTLS", Protocol.IMAP, Tls.STARTTLS, 143, (*_SERVER, FOLDER, *_TLS)),
        AccountType("Outlook365", Protocol.IMAP, Tls.IMPLICIT, 993, (ADDRESS, FOLDER)),
        AccountType("POP3", Protocol.POP3, Tls.NONE, 110, _SERVER),
        AccountType("POP3S", Protocol.POP3, Tls.IMPLICIT, 995, (*_SERVER, *_TLS)),
        AccountType("POP3TLS", Protocol.POP3, Tls.STARTTLS, 110, (*_SERVER, *_TLS)),
    )
}
