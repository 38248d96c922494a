"""``CREDENTIAL_KINDS``: the one table of how a credential signs in, and which fields that takes.

Form, validation, command line, export and sign-in all read it, so that they cannot disagree. The words:
docs/glossary.md#credentials.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from postmaster.accounts.hosts import read_hosts
from postmaster.accounts.sealing import seal
from postmaster.resources.fields import COMMENT, VALIDITY, Field
from postmaster.resources.readers import InvalidValue, clean, line, member, name
from postmaster.urls import split_url

MAX_SECRET, MAX_CERTIFICATE = 1000, 9000


class CredentialKind(StrEnum):
    """How a credential signs in. It is chosen when a credential is added and cannot be changed."""

    BASIC = "basic"
    MICROSOFT = "oauth2-microsoft"
    GOOGLE = "oauth2-google"
    GENERIC = "oauth2-generic"


class Grant(StrEnum):
    """How tokens are obtained (RFC 6749): a person signs in once (section 4.1), or the app does (section 4.4)."""

    AUTHORIZATION_CODE = "authorization-code"
    CLIENT_CREDENTIALS = "client-credentials"


def _secret(noun: str) -> Field:
    """A secret of one line, called ``noun`` in what is said of it."""

    def read(secret: str) -> str:
        if len(secret) > MAX_SECRET:
            raise InvalidValue(f"has more than {MAX_SECRET} characters", f"Check what was given as the {noun}.")
        return seal(clean(secret))

    return Field(noun.replace(" ", "_"), noun.capitalize(), read=read, empty="", secret=True)


def _certificate(pem: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    advice = "Give both in PEM form: cat key.pem certificate.pem"
    if len(pem) > MAX_CERTIFICATE:
        raise InvalidValue(f"has more than {MAX_CERTIFICATE} characters", advice)
    try:
        key = load_pem_private_key(pem.encode(), password=None)
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, TypeError):
        raise InvalidValue("does not hold a private key without a passphrase and its certificate", advice) from None
    if not isinstance(key, RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise InvalidValue("must be an RSA key and the certificate of that key", advice)
    return seal(pem)


def _https(text: str) -> str:
    parts = split_url(line(1000)(text))
    if not parts or parts.scheme != "https" or not parts.hostname or parts.username is not None or parts.fragment:
        raise InvalidValue(
            f"is “{text}”, which is not an address that begins with https://", "Copy it from the provider's help."
        )
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidValue(f"is “{text}”, but must be a day", "Enter it as 2027-02-14.") from None


def _scopes(text: str) -> str:
    return " ".join(line(2000)(text).split())


def _tenant(text: str) -> str:
    if not text.isascii() or not all(char.isalnum() or char in ".-_" for char in text):
        raise InvalidValue(f"is “{text}”", "Copy the Directory (tenant) ID from the app's overview in Entra.")
    return line(200)(text)


KIND = Field(
    "kind",
    "Kind",
    mandatory=True,
    read=member(CredentialKind),
    default=CredentialKind.BASIC.value,
    metavar="|".join(CredentialKind),
    help="How it signs in. Cannot be changed later.",
    fixed=True,
)
CREDENTIAL_NAME = Field(
    "name", "Name", mandatory=True, read=name, metavar="NAME", help="Name shown in the account form."
)
USERNAME = Field("username", "User name", mandatory=True, read=line(320), metavar="NAME", help="Login on the server.")
OAUTH_USERNAME = replace(
    USERNAME,
    mandatory=False,
    empty="",
    help="Mailbox that IMAP and POP3 accounts open; Outlook365 accounts have their E-mail Address.",
)
PASSWORD = replace(
    _secret("password"),
    mandatory=True,
    column="sealed_password",
    help="Read the password from standard input; without a terminal, the only way to give it.",
)
HOSTS = Field(
    "hosts",
    "Hosts",
    read=read_hosts,
    empty="",
    metavar="'NAME, *.NAME'",
    help="Mail servers it may be used at, as in imap.example.com, *.example.org. Leave empty for all.",
)
GRANT = Field(
    "grant",
    "Grant",
    mandatory=True,
    read=member(Grant),
    default=Grant.AUTHORIZATION_CODE.value,
    metavar="|".join(Grant),
    help="Somebody signs in once in the browser, or the app signs in by itself.",
)
TENANT = Field(
    "tenant",
    "Tenant",
    read=_tenant,
    metavar="ID",
    help="Directory (tenant) ID. Leave empty for any organisation, which client-credentials cannot do.",
)
CLIENT_ID = Field(
    "client_id", "Client ID", mandatory=True, read=line(400), metavar="ID", help="Application (client) ID."
)
CLIENT_SECRET = replace(
    _secret("client secret"),
    column="sealed_client_secret",
    help="Read the client secret from standard input. It replaces a client certificate.",
)
CLIENT_CERTIFICATE = Field(
    "client_certificate",
    "Client certificate",
    read=_certificate,
    empty="",
    column="sealed_client_certificate",
    help="Read private key and certificate (PEM) from standard input. They replace a client secret.",
    secret=True,
    lines=True,
)
SECRET_EXPIRES = Field(
    "secret_expires",
    "Secret expires",
    read=_day,
    metavar="YYYY-MM-DD",
    help="A warning is shown 30 days before.",
)
SCOPES = Field(
    "scopes", "Scopes", read=_scopes, metavar="'SCOPE SCOPE'", help="Leave empty for the default permissions."
)
GENERIC_SCOPES = replace(SCOPES, help="What to ask for, such as: openid offline_access")
AUTHORIZATION_ENDPOINT = Field(
    "authorization_endpoint",
    "Authorization endpoint",
    read=_https,
    metavar="URL",
    help="Where people sign in; needed with grant authorization-code.",
)
TOKEN_ENDPOINT = Field(
    "token_endpoint", "Token endpoint", mandatory=True, read=_https, metavar="URL", help="Where tokens are handed out."
)
DEVICE_ENDPOINT = Field(
    "device_endpoint",
    "Device endpoint",
    read=_https,
    metavar="URL",
    help="Device authorization endpoint, if the provider has one; for flask credential authorise.",
)

_CLIENT = (CLIENT_ID, CLIENT_SECRET, SECRET_EXPIRES)
_ENDPOINTS = (AUTHORIZATION_ENDPOINT, TOKEN_ENDPOINT, DEVICE_ENDPOINT)

BOTH_GRANTS = (Grant.AUTHORIZATION_CODE, Grant.CLIENT_CREDENTIALS)


@dataclass(frozen=True)
class KindSpec:
    """A kind of credential. ``purpose`` says when to take it; ``own`` are its fields beside those that all kinds have.

    ``grants`` are the ways in which it obtains tokens, none for a password. ``mail_scopes`` is what fetching takes:
    what is asked for if no scopes were entered; ``{outlook}`` stands for the host of Exchange Online, and
    ``{people}`` for what it is called where somebody signs in.
    """

    kind: CredentialKind
    label: str
    purpose: str
    own: tuple[Field, ...]
    grants: tuple[Grant, ...] = ()
    mail_scopes: dict[Grant, str] | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """All its fields, in the order in which they are shown."""
        return (KIND, CREDENTIAL_NAME, *self.own, HOSTS, VALIDITY, COMMENT)

    @property
    def is_oauth(self) -> bool:
        """Whether it signs in with tokens instead of a password."""
        return bool(self.grants)

    def has(self, field: Field) -> bool:
        """Whether credentials of this kind have ``field``, by its name: kinds word the same field differently."""
        return field.name in {own.name for own in self.own}


CREDENTIAL_KINDS: dict[CredentialKind, KindSpec] = {
    row.kind: row
    for row in (
        KindSpec(
            CredentialKind.BASIC,
            "Basic",
            "A user name and its password. Microsoft no longer accepts passwords; Google only app passwords.",
            (USERNAME, PASSWORD),
        ),
        KindSpec(
            CredentialKind.MICROSOFT,
            "OAuth2 Microsoft",
            "Microsoft 365 and Exchange Online, for the type Outlook365.",
            (GRANT, TENANT, *_CLIENT, CLIENT_CERTIFICATE, OAUTH_USERNAME, SCOPES),
            BOTH_GRANTS,
            {
                Grant.AUTHORIZATION_CODE: "https://{people}/IMAP.AccessAsUser.All "
                "https://{people}/POP.AccessAsUser.All",
                Grant.CLIENT_CREDENTIALS: "https://{outlook}/.default",
            },
        ),
        KindSpec(
            CredentialKind.GOOGLE,
            "OAuth2 Google",
            "Gmail and Google Workspace.",
            (OAUTH_USERNAME, *_CLIENT, SCOPES),
            (Grant.AUTHORIZATION_CODE,),
            {Grant.AUTHORIZATION_CODE: "https://mail.google.com/ openid email"},
        ),
        KindSpec(
            CredentialKind.GENERIC,
            "OAuth2 generic",
            "Keycloak and every other provider whose mail server offers XOAUTH2 or OAUTHBEARER.",
            (GRANT, OAUTH_USERNAME, *_CLIENT, GENERIC_SCOPES, *_ENDPOINTS),
            BOTH_GRANTS,
        ),
    )
}

# Microsoft Learn, "Authenticate an IMAP, POP or SMTP connection using OAuth"; national clouds have one name for both.
OUTLOOK_FOR_PEOPLE = {"outlook.office365.com": "outlook.office.com"}

OAUTH_KINDS = tuple(kind for kind, spec in CREDENTIAL_KINDS.items() if spec.is_oauth)


def _all_fields() -> tuple[Field, ...]:
    """The fields of all kinds, each once; mandatory are only those that all kinds demand."""
    found: dict[str, list[Field]] = {}
    order = (KIND, CREDENTIAL_NAME, GRANT, OAUTH_USERNAME, PASSWORD, TENANT)
    for field in (
        *order,
        *(field for spec in CREDENTIAL_KINDS.values() for field in spec.own),
        HOSTS,
        VALIDITY,
        COMMENT,
    ):
        found.setdefault(field.name, []).append(field)
    kinds = CREDENTIAL_KINDS.values()
    return tuple(
        replace(fields[0], mandatory=all(any(f.name == field and f.mandatory for f in kind.fields) for kind in kinds))
        for field, fields in found.items()
    )


CREDENTIAL_FIELDS = _all_fields()


def find_kind(text: str) -> KindSpec | None:
    """The kind called ``text``, case-insensitively."""
    wanted = text.strip().lower()
    return next((spec for kind, spec in CREDENTIAL_KINDS.items() if kind.value == wanted), None)
