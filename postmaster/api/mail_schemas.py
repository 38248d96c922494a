"""What the API says of a message of the ledger, with an example."""

from __future__ import annotations

from postmaster.api.schemas import COUNT, ID, MOMENT, obj, or_null
from postmaster.api.schemas import TEXT as TEXT_SCHEMA
from postmaster.extensions import Json
from postmaster.pipeline.outcome import RECORDED
from postmaster.pipeline.verdict import Finding

MAIL_EXAMPLE: Json = {
    "id": 42,
    "recorded": "2026-11-23T08:12:00+00:00",
    "account": "orders@imap.example.com",
    "sender": "ada@example.net",
    "sender_name": "Ada Lovelace",
    "recipients": ["orders@example.com"],
    "subject": "Where is my order?",
    "message_id": "17@example.net",
    "verdict": None,
    "outcome": "new",
    "reason": "dispatched-to-queue",
    "ticket": "2026112300012",
    "quarantine": None,
}
MAIL: dict[str, Json] = {
    "id": ID,
    "recorded": MOMENT,
    "account": TEXT_SCHEMA,
    "sender": TEXT_SCHEMA,
    "sender_name": TEXT_SCHEMA,
    "recipients": {"type": "array", "items": TEXT_SCHEMA},
    "subject": TEXT_SCHEMA,
    "message_id": TEXT_SCHEMA,
    "verdict": or_null({"type": "string", "enum": list(Finding)}),
    "outcome": {"type": "string", "enum": [row.outcome.value for row in RECORDED]},
    "reason": TEXT_SCHEMA,
    "ticket": or_null(TEXT_SCHEMA),
    "quarantine": or_null(ID),
}
_OBJECT: Json = {"type": ["object", "null"]}
ONE = obj(
    {
        **MAIL,
        "explanation": TEXT_SCHEMA,
        "account_id": or_null(ID),
        "mailbox": _OBJECT,
        "run": _OBJECT,
        "identity": TEXT_SCHEMA,
        "size": COUNT,
        "sha256": TEXT_SCHEMA,
        "deletion": TEXT_SCHEMA,
        "deleted": or_null(MOMENT),
        "trace": {"type": "array", "items": {"type": "object"}},
    }
)
ONE_EXAMPLE: Json = {
    **MAIL_EXAMPLE,
    "explanation": "The account puts all its mail into one queue.",
    "account_id": 3,
    "mailbox": {"host": "imap.example.com", "login": "orders", "folder": "INBOX"},
    "run": {"id": 18, "started_by": "schedule", "started": "2026-11-23T08:11:58+00:00"},
    "identity": "imap:1700000000:17",
    "size": 4711,
    "sha256": "0" * 64,
    "deletion": "confirmed",
    "deleted": "2026-11-23T08:12:01+00:00",
    "trace": [],
}
