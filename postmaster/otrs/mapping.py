"""From tickets of a dump to what is stored here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue
from postmaster.extensions import Json, now
from postmaster.otrs.names import STATE_KINDS, known_kind
from postmaster.otrs.staging import StagedMail, StagedTicket, Staging
from postmaster.parsing.address_key import address_key
from postmaster.parsing.addresses import parse_addresses
from postmaster.pipeline.x_otrs_headers import MAX_FIELD
from postmaster.resources.named_service import printable
from postmaster.system.list_settings import DEFAULT_PRIORITY, DEFAULT_TYPE, DYNAMIC_FIELD_LIST, STATE_LIST
from postmaster.system.lists import StateKind, named
from postmaster.system.settings import DEFAULT_QUEUE, Configuration, read_configuration

MAX_TITLE, MAX_CUSTOMER, MAX_WORD = 1000, 320, 100


class TicketMapper:
    """From a ticket of the dump to what is stored here."""

    def __init__(self, session: Session, staging: Staging, notes: Counter[str], days: int) -> None:
        configuration = read_configuration(session)
        self._staging = staging
        self._notes = notes
        self._since = now() - timedelta(days=days)
        self._states = configuration[STATE_LIST]
        self._defaults = {"priority": configuration[DEFAULT_PRIORITY], "type": configuration[DEFAULT_TYPE]}
        self._queues = {name: number for number, name in session.execute(select(Queue.id, Queue.name))}
        self._fields = configuration[DYNAMIC_FIELD_LIST]
        self._default_queue = _default_queue(configuration, self._queues)
        self._state_of = cache(self._find_state)
        self._queue_of = cache(self._find_queue)

    def is_over(self, row: Json) -> bool:
        """Whether a ticket has been closed for too long."""
        found = named(self._states, row["state"])
        return found is not None and found.kind.is_closed and row["changed_at"] < self._since

    def row_of(self, ticket: StagedTicket) -> Json:
        """The columns of a ticket."""
        values = ticket.values
        state, kind = self._state_of(values["ticket_state_id"])
        changed = _moment(values["change_time"]) or self._since
        return {
            "number": values["tn"].strip(),
            "title": _line(values["title"], MAX_TITLE) or "(no subject)",
            "queue_id": self._queue_of(values["queue_id"]),
            "state": state,
            "pending_time": _pending(values["until_time"]) if kind.is_pending else None,
            "priority": self._name("ticket_priority", values["ticket_priority_id"]) or self._defaults["priority"],
            "type": self._name("ticket_type", values["type_id"]) or self._defaults["type"],
            "service": self._name("service", values["service_id"]),
            "sla": self._name("sla", values["sla_id"]),
            "lock": self._lock_of(values["ticket_lock_id"]),
            "owner": self._name("users", values["user_id"]),
            "responsible": self._name("users", values["responsible_user_id"]),
            "customer_id": _line(values["customer_id"], MAX_CUSTOMER) or None,
            "customer_user": _line(values["customer_user_id"], MAX_CUSTOMER) or None,
            "created_at": _moment(values["create_time"]) or changed,
            "changed_at": changed,
            "dynamic_fields": self._fields_of(ticket.fields),
            **_sender(ticket.mails),
        }

    def _lock_of(self, number: str) -> str:
        name = self._staging.names["ticket_lock_type"].get(number, "unlock" if number in ("", "1") else "lock")
        return "unlock" if name == "unlock" else "lock"

    def _name(self, table: str, number: str) -> str | None:
        return _line(self._staging.names[table].get(number, ""), MAX_WORD) or None

    def _fields_of(self, there: Mapping[str, str]) -> dict[str, str]:
        """Its dynamic fields, as far as they are listed here; the names of others are noted."""
        fields: dict[str, str] = {}
        for name, value in there.items():
            if here := named(self._fields, name):
                fields[here] = _line(value, MAX_FIELD)
            else:
                listed = DYNAMIC_FIELD_LIST.name
                self._notes[f"The dynamic field “{name}” is not in {listed}: tickets come without it."] += 1
        return fields

    def _find_state(self, number: str) -> tuple[str, StateKind]:
        """The state here, and its kind: the one of that name, or else the first of its kind."""
        name = self._staging.names["ticket_state"].get(number, number)
        if found := named(self._states, name):
            return found.name, found.kind
        type_id = self._staging.types_of_states.get(number, "")
        kind = known_kind(self._staging.names["ticket_state_type"].get(type_id) or STATE_KINDS.get(type_id, "open"))
        like = next((state for state in self._states if state.kind == kind), None) or self._states[0]
        self._notes[f"The state “{name}” is not in {STATE_LIST.name}: its tickets are “{like.name}”."] += 1
        return like.name, like.kind

    def _find_queue(self, number: str) -> int:
        name = self._staging.names["queue"].get(number, number)
        if name in self._queues:
            return self._queues[name]
        there = next(each for each, queue_id in self._queues.items() if queue_id == self._default_queue)
        self._notes[f"The queue “{name}” is not here: its tickets are in “{there}”."] += 1
        return self._default_queue


def _sender(mails: Sequence[StagedMail]) -> dict[str, str]:
    """Who wrote the first mail of a customer: his number in a subject counts."""
    first = next((mail.sender for mail in mails if mail.by_customer and mail.sender), "")
    for address in parse_addresses(printable(first)) if first else ():
        if address.address:
            return {"sender_name": address.name[:200], "sender_address": address_key(address.address)[:320]}
    return {"sender_name": "", "sender_address": ""}


def _default_queue(configuration: Configuration, queues: dict[str, int]) -> int:
    return queues.get(configuration[DEFAULT_QUEUE]) or min(queues.values())


def _line(text: str, limit: int) -> str:
    return " ".join(printable(text).split())[:limit]


def _moment(text: str) -> datetime | None:
    """A moment, which the database has in UTC."""
    try:
        return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None


def _pending(text: str) -> datetime | None:
    """When a pending ticket is due, in seconds since 1970."""
    seconds = int(text) if text.isdecimal() else 0
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 1 << 33 else None
