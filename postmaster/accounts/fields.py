"""The fields of mail accounts and of credentials (REFERENCE sections 1 and 2), in the order in which they are shown."""

from __future__ import annotations

from postmaster.accounts.models import CredentialKind, Dispatching
from postmaster.accounts.sealing import seal
from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from postmaster.system.fields import COMMENT, VALIDITY, Field
from postmaster.system.values import Flaw, clean, line, member, name, one_of, whole_number, yes_no

TYPE = Field(
    "type",
    "Type",
    mandatory=True,
    read=one_of(*ACCOUNT_TYPES),
    metavar="|".join(ACCOUNT_TYPES),
    help="Protocol that mail is fetched with.",
)
CREDENTIAL = Field(
    "credential", "Credential", metavar="NAME", help="What the account signs in with; without, it is not fetched."
)
TRUSTED = Field(
    "trusted",
    "Trusted",
    read=yes_no,
    empty=False,
    metavar="yes|no",
    help="Whether X-OTRS headers of the mail itself count; default: no.",
)
DISPATCHING = Field(
    "dispatching",
    "Dispatching",
    mandatory=True,
    read=member(Dispatching),
    default=Dispatching.TO.value,
    metavar="to|queue",
    help="By the To: field, or by the selected queue.",
)
QUEUE = Field("queue", "Queue", column="queue_id", metavar="NAME", help="Where all mail goes with --dispatching queue.")
INTERVAL = Field(
    "interval",
    "Fetch Interval",
    read=whole_number(1, 1440),
    metavar="MINUTES",
    help="Minutes between two runs, if not FetchIntervalMinutes.",
)
ACCOUNT_FIELDS = (TYPE, CREDENTIAL, *TYPE_FIELDS, TRUSTED, DISPATCHING, QUEUE, INTERVAL, VALIDITY, COMMENT)


def _sealed(password: str) -> str:
    if len(password) > 1000:
        raise Flaw("has more than 1000 characters", "Check what was given as the password.")
    return seal(clean(password))


KIND = Field(
    "kind",
    "Kind",
    mandatory=True,
    read=member(CredentialKind),
    default=CredentialKind.BASIC.value,
    metavar="|".join(CredentialKind),
    help="How it signs in; stays as it was added.",
    fixed=True,
)
CREDENTIAL_NAME = Field("name", "Name", mandatory=True, read=name, metavar="NAME", help="What accounts call it by.")
USERNAME = Field("username", "User name", mandatory=True, read=line(320), metavar="NAME", help="Login on the server.")
PASSWORD = Field(
    "password",
    "Password",
    mandatory=True,
    read=_sealed,
    column="sealed_password",
    help="Read the password from standard input; without a terminal, the only way to give it.",
    secret=True,
)
CREDENTIAL_FIELDS = (KIND, CREDENTIAL_NAME, USERNAME, PASSWORD, VALIDITY, COMMENT)
