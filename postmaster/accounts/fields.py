"""The fields of mail accounts (docs/glossary.md#mail-accounts), in the order in which they are shown."""

from __future__ import annotations

from postmaster.accounts.models import Dispatching
from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from postmaster.resources.fields import COMMENT, VALIDITY, Field
from postmaster.resources.readers import member, one_of, whole_number, yes_no

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
    DISPATCHING,
    QUEUE,
    INTERVAL,
    ANSWER_TIMEOUT,
    VALIDITY,
    COMMENT,
)
