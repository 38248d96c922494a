"""What is entered for an outlet, field by field."""

from __future__ import annotations

import base64
import binascii
import re
import secrets

from postmaster.accounts.sealing import seal
from postmaster.outbox.models import EventType
from postmaster.outlets.kinds import OutletKind
from postmaster.resources.fields import Field
from postmaster.resources.readers import InvalidValue, clean, line, member, name, yes_no
from postmaster.urls import split_url

# The prefix of secrets, and how many bytes they have: https://github.com/standard-webhooks/standard-webhooks
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of one
SECRET_BYTES = 32
SHORTEST, LONGEST = 24, 64

# What is entered for a secret that is to be made, and for headers that are to be taken away.
NEW, NONE = "new", "none"

# RFC 9110 section 5.1; and headers that say how a message is framed, or that are ours.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OURS = {"host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "upgrade", "te"}
_OUR_PREFIX = "webhook-"
MAX_HEADERS = 20


def new_secret() -> str:
    """A secret that was never used."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _url(text: str) -> str:
    """An address of a web server, without a password: those belong into a header, which is sealed."""
    line(2000)(text)
    parts = split_url(text)
    if parts is None:
        raise InvalidValue("cannot be read as an address", "Its brackets or its port are wrong.")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise InvalidValue(f"is “{text}”, but must be an address that begins with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise InvalidValue("holds a user name or password", "Give it as a header, as in Authorization: Basic ….")
    if parts.fragment or not text.isascii() or any(char.isspace() for char in text):
        raise InvalidValue("holds a fragment (#), a blank, or letters that stand in no address", "Write them as %XX.")
    return text


def _secret(text: str) -> str:
    text = text.strip()
    if text.lower() == NEW:
        return new_secret()
    try:
        size = len(base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not text.startswith(SECRET_PREFIX) or not SHORTEST <= size <= LONGEST:
        raise InvalidValue(
            f"must be {SECRET_PREFIX} and {SHORTEST} to {LONGEST} bytes in Base64",
            f"Enter “{NEW}” to have one made.",
        )
    return text


def _sealed_secret(text: str) -> str:
    return seal(_secret(text))


def _sealed_headers(text: str) -> str:
    if text.strip().lower() == NONE:
        return ""
    lines = [each.strip() for each in text.splitlines() if each.strip()]
    if len(lines) > MAX_HEADERS:
        raise InvalidValue(f"has {len(lines)} lines, but may have {MAX_HEADERS} at most")
    return seal("\n".join(map(_header, lines)))


def _header(text: str) -> str:
    """``Name: value``. The value is not repeated in a refusal: it may be a password."""
    name_, colon, value = text.partition(":")
    name_, value = name_.strip(), clean(value.strip())
    if not colon or not value or not _HEADER_NAME.fullmatch(name_):
        raise InvalidValue("has a line that is not of the form Name: value", "Enter it as in Authorization: Bearer ….")
    if name_.lower() in _OURS or name_.lower().startswith(_OUR_PREFIX):
        raise InvalidValue(f"has {name_}, which PostMaster writes itself", "Leave it out.")
    if len(value) > 4000 or not value.isascii():
        raise InvalidValue(f"has a value of {name_} that is too long, or not ASCII")
    return f"{name_}: {value}"


def read_header_lines(lines: str) -> dict[str, str]:
    """The headers in ``lines``, which were checked when they were entered."""
    return dict(line_.split(": ", 1) for line_ in lines.splitlines())


def _event_types(text: str) -> list[str]:
    read = member(EventType)
    chosen = {read(word.strip()) for word in text.splitlines() if word.strip()}
    return [event.value for event in EventType if event in chosen]


NAME = Field("name", "Name", mandatory=True, read=name, metavar="NAME")
KIND = Field(
    "kind",
    "Kind",
    mandatory=True,
    read=member(OutletKind),
    default=OutletKind.WEBHOOK.value,
    metavar="|".join(OutletKind),
    help="How events are handed over.",
)
URL = Field(
    "url",
    "Address",
    mandatory=True,
    read=_url,
    metavar="URL",
    help="Where each event is posted to, as in https://desk.example.com/hooks/postmaster. Secrets belong into a "
    "header, not here.",
)
SECRET = Field(
    "secret",
    "Secret",
    read=_sealed_secret,
    empty="",
    column="sealed_secret",
    secret=True,
    help=f"What signs each event, as {SECRET_PREFIX}…; it is made if left empty, or by “{NEW}”, and shown once.",
)
HEADERS = Field(
    "headers",
    "Headers",
    read=_sealed_headers,
    empty="",
    column="sealed_headers",
    secret=True,
    lines=True,
    help=f"Further headers, a line “Name: value” each, as for a token that the receiver asks for; “{NONE}” takes "
    "them away. Stored encrypted.",
)
EVENTS = Field(
    "events",
    "Events",
    read=_event_types,
    empty=(),
    metavar="EVENT",
    help=f"Only this type of event, repeatable: {', '.join(EventType)}. All if left out.",
    lines=True,
)
QUEUES = Field(
    "queues",
    "Queues",
    read=lambda text: [word.strip() for word in text.splitlines() if word.strip()],
    empty=(),
    metavar="QUEUE",
    help="Only events of this queue, by id or name; repeatable. All events if left out, those of no queue too.",
    lines=True,
)
RAW_MESSAGE = Field(
    "raw_message",
    "Raw message",
    mandatory=True,
    read=yes_no,
    default="no",
    metavar="yes|no",
    help="Whether the message itself, as it came, goes along in Base64.",
)
