"""``ACCOUNT_TYPES``: the one table of protocol, TLS mode, port and fields.

Form, validation, command line and fetch all read it, so that they cannot disagree (docs/glossary.md#mail-accounts).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from postmaster.accounts.fingerprint import parse_fingerprint
from postmaster.resources.fields import Field
from postmaster.resources.readers import host, mail_address, whole_number, yes_no


class Protocol(StrEnum):
    """The protocol an account's mail is fetched with."""

    IMAP = "IMAP"
    POP3 = "POP3"


class Tls(StrEnum):
    """How the connection is encrypted."""

    NONE = "none"
    STARTTLS = "STARTTLS"
    IMPLICIT = "implicit"


# Fields that only some types have, in the order in which they are shown.
EMAIL_ADDRESS = Field(
    "address",
    "E-mail Address",
    mandatory=True,
    read=mail_address,
    metavar="ADDRESS",
    help="Mail address of the account.",
)
HOST = Field("host", "Host", mandatory=True, read=host, metavar="NAME", help="Host name of the mail server.")
PORT = Field("port", "Port", read=whole_number(1, 65535), metavar="NUMBER", help="If it is not the type's usual one.")
FOLDER = Field("folder", "IMAP Folder", metavar="NAME", help="Leave empty for INBOX; other folders remain untouched.")
SSL_VERIFY = Field(
    "ssl_verify", "SSL Verify", read=yes_no, empty=True, metavar="yes|no", help="Check the certificate; default: yes."
)
SSL_FINGERPRINT = Field(
    "ssl_fingerprint",
    "SSL Fingerprint",
    read=lambda text: str(parse_fingerprint(text)),
    metavar="ALGO$HEX",
    help="The only certificate that is accepted.",
)
SSL_VERIFYCN_NAME = Field(
    "ssl_verifycn_name", "SSL VerifyCN Name", read=host, metavar="NAME", help="Name in the certificate, if not Host."
)
TYPE_FIELDS = (EMAIL_ADDRESS, HOST, PORT, FOLDER, SSL_VERIFY, SSL_FINGERPRINT, SSL_VERIFYCN_NAME)

_SERVER = (HOST, PORT)
_TLS = (SSL_VERIFY, SSL_FINGERPRINT, SSL_VERIFYCN_NAME)


@dataclass(frozen=True)
class AccountType:
    """A type of mail account. ``fields`` are those of ``TYPE_FIELDS`` that it has; ``port`` is its default.

    ``oauth_only``: its server takes no passwords.
    """

    name: str
    protocol: Protocol
    tls: Tls
    port: int
    fields: tuple[Field, ...]
    oauth_only: bool = False

    def has(self, field: Field) -> bool:
        """Whether accounts of this type have ``field``."""
        return field in self.fields


ACCOUNT_TYPES: dict[str, AccountType] = {
    row.name: row
    for row in (
        AccountType("IMAP", Protocol.IMAP, Tls.NONE, 143, (*_SERVER, FOLDER)),
        AccountType("IMAPS", Protocol.IMAP, Tls.IMPLICIT, 993, (*_SERVER, FOLDER, *_TLS)),
        AccountType("IMAPTLS", Protocol.IMAP, Tls.STARTTLS, 143, (*_SERVER, FOLDER, *_TLS)),
        AccountType("Outlook365", Protocol.IMAP, Tls.IMPLICIT, 993, (EMAIL_ADDRESS, FOLDER), oauth_only=True),
        AccountType("POP3", Protocol.POP3, Tls.NONE, 110, _SERVER),
        AccountType("POP3S", Protocol.POP3, Tls.IMPLICIT, 995, (*_SERVER, *_TLS)),
        AccountType("POP3TLS", Protocol.POP3, Tls.STARTTLS, 110, (*_SERVER, *_TLS)),
    )
}
