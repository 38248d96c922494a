"""The operation that says why a message is not where somebody looked for it."""

from __future__ import annotations

from postmaster import config
from postmaster.api.operation import Answer, Call, Operation, Reply
from postmaster.api.schemas import ID, TEXT, obj, or_null
from postmaster.database import read_session
from postmaster.errors import InputError
from postmaster.extensions import Json
from postmaster.ledger.obstacles import ObstacleKind
from postmaster.ledger.why_not import why_not
from postmaster.resources.fields import Field, InvalidFieldsError
from postmaster.resources.readers import line
from postmaster.system.models import Scope

ASKED = (
    Field("queue", "Queue", read=line(200), metavar="NAME", help="Why is it not in this queue?"),
    Field("filter", "Filter", read=line(200), metavar="NAME", help="Why does this filter not match it?"),
    Field("ticket", "Ticket", read=line(50), metavar="NUMBER", help="Why is it not in this ticket?"),
)

_OBSTACLE: Json = {
    "type": "object",
    "properties": {"kind": {"type": "string", "enum": list(ObstacleKind)}, "text": TEXT},
    "required": ["kind", "text"],
}
_WHY = obj(
    {
        "mail": ID,
        "asked": {"type": "object", "additionalProperties": TEXT},
        "answer": TEXT,
        "stood_against": or_null(_OBSTACLE),
        "also": {"type": "array", "items": _OBSTACLE},
        "differs": or_null(TEXT),
    }
)
_AGAINST: Json = {
    "kind": "condition",
    "text": "The filter “10 orders” does not match: Subject must match “order”, but has “Where is my parcel?”.",
    "filter": "10 orders",
    "header": "Subject",
    "must": "must match",
    "pattern": "order",
    "value": "Where is my parcel?",
}
_EXAMPLE: Json = {
    "mail": 42,
    "asked": {"queue": "Sales::Orders"},
    "answer": _AGAINST["text"],
    "stood_against": _AGAINST,
    "also": [],
    "differs": None,
}


def _why(call: Call) -> Answer:
    asked = {field.name: call.query[field.name] for field in ASKED if call.query[field.name]}
    if len(asked) != 1:
        words = "One of queue, filter and ticket has to be named."
        flaw = InputError(ASKED[0].label, words, "Name the one that is asked for.", "missing-field")
        raise InvalidFieldsError({ASKED[0].name: flaw})
    [(what, name)] = asked.items()
    with read_session() as session:
        return Answer(why_not(session, call.id, what, name, config.current().time_zone).as_json())


OPERATIONS = (
    Operation(
        name="whyNot",
        method="GET",
        path="/mail/{id}/why",
        scope=Scope.READ,
        tag="mail",
        summary="Ask why a message is not in a queue or ticket, or not matched by a filter",
        description=(
            "The message is decided on again as things stand now, by the code that decides on mail; nothing changes. "
            "`stood_against` is the first thing that stood against it, null if nothing did; `differs` says so if the "
            "message would not become now what it became."
        ),
        parameters=ASKED,
        run=_why,
        reply=Reply(_EXAMPLE, _WHY),
        errors=("unknown-mail", "unknown-queue", "unknown-filter", "unknown-ticket", "unknown-source", "missing-field"),
    ),
)
