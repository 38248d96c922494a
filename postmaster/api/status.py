"""How everything stands, and the one switch for all fetching."""

from __future__ import annotations

from http import HTTPStatus

from postmaster.api.accounts import FETCHING, FETCHING_SCHEMA
from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.schemas import COUNT, FLAG, ID, MOMENT, TEXT, obj, or_null
from postmaster.database import read_session, transaction
from postmaster.extensions import Json
from postmaster.fetching.overview import MANY_TICKETS
from postmaster.fetching.pause import REASON, current_pause, pause_fetching, pause_json, resume_fetching
from postmaster.operations.standing import MAX_ACCOUNTS, USUAL_ACCOUNTS, look_at_all
from postmaster.resources.fields import Field
from postmaster.resources.readers import whole_number
from postmaster.system.models import Scope

_LIMIT = Field(
    "limit",
    "Limit",
    read=whole_number(1, MAX_ACCOUNTS),
    default=str(USUAL_ACCOUNTS),
    metavar="COUNT",
    help="Accounts that are named at most, those in trouble first.",
)


def _status(call: Call) -> Answer:
    with read_session() as session:
        return Answer(look_at_all(session, call.query[_LIMIT.name]).as_json())


def _get_pause(_call: Call) -> Answer:
    with read_session() as session:
        return Answer(pause_json(current_pause(session)))


def _pause(call: Call) -> Answer:
    with transaction() as session:
        return Answer(pause_json(pause_fetching(session, call.values((REASON,))[REASON.name], call.actor)))


def _resume(call: Call) -> Answer:
    with transaction() as session:
        resume_fetching(session, call.actor)
    return Answer()


_ACCOUNT: Json = {
    "id": 3,
    "label": "orders@imap.example.com",
    "health": "healthy",
    "last_run": "2026-11-23T09:12:00+00:00",
    "last_success": "2026-11-23T09:12:00+00:00",
    "failing_since": None,
    "backlog": 0,
    "next_run": "2026-11-23T09:22:00+00:00",
    "held": None,
    "error": "",
    "activity": None,
}
_ACTIVITY: Json = {
    **obj(
        {
            "state": TEXT,
            "by": TEXT,
            "since": or_null(TEXT),
            "done": COUNT,
            "expected": COUNT,
            "rate": {"type": "number"},
        }
    ),
    "type": ["object", "null"],
}
_ACCOUNT_SCHEMA = obj(
    {
        "id": ID,
        "label": TEXT,
        "health": TEXT,
        **dict.fromkeys(("last_run", "last_success", "failing_since", "next_run"), or_null(MOMENT)),
        "backlog": COUNT,
        "held": or_null(COUNT),
        "error": TEXT,
        "activity": _ACTIVITY,
    }
)
_TICKETS: Json = {**or_null(COUNT), "description": f"Null if there were ever more than {MANY_TICKETS:,} tickets."}
_QUEUE: Json = {"id": ID, "name": TEXT, "tickets": _TICKETS, **dict.fromkeys(("open", "today"), COUNT)}
_TODAY: Json = {
    "mails": 184,
    "usual": 212,
    "new_tickets": 12,
    "open_tickets": 57,
    "unanswered": {"number": "2026112100012", "created": "2026-11-21T09:12:00+00:00"},
    "waited": {"half": 240, "most": 540, "mails": 181},
    "quarantined": 0,
    "undelivering": 0,
    "accounts": 1,
}
_TODAY_SCHEMA = obj(
    {
        "mails": COUNT,
        "usual": {**or_null(COUNT), "description": "What had come in by this hour on other days; null if not known."},
        "new_tickets": COUNT,
        "open_tickets": COUNT,
        "unanswered": {**obj({"number": TEXT, "created": MOMENT}), "type": ["object", "null"]},
        "waited": {
            **obj({"half": COUNT, "most": COUNT, "mails": COUNT}),
            "type": ["object", "null"],
            "description": "Seconds from the mailbox to the ticket, of half of the mail and of 95 in a hundred.",
        },
        **dict.fromkeys(("quarantined", "undelivering", "accounts"), COUNT),
    }
)
_PAUSE: Json = {
    "paused": True,
    "reason": "The desk moves",
    "by": "API token shop",
    "since": "2026-11-23T09:12:00+00:00",
}
_PAUSE_SCHEMA = obj({"paused": FLAG, **dict.fromkeys(("reason", "by", "since"), or_null(TEXT))})

OPERATIONS = (
    Operation(
        name="getStatus",
        method="GET",
        path="/status",
        scope=Scope.READ,
        tag="status",
        summary="Get how everything stands",
        description="As flask status --json prints it. All accounts are counted in healths, by their health; those of "
        "one health are listed by listAccounts.",
        parameters=(_LIMIT,),
        run=_status,
        reply=Reply(
            {
                "accounts": [_ACCOUNT],
                "healths": {"healthy": 1},
                "queues": [{"id": 2, "name": "Raw", "tickets": 12, "open": 3, "today": 1}],
                "today": _TODAY,
                "quarantined": 0,
                "worker": FETCHING,
                "headline": "All is well with 1 account",
                "ok": True,
                "incidents": 0,
            },
            obj(
                {
                    "accounts": {"type": "array", "items": _ACCOUNT_SCHEMA},
                    "healths": {"type": "object", "additionalProperties": COUNT},
                    "queues": {"type": "array", "items": obj(_QUEUE)},
                    "today": _TODAY_SCHEMA,
                    "quarantined": COUNT,
                    "worker": FETCHING_SCHEMA,
                    "headline": TEXT,
                    "ok": FLAG,
                    "incidents": COUNT,
                }
            ),
        ),
        errors=("invalid-value",),
    ),
    Operation(
        name="getPause",
        method="GET",
        path="/pause",
        scope=Scope.READ,
        tag="status",
        summary="Get whether all fetching is paused",
        run=_get_pause,
        reply=Reply(_PAUSE, _PAUSE_SCHEMA),
        errors=("database-away",),
    ),
    Operation(
        name="pauseFetching",
        method="PUT",
        path="/pause",
        scope=Scope.ADMIN,
        tag="status",
        summary="Pause all fetching",
        description="Runs end after their current batch.",
        run=_pause,
        body=Body({"reason": "The desk moves"}, (REASON,)),
        reply=Reply(_PAUSE, _PAUSE_SCHEMA, description="It is paused."),
        errors=("already-paused", "missing-field"),
    ),
    Operation(
        name="resumeFetching",
        method="DELETE",
        path="/pause",
        scope=Scope.ADMIN,
        tag="status",
        summary="Resume fetching",
        run=_resume,
        reply=Reply(None, None, HTTPStatus.NO_CONTENT, "Mail is fetched again, or was anyway."),
        errors=("database-away",),
    ),
)
