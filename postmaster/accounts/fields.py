"""The fields of mail accounts (docs/glossary.md#mail-accounts), in the order in which they are shown."""

from __future__ import annotations

from postmaster.accounts.models import Dispatching, Trust
from postmaster.accounts.tags import TAGS
from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from postmaster.resources.fields import COMMENT, VALIDITY, Field
from postmaster.resources.readers import InvalidValue, member, one_of, whole_number
from postmaster.system.lists import LIST_SEPARATOR, read_names

# Characters of all names together, as the column has room for them.
MAX_SERVER_NAMES = 1000


def _server_names(text: str) -> str:
    names = read_names(text)
    for name in names:
        if "=" in name or any(char.isspace() for char in name):
            flaw = f"has “{name}”, which is not the name of a server"
            raise InvalidValue(flaw, "Enter what stands before the first semicolon in Authentication-Results.")
    entered = LIST_SEPARATOR.join(names)
    if len(entered) > MAX_SERVER_NAMES:
        raise InvalidValue(f"has {len(entered)} characters; at most {MAX_SERVER_NAMES} are allowed")
    return entered


TYPE = Field(
    "type",
    "Type",
    mandatory=True,
    read=one_of(*ACCOUNT_TYPES),
    metavar="|".join(ACCOUNT_TYPES),
    help="Protocol, and how it is encrypted.",
)
CREDENTIAL = Field(
    "credential", "Credential", metavar="NAME", help="What the account signs in with; without, it is not fetched."
)
TRUSTED = Field(
    "trusted",
    "Trusted",
    column="trust",
    read=member(Trust),
    empty=Trust.NO,
    metavar="|".join(Trust),
    help="Whether X-OTRS headers of the mail itself count, or only those of senders who are proven; default: no.",
)
AUTHSERV_IDS = Field(
    "authserv_ids",
    "Trusted Authserv-IDs",
    read=_server_names,
    metavar="NAMES",
    help="Names, separated by semicolons, by which the servers of this mailbox sign Authentication-Results, if not "
    "those of TrustedAuthservIds.",
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
ANSWER_TIMEOUT = Field(
    "answer_timeout",
    "Answer Timeout",
    read=whole_number(10, 300),
    metavar="SECONDS",
    help="Seconds the server may take for an answer, 10 to 300; default: 60, and 100 for opening, listing, deleting.",
)
ACCOUNT_FIELDS = (
    TYPE,
    CREDENTIAL,
    *TYPE_FIELDS,
    TRUSTED,
    AUTHSERV_IDS,
    DISPATCHING,
    QUEUE,
    INTERVAL,
    ANSWER_TIMEOUT,
    VALIDITY,
    TAGS,
    COMMENT,
)
