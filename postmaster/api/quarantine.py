"""The operations of the quarantine: messages that could not become tickets, and what to do with them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from sqlalchemy.orm import Session

from postmaster.api.articles import BYTES_ABOUT, MESSAGE, Taken, give
from postmaster.api.lists import PAGING, TEXT, page, read_cursor, sort_field
from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.schemas import COUNT, ID, MOMENT, list_of, obj, or_null
from postmaster.api.schemas import TEXT as TEXT_SCHEMA
from postmaster.database import read_session, transaction
from postmaster.errors import NotFoundError
from postmaster.extensions import Json
from postmaster.ledger.models import Quarantine
from postmaster.ledger.quarantine import deliver, discard, find_quarantined, handle, raw_source, retry
from postmaster.ledger.quarantine_list import quarantine_listing
from postmaster.pipeline.decision import REASONS
from postmaster.resources.cursor import slice_of
from postmaster.resources.fields import Field
from postmaster.resources.listing import ListFilter
from postmaster.resources.readers import line
from postmaster.system.models import Scope

ACCOUNT = Field("account", "Account", read=line(400), empty="", metavar="LABEL", help="Only those that came by it.")
QUEUE = Field("queue", "Queue", mandatory=True, read=line(200), metavar="NAME", help="Queue of the new ticket.")

_EXAMPLE: Json = {
    "id": 5,
    "mail": 42,
    "account": "orders@imap.example.com",
    "reason": "unreadable",
    "explanation": REASONS["unreadable"],
    "error": "ValueError: it has no end",
    "sender": "ada@example.net",
    "subject": "Where is my order?",
    "size": 4711,
    "created": "2026-11-23T08:12:00+00:00",
}
_HELD = obj(dict.fromkeys(_EXAMPLE, TEXT_SCHEMA) | {"id": ID, "mail": ID, "size": COUNT, "created": MOMENT})
_RELEASED = obj(
    {"ticket": or_null({**TEXT_SCHEMA, "description": "Null: a filter or a header says that it is dropped."})}
)
_UNKNOWN = ("unknown-quarantine",)


def _item(row: Quarantine) -> Json:
    return {
        "id": row.id,
        "mail": row.inbound_id,
        "account": row.label,
        "reason": row.reason,
        "explanation": REASONS.get(row.reason, ""),
        "error": row.error,
        "sender": row.sender,
        "subject": row.subject,
        "size": row.size,
        "created": row.created_at.isoformat(),
    }


def _list(call: Call) -> Answer:
    asked: Any = call.query
    wanted = ListFilter(asked["q"], asked["sort"])
    with read_session() as session:
        found = slice_of(session, quarantine_listing(asked["account"]), wanted, read_cursor(call), asked["limit"])
        items = [_item(row[0]) for row in found.rows]
    return page(call, items, found.last)


def _get(call: Call) -> Answer:
    with read_session() as session:
        return Answer(_item(_found(session, call)))


def _source(call: Call) -> Answer:
    with read_session() as session:
        content = raw_source(session, _found(session, call))
    return give(call, content, f"quarantine-{call.id}.eml", Taken("download-source", "quarantine", str(call.id)))


def _found(session: Session, call: Call) -> Quarantine:
    row = session.get(Quarantine, call.id)
    if row is None:
        advice = "Somebody may have dealt with it already: look at the list."
        raise NotFoundError("unknown-quarantine", f"There is no message {call.id} in quarantine.", advice)
    return row


def _retry(call: Call) -> Answer:
    return Answer({"ticket": _done(call, lambda session, row: retry(session, row, call.actor) or "") or None})


def _deliver(call: Call) -> Answer:
    queue = call.values((QUEUE,))["queue"]
    return Answer({"ticket": _done(call, lambda session, row: deliver(session, row, queue, call.actor))})


def _done(call: Call, act: Callable[[Session, Quarantine], str]) -> str:
    """What became of the message. Raises what says why it stays."""
    for handled in handle([call.id], act):
        if handled.error is not None:
            raise handled.error
        return handled.done
    raise AssertionError("nothing was handled")


def _delete(call: Call) -> Answer:
    with transaction() as session:
        discard(session, find_quarantined(session, call.id), call.actor)
    return Answer()


OPERATIONS = (
    Operation(
        name="listQuarantine",
        method="GET",
        path="/quarantine",
        scope=Scope.READ,
        tag="quarantine",
        summary="List the messages in quarantine, the oldest first",
        parameters=(TEXT, ACCOUNT, sort_field(quarantine_listing()), *PAGING),
        run=_list,
        reply=Reply({"items": [_EXAMPLE], "next": None}, list_of(_HELD)),
        errors=("invalid-value",),
    ),
    Operation(
        name="getQuarantined",
        method="GET",
        path="/quarantine/{id}",
        scope=Scope.READ,
        tag="quarantine",
        summary="Get one message, and why it is here",
        run=_get,
        reply=Reply(_EXAMPLE, _HELD),
        errors=_UNKNOWN,
    ),
    Operation(
        name="getQuarantinedSource",
        method="GET",
        path="/quarantine/{id}/source",
        scope=Scope.READ,
        tag="quarantine",
        summary="Get a message as it came",
        description=BYTES_ABOUT,
        run=_source,
        reply=MESSAGE,
        errors=(*_UNKNOWN, "range-not-satisfiable"),
    ),
    Operation(
        name="retryQuarantined",
        method="POST",
        path="/quarantine/{id}/retry",
        scope=Scope.ADMIN,
        tag="quarantine",
        summary="Read a message again and decide about it, by the present rules of its account",
        run=_retry,
        reply=Reply({"ticket": "2026112300012"}, _RELEASED, description="It left the quarantine."),
        errors=(*_UNKNOWN, "unreadable", "refused"),
    ),
    Operation(
        name="deliverQuarantined",
        method="POST",
        path="/quarantine/{id}/deliver",
        scope=Scope.ADMIN,
        tag="quarantine",
        summary="Make a message a ticket in a queue, however little of it can be read",
        body=Body({"queue": "Raw"}, (QUEUE,)),
        run=_deliver,
        reply=Reply({"ticket": "2026112300012"}, _RELEASED, description="It left the quarantine."),
        errors=(*_UNKNOWN, "unknown-queue", "queue-invalid", "missing-field", "refused"),
    ),
    Operation(
        name="deleteQuarantined",
        method="DELETE",
        path="/quarantine/{id}",
        scope=Scope.ADMIN,
        tag="quarantine",
        summary="Delete a message and its source for good; its row in the ledger stays",
        run=_delete,
        reply=Reply(None, None, status=HTTPStatus.NO_CONTENT, description="Deleted."),
        errors=_UNKNOWN,
    ),
)
