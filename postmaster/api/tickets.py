"""The operations of tickets: find them, look at one, change and merge them, hand them out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import request, stream_with_context
from sqlalchemy.orm import Session

from postmaster.api.lists import PAGING, TEXT, page, read_cursor
from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.ranges import disposition
from postmaster.api.resources import differs, revision_of
from postmaster.api.schemas import MOMENT, list_of, obj, or_null
from postmaster.api.schemas import TEXT as TEXT_SCHEMA
from postmaster.database import read_session, transaction
from postmaster.desk.models import Ticket
from postmaster.desk.ticket_choices import TICKET_CHOICES
from postmaster.desk.ticket_events import fields_of
from postmaster.desk.ticket_list import TicketFilter, find_tickets
from postmaster.desk.ticket_service import TicketService
from postmaster.desk.ticket_stream import TicketRange, require_queue
from postmaster.desk.ticket_view import find_ticket
from postmaster.desk.tickets import linked_numbers
from postmaster.errors import NotFoundError
from postmaster.extensions import Json
from postmaster.ledger.export import FORMATS, export_pieces
from postmaster.ledger.merging import merge_tickets
from postmaster.resources.audit import audit
from postmaster.resources.fields import Field
from postmaster.resources.numbers import MAX_ID
from postmaster.resources.readers import line, moment, one_of
from postmaster.system.models import Scope
from postmaster.system.tokens import Caller

QUEUE = Field("queue", "Queue", read=line(200), empty="", metavar="NAME", help="Only of this queue.")
STATE = Field("state", "State", read=line(100), empty="", metavar="STATE", help="Only in this state.")
SINCE = Field("since", "Since", read=moment(UTC), metavar="MOMENT", help="Opened then, or later (ISO 8601, UTC).")
UNTIL = Field(
    "until", "Until", read=moment(UTC, end_of_day=True), metavar="MOMENT", help="Opened before then, or on that day."
)
FORMAT = Field(
    "format",
    "Format",
    read=one_of(*FORMATS),
    default="jsonl",
    metavar="|".join(FORMATS),
    help="jsonl: everything, as flask ticket import reads it back; mbox: the mail alone; eml: a file each, in a tar.",
)

TO_QUEUE = Field("queue", "Queue", read=line(200), metavar="NAME", help="Move it to this queue.")
TO_STATE = Field("state", "State", read=line(100), metavar="STATE", help="Give it this state.")
CHANGED = (TO_QUEUE, TO_STATE, *(choice.field for choice in TICKET_CHOICES.values()))
INTO = Field(
    "into",
    "Into",
    mandatory=True,
    read=line(30),
    metavar="NUMBER",
    help="The ticket that gets its articles and follow-ups.",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TICKET_EXAMPLE: Json = {
    "number": "2026112300012",
    "title": "Where is my order?",
    "queue": "Sales::Orders",
    "priority": "3 normal",
    "state": "new",
    "type": "Unclassified",
    "service": None,
    "sla": None,
    "lock": "unlock",
    "owner": None,
    "responsible": None,
    "customer_id": "ada@example.net",
    "customer_user": "ada@example.net",
    "pending_time": None,
    "dynamic_fields": {},
    "sender_name": "Ada Lovelace",
    "sender_address": "ada@example.net",
    "created": "2026-11-23T08:12:00+00:00",
    "changed": "2026-11-23T08:12:00+00:00",
}
_NULLABLE = ("service", "sla", "owner", "responsible", "customer_id", "customer_user")
_TICKET = {
    name: or_null(TEXT_SCHEMA) if name in _NULLABLE else TEXT_SCHEMA
    for name in _TICKET_EXAMPLE
    if name not in ("pending_time", "dynamic_fields", "created", "changed")
} | {
    "pending_time": or_null(MOMENT),
    "dynamic_fields": {"type": "object", "additionalProperties": TEXT_SCHEMA},
    "created": MOMENT,
    "changed": MOMENT,
}
_NUMBERS: Json = {"type": "array", "items": TEXT_SCHEMA}
_LINKED = ("follows", "followed_by", "same_message", "merged_into", "merged")
_ONE = obj({**_TICKET, **dict.fromkeys(_LINKED, _NUMBERS)})
_ONE_EXAMPLE: Json = {**_TICKET_EXAMPLE, **{name: [] for name in _LINKED}}
_ETAG = {"ETag": "The state of the ticket, for If-Match."}


def visible_ticket(session: Session, number: str, caller: Caller) -> Ticket:
    """The ticket with that number, if its queue is one that the token sees. Raises NotFoundError."""
    ticket = find_ticket(session, number)
    if not caller.sees(ticket.queue_id):
        raise NotFoundError("unknown-ticket", f"There is no ticket “{number}”", "Look for it in the list of tickets.")
    return ticket


def _item(ticket: Ticket) -> Json:
    return {
        "number": ticket.number,
        **fields_of(ticket),
        "sender_name": ticket.sender_name,
        "sender_address": ticket.sender_address,
        "created": ticket.created_at.isoformat(),
        "changed": ticket.changed_at.isoformat(),
    }


def _one(session: Session, ticket: Ticket, caller: Caller) -> Answer:
    """All of it; of tickets that belong to it, those that the token sees."""
    linked = linked_numbers(session, ticket.id, caller.queue_ids)
    body = {**_item(ticket), **{name: list(getattr(linked, name)) for name in _LINKED}}
    return Answer(body, {"ETag": f'"{_revision(ticket)}"'})


def _revision(ticket: Ticket) -> int:
    """When it was changed last, as a number."""
    return (ticket.changed_at - _EPOCH) // timedelta(microseconds=1)


def _list(call: Call) -> Answer:
    asked: Any = call.query
    [before] = read_cursor(call) or [MAX_ID]
    wanted = TicketFilter(
        text=asked["q"],
        queue=asked["queue"],
        state=asked["state"],
        before=before,
        since=asked["since"],
        until=asked["until"],
        queue_ids=call.caller.queue_ids,
    )
    with read_session() as session:
        found = find_tickets(session, wanted, asked["limit"])
        items = [_item(ticket) for ticket in found.rows]
    return page(call, items, None if found.next is None else [found.next])


def _get(call: Call) -> Answer:
    with read_session() as session:
        return _one(session, visible_ticket(session, call.path["number"], call.caller), call.caller)


def _change(call: Call) -> Answer:
    values = call.values(CHANGED)
    chosen = {name: call.texts[name] for name in TICKET_CHOICES if name in call.texts}
    with transaction() as session:
        ticket = _locked(session, call)
        _require_target(session, values["queue"], call.caller)
        TicketService(session, call.actor).change([ticket.number], values["queue"], values["state"], chosen)
        session.flush()
        return _one(session, ticket, call.caller)


def _merge(call: Call) -> Answer:
    into = call.values((INTO,))["into"]
    with transaction() as session:
        visible_ticket(session, into, call.caller)
        ticket = visible_ticket(session, call.path["number"], call.caller)
        merge_tickets(session, [ticket.number], into, call.actor)
        session.flush()
        return _one(session, ticket, call.caller)


def _locked(session: Session, call: Call) -> Ticket:
    """The ticket, which nobody else changes until the transaction ends, at the state that the caller has seen."""
    visible_ticket(session, call.path["number"], call.caller)
    [ticket] = TicketService(session, call.actor).find([call.path["number"]])
    session.refresh(ticket)
    if revision_of(call) not in (None, _revision(ticket)):
        raise differs(f"The ticket {ticket.number} was changed meanwhile, so nothing was done.")
    return ticket


def _require_target(session: Session, queue: str | None, caller: Caller) -> None:
    if queue is not None and caller.queue_ids is not None and not caller.sees(require_queue(session, queue)):
        raise NotFoundError("unknown-queue", f"There is no queue “{queue}”.", "Look for it in the list of queues.")


def _export(call: Call) -> Answer:
    asked: Any = call.query
    wanted = TicketRange(
        asked["queue"], asked["state"], asked["since"], asked["until"], queue_ids=call.caller.queue_ids
    )
    with read_session() as session:
        if wanted.queue:
            _require_target(session, wanted.queue, call.caller)
            require_queue(session, wanted.queue)
    if request.method == "GET":
        with transaction() as session:
            audit(session, call.actor, "export", "ticket", wanted.queue or "all", {})

    def pieces() -> Iterator[bytes]:
        with read_session() as session:
            yield from export_pieces(session, wanted, asked["format"])

    form = FORMATS[asked["format"]]
    headers = {"Content-Type": form.media_type, "Content-Disposition": disposition(f"tickets.{form.ending}")}
    return Answer(stream_with_context(pieces()), headers)


OPERATIONS = (
    Operation(
        name="listTickets",
        method="GET",
        path="/tickets",
        scope=Scope.READ,
        tag="tickets",
        summary="Find tickets, the newest first",
        description="Words are looked for in a stretch of tickets at a time, so a page may have fewer than there are.",
        parameters=(TEXT, QUEUE, STATE, SINCE, UNTIL, *PAGING),
        run=_list,
        reply=Reply({"items": [_TICKET_EXAMPLE], "next": None}, list_of(obj(_TICKET))),
        errors=("invalid-value",),
        limited=True,
    ),
    Operation(
        name="exportTickets",
        method="GET",
        path="/export",
        scope=Scope.READ,
        tag="tickets",
        summary="Hand out tickets with the mail that they came as, the oldest first",
        parameters=(FORMAT, QUEUE, STATE, SINCE, UNTIL),
        run=_export,
        reply=Reply(
            json.dumps({"kind": "ticket", "number": "2026112300012"}) + "\n",
            media_type=FORMATS["jsonl"].media_type,
            or_types=[form.media_type for name, form in FORMATS.items() if name != "jsonl"],
            headers={"Content-Disposition": "attachment, with the name of the file."},
        ),
        errors=("unknown-queue",),
        limited=True,
    ),
    Operation(
        name="getTicket",
        method="GET",
        path="/tickets/{number}",
        scope=Scope.READ,
        tag="tickets",
        summary="Get one ticket",
        run=_get,
        reply=Reply(_ONE_EXAMPLE, _ONE, headers=_ETAG),
        errors=("unknown-ticket",),
        limited=True,
    ),
    Operation(
        name="changeTicket",
        method="PATCH",
        path="/tickets/{number}",
        scope=Scope.ADMIN,
        tag="tickets",
        summary="Move a ticket to a queue, or change its state, priority, owner and the like",
        description="What is left out stays as it is.",
        body=Body({"state": "open"}, CHANGED, partial=True),
        run=_change,
        reply=Reply({**_ONE_EXAMPLE, "state": "open"}, _ONE, headers=_ETAG),
        errors=("unknown-ticket", "unknown-queue", "queue-invalid"),
        revised=True,
        limited=True,
    ),
    Operation(
        name="mergeTicket",
        method="POST",
        path="/tickets/{number}/merge",
        scope=Scope.ADMIN,
        tag="tickets",
        summary="Merge a ticket into another one, which gets its articles and follow-ups",
        body=Body({"into": "2026112300007"}, (INTO,)),
        run=_merge,
        reply=Reply({**_ONE_EXAMPLE, "state": "merged", "merged_into": ["2026112300007"]}, _ONE, headers=_ETAG),
        errors=("unknown-ticket", "merge-refused", "missing-field"),
        limited=True,
    ),
)
