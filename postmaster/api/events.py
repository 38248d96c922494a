"""What happened, for programs that ask: in the order of commits, and as soon as it happens for those that wait."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.api.operation import Answer, Call, Operation, Reply
from postmaster.api.schemas import MOMENT, TEXT, obj
from postmaster.database import read_session
from postmaster.desk.models import Ticket
from postmaster.desk.queues import Queues
from postmaster.errors import NotFoundError
from postmaster.extensions import Json
from postmaster.ledger.event_document import event_document
from postmaster.outbox.models import Event, EventType
from postmaster.outbox.reading import page_after, wait_for_events
from postmaster.resources.fields import Field, InvalidFieldsError
from postmaster.resources.numbers import MAX_ID
from postmaster.resources.readers import InvalidValue, alternatives, whole_number
from postmaster.system.models import Scope
from postmaster.system.tokens import require_still_good

# Events may have twenty thousand characters of text each, and who waits holds a thread.
MAX_EVENTS, MAX_SECONDS = 100, 30


def _types(text: str) -> list[EventType]:
    words = text.splitlines()
    if unknown := [word for word in words if word not in list(EventType)]:
        raise InvalidValue(f"has “{unknown[0]}”, but each must be {alternatives(tuple(EventType))}")
    return [EventType(word) for word in words]


AFTER = Field(
    "after",
    "After",
    read=whole_number(0, MAX_ID),
    default="0",
    metavar="SEQUENCE",
    help="Those after this one: what next said, or the sequence of an event.",
)
TYPES = Field(
    "types", "Types", read=_types, empty=(), metavar="|".join(EventType), help="Only of these types.", lines=True
)
QUEUES = Field(
    "queues", "Queues", read=str.splitlines, empty=(), metavar="NAME", help="Only of these queues.", lines=True
)
LIMIT = Field(
    "limit", "Limit", read=whole_number(1, MAX_EVENTS), default="100", metavar="COUNT", help="Events at a time."
)
WAIT = Field(
    "wait",
    "Wait",
    read=whole_number(0, MAX_SECONDS),
    default="0",
    metavar="SECONDS",
    help="Without an event, wait so long for one; shorter if many wait already.",
)


def _list(call: Call) -> Answer:
    after, types = call.query["after"], call.query["types"]
    with read_session() as session:
        queues = _queue_ids(session, call)
    if call.query["wait"]:
        wait_for_events(after, call.query["wait"], types, queues)
    with read_session() as session:
        require_still_good(session, call.caller)  # it may have waited for long
        found = page_after(session, after, call.query["limit"], types, queues)
        items = event_document(session, found.events)
        _leave_out_unseen(session, call, found.events, items)
        return Answer({"items": items, "next": found.after})


def _leave_out_unseen(session: Session, call: Call, events: Sequence[Event], items: Sequence[Json]) -> None:
    """Events stay in the queue they happened in; of a ticket that was moved where the token sees nothing, or whose mail
    was, no more is told than that something happened.
    """
    if call.caller.queue_ids is None:
        return
    about = [_about(event, item["data"]) for event, item in zip(events, items, strict=True)]
    wanted = {number for numbers in about for number in numbers}
    query = select(Ticket.number).where(Ticket.number.in_(wanted), Ticket.queue_id.in_(call.caller.queue_ids))
    seen = set(session.scalars(query))
    for numbers, item in zip(about, items, strict=True):
        if not numbers <= seen:
            item["data"] = {**_NOTHING}


def _about(event: Event, data: Json) -> set[str]:
    """The numbers of the tickets that an event tells of: its own, the one its mail is in, and those it was merged with.

    A ticket that is not there any more has a number that nobody sees.
    """
    changes = data.get("changes") or {}
    merged = {number for name in ("merged_into", "merged") for number in changes.get(name, ()) if number}
    own = {data["ticket"]["number"] if data["ticket"] else ""} if event.ticket_id is not None else set()
    mail = {data["mail"]["ticket"] or ""} if data.get("mail") and event.ticket_id is not None else set()
    return own | mail | merged


def _queue_ids(session: Session, call: Call) -> Collection[int]:
    """The queues that are wanted, as far as the token sees them; none of them means all. Raises InvalidFieldsError."""
    wanted = [_queue_id(session, call, name) for name in dict.fromkeys(call.query["queues"])]
    return wanted or call.caller.queue_ids or ()


def _queue_id(session: Session, call: Call, name: str) -> int:
    try:
        queue_id = Queues(session).queue_id(name)
    except NotFoundError:
        queue_id = None
    if queue_id is None or not call.caller.sees(queue_id):
        flaw = QUEUES.refuse(f"has “{name}”, which is no queue", "Look it up in the list of queues.", "unknown-queue")
        raise InvalidFieldsError({QUEUES.name: flaw})
    return queue_id


_NOTHING: Json = {"ticket": None, "article": None, "mail": None, "decisions": [], "links": {}}

_EVENT: Json = {
    "id": "0f4c3f0e6b0d4b5f9a3c1d2e3f405162",
    "type": "mail.ignored",
    "timestamp": "2026-11-23T09:12:00+00:00",
    "sequence": 4711,
    "data": _NOTHING,
}
_SEQUENCE: Json = {"type": "integer", "minimum": 0}
_EVENT_SCHEMA = obj(
    {
        "id": {**TEXT, "description": "The same however often it is told."},
        "type": {"type": "string", "enum": list(EventType)},
        "timestamp": MOMENT,
        "sequence": _SEQUENCE,
        "data": {"type": "object", "description": "What it is about, as that is now: see docs/outlets.md."},
    }
)

OPERATIONS = (
    Operation(
        name="listEvents",
        method="GET",
        path="/events",
        scope=Scope.READ,
        tag="events",
        summary="List events, the oldest first",
        description="Whoever asks again after what next says misses none, and gets none twice.",
        run=_list,
        parameters=(AFTER, TYPES, QUEUES, LIMIT, WAIT),
        reply=Reply(
            {"items": [_EVENT], "next": 4711},
            obj({"items": {"type": "array", "items": _EVENT_SCHEMA}, "next": _SEQUENCE}),
        ),
        errors=("invalid-value",),
        limited=True,
    ),
)
