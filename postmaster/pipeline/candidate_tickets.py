"""The tickets that a batch of messages may belong to: those in the database, and those it opens itself.

What one message decides, the next one sees, as if each had been committed alone. So it does not matter where one batch
ends and the next begins.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, func, select
from sqlalchemy.orm import Session

from postmaster.bulk import among, each_of
from postmaster.database import dialect_of
from postmaster.desk.models import (
    Article,
    LinkKind,
    Queue,
    ThreadKey,
    Ticket,
    TicketCounter,
    TicketField,
    TicketLink,
    TicketMerge,
)
from postmaster.desk.ticket_events import changed_fields, ticket_fields
from postmaster.desk.tickets import ATTRIBUTE_NAMES, TicketAttributes, field_keys, ticket_number
from postmaster.extensions import Json
from postmaster.parsing.address_key import address_key
from postmaster.pipeline.choices import QueueRef
from postmaster.pipeline.followup_checks import FollowUpCheck
from postmaster.pipeline.reads import Reads

# Tickets that are looked at for a value of a dynamic field.
NEWEST = 100

_COLUMNS = (
    Ticket.id,
    Ticket.number,
    Ticket.title,
    Ticket.sender_address,
    Queue.id.label("queue_id"),
    Queue.name.label("queue_name"),
    Queue.followup_policy,
    TicketMerge.into_id.label("merged_into"),
    *(getattr(Ticket, name) for name in ATTRIBUTE_NAMES),
)


@dataclass(slots=True, eq=False)
class CandidateTicket:
    """A ticket as it is by now. ``id`` is None until it is stored; ``changes`` are columns that the batch changed.

    ``place`` counts the tickets that the batch opens; ``writers`` have written to it, as far as was asked.
    ``merged_into`` is the id of the ticket that it was merged into, if it was.
    """

    number: str
    title: str
    queue: QueueRef
    attributes: TicketAttributes
    id: int | None = None
    place: int = 0
    merged_into: int | None = None
    writers: set[str] = field(default_factory=set)
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def age(self) -> tuple[bool, int]:
        """What sorts tickets by the order in which they were opened."""
        return (self.id is None, self.id or self.place)

    def change(self, queue: QueueRef, title: str, attributes: TicketAttributes) -> Json:
        """Take over these values, and note which of them changed; returns that, as ``changed_fields`` has it."""
        before, told = self._row(), ticket_fields(self.title, self.queue.name, self.attributes)
        self.queue, self.title, self.attributes = queue, title, attributes
        after = self._row()
        self.changes |= {name: value for name, value in after.items() if before[name] != value}
        return changed_fields(told, ticket_fields(title, queue.name, attributes))

    def _row(self) -> dict[str, Any]:
        return {"queue_id": self.queue.id, "title": self.title, **self.attributes.as_row()}

    def is_known_to(self, parties: Collection[str]) -> bool:
        """Whether one of ``parties`` has written to it, or is its customer."""
        customer = address_key(self.attributes.customer_user or "")
        return any(party in self.writers or party == customer for party in parties)


class CandidateTickets:
    """Tickets by their numbers and by the keys of their threads."""

    def __init__(self) -> None:
        self._by_id: dict[int, CandidateTicket] = {}
        self._by_number: dict[str, CandidateTicket] = {}
        self._by_key: dict[tuple[str, bool], list[CandidateTicket]] = defaultdict(list)
        self._by_field: dict[str, list[CandidateTicket]] = defaultdict(list)
        self._successors: dict[CandidateTicket, list[CandidateTicket]] = defaultdict(list)
        self._asked: set[str] = set()
        self._last_number: int | None = None
        self.first_number = 0
        self._opened = 0
        self.reads = Reads()

    def load(self, session: Session, clues: Iterable[FollowUpCheck], senders: Collection[str], day: date) -> None:
        """Read the tickets that ``clues`` may lead to, and which of ``senders`` have written to them: a fixed number of
        queries, however many clues there are.
        """
        wanted = list(clues)
        self._load_threads(session, {key for clue in wanted for key in clue.keys} - self._asked)
        self._load_fields(session, {key for clue in wanted for key in clue.fields} - self._asked)
        self._load_numbers(session, {number for clue in wanted for number in clue.numbers} - self._asked)
        self._load_successors(session)
        self._load_mains(session)
        self._load_writers(session, {party for clue in wanted for party in clue.parties or ()}.union(senders))
        if self._last_number is None:
            self.first_number = self._last_number = session.connection().scalar(_COUNTER, {"day": day}) or 0

    def find(self, clue: FollowUpCheck) -> Iterator[CandidateTicket]:
        """The tickets that ``clue`` names, the likeliest first. Whether its numbers count is not asked here."""
        for number in clue.numbers:
            if ticket := self._by_number.get(number):
                yield ticket
        for key in clue.fields:
            having = self._by_field.get(key, ())
            yield from (each for each in reversed(having) if key in field_keys(each.attributes.dynamic_fields))
        for key in clue.keys:
            yield from self._by_key.get((key, not clue.awaited), ())

    def successor(self, ticket: CandidateTicket, is_closed: Any) -> CandidateTicket | None:
        """The latest ticket that was opened for a follow-up to ``ticket`` and is not closed itself."""
        opened = map(self.main_of, reversed(self._successors.get(ticket, [])))
        return next((each for each in opened if not is_closed(each)), None)

    def main_of(self, ticket: CandidateTicket) -> CandidateTicket:
        """The ticket that ``ticket`` was merged into, or itself."""
        return self._by_id[ticket.merged_into] if ticket.merged_into else ticket

    def open(self, ticket: CandidateTicket, follows: CandidateTicket | None) -> None:
        """Take down a ticket that the batch opens; it is the one for follow-ups to ``follows`` from now on."""
        self._opened += 1
        ticket.place = self._opened
        self._by_number[ticket.number] = ticket
        if follows:
            self._successors[follows].append(ticket)

    @property
    def last_number(self) -> int:
        """The counter of the last number that was given out, also by the batch."""
        return self._last_number or 0

    def note_articles(self, session: Session, ids: Collection[int]) -> None:
        """Read which articles tickets have, so that one in between is noticed: their order is that of their ids."""
        if ids:
            self.reads.rows(session, _newest_query(dialect_of(session)), {"ids": sorted(ids)})

    def next_number(self, day: date) -> str:
        """The number that the next new ticket will have."""
        self._last_number = (self._last_number or 0) + 1
        number = ticket_number(day, self._last_number)
        return self.next_number(day) if number in self._by_number else number

    def add(self, ticket: CandidateTicket, sender: str, own: Iterable[str], awaited: Iterable[str]) -> None:
        """Take down that ``ticket`` has another article: who wrote it, its keys, and those that it waits for; and which
        dynamic fields it has by now.
        """
        ticket.writers |= {sender} - {""}
        for each_key in field_keys(ticket.attributes.dynamic_fields):
            if ticket not in (having := self._by_field[each_key]):
                insort(having, ticket, key=lambda each: each.age)
        for keys, is_own in ((own, True), (awaited, False)):
            for key in keys:
                if ticket not in (known := self._by_key[key, is_own]):
                    insort(known, ticket, key=lambda each: each.age)

    def forget_since(self, ticket_id: int) -> None:
        """Take out the ticket with that id and all younger ones, as if they had not been opened yet."""
        young = {ticket for ticket in self._by_id.values() if ticket.id and ticket.id >= ticket_id}
        self._by_number = {number: ticket for number, ticket in self._by_number.items() if ticket not in young}
        for index in (self._by_key, self._by_field, self._successors):
            for known in index.values():
                known[:] = [ticket for ticket in known if ticket not in young]

    def has(self, key: str) -> bool:
        """Whether a message with this key has come."""
        return bool(self.holding(key))

    def holding(self, key: str) -> Sequence[CandidateTicket]:
        """The tickets that have a message with this key, the oldest first."""
        return self._by_key.get((key, True), ())

    def _load_threads(self, session: Session, keys: set[str]) -> None:
        if not keys:
            return
        self._asked |= keys
        for row in self.reads.rows(session, thread_query(dialect_of(session)), {"keys": sorted(keys)}):
            self._by_key[row.key, row.own].append(self._known(row))

    def _load_fields(self, session: Session, keys: set[str]) -> None:
        if not keys:
            return
        self._asked |= keys
        for row in self.reads.rows(session, field_query(dialect_of(session)), {"keys": sorted(keys)}):
            insort(self._by_field[row.key], self._known(row), key=lambda each: each.age)

    def _load_numbers(self, session: Session, numbers: set[str]) -> None:
        if not numbers:
            return
        self._asked |= numbers
        for row in self.reads.rows(session, _number_query(dialect_of(session)), {"numbers": sorted(numbers)}):
            self._known(row)

    def _load_writers(self, session: Session, parties: set[str]) -> None:
        asked = (ticket for ticket in self._by_id.values() if ticket.number in self._asked)
        ids = {each.id for ticket in asked for each in (ticket, self.main_of(ticket)) if each.id}
        if not (ids and parties):
            return
        wanted = {"ids": sorted(ids), "parties": sorted(parties)}
        for ticket_id, sender in self.reads.rows(session, _writer_query(dialect_of(session)), wanted):
            self._by_id[ticket_id].writers.add(sender)

    def _load_mains(self, session: Session) -> None:
        """Those that others were merged into. They were not merged themselves, so this comes to an end."""
        merged = {ticket.merged_into for ticket in self._by_id.values() if ticket.merged_into} - self._by_id.keys()
        if merged:
            for row in self.reads.rows(session, _ids_query(dialect_of(session)), {"ids": sorted(merged)}):
                self._known(row)

    def _load_successors(self, session: Session) -> None:
        ids = [ticket_id for ticket_id, ticket in self._by_id.items() if ticket not in self._successors]
        if not ids:
            return
        rows = self.reads.rows(session, _successor_query(dialect_of(session)), {"ids": sorted(ids)})
        for ticket_id in ids:
            self._successors[self._by_id[ticket_id]] = []
        for row in rows:
            self._successors[self._by_id[row.follows_id]].append(self._known(row))

    def _known(self, row: Row[Any]) -> CandidateTicket:
        ticket = self._by_id.get(row.id)
        if ticket is None:
            queue = QueueRef(row.queue_id, row.queue_name, row.followup_policy)
            ticket = CandidateTicket(row.number, row.title, queue, TicketAttributes.of(row), row.id)
            ticket.merged_into = row.merged_into
            ticket.writers |= {row.sender_address} - {""}
            self._by_id[row.id] = self._by_number[row.number] = ticket
        return ticket


@cache
def thread_query(dialect: str) -> Select[Any]:
    """The tickets of the threads that ``keys`` belong to, the oldest first: by the primary key of ``thread_key``."""
    joined = _tickets().add_columns(ThreadKey.key, ThreadKey.own).join(ThreadKey, ThreadKey.ticket_id == Ticket.id)
    return joined.where(among(dialect, ThreadKey.key, "keys")).order_by(Ticket.id)


@cache
def field_query(dialect: str) -> Select[Any]:
    """The newest tickets that have one of ``keys`` as a dynamic field, a limited number of each: by the primary key of
    ``ticket_field``. An alert that comes for years has thousands, all closed but the last.
    """
    keys = each_of(dialect, "keys")
    oldest = select(TicketField.ticket_id).where(TicketField.key == keys.c.value).order_by(TicketField.ticket_id.desc())
    bound = func.coalesce(oldest.limit(1).offset(NEWEST - 1).correlate(keys).scalar_subquery(), 0)
    bounds = select(keys.c.value, bound.label("least")).cte("bounds").prefix_with("MATERIALIZED")
    joined = _tickets().add_columns(TicketField.key).join(TicketField, TicketField.ticket_id == Ticket.id)
    return joined.join(bounds, and_(TicketField.key == bounds.c.value, TicketField.ticket_id >= bounds.c.least))


@cache
def _number_query(dialect: str) -> Select[Any]:
    return _tickets().where(among(dialect, Ticket.number, "numbers"))


@cache
def _writer_query(dialect: str) -> Select[int, str]:
    found = select(Article.ticket_id, Article.sender_address).distinct()
    return found.where(among(dialect, Article.ticket_id, "ids"), among(dialect, Article.sender_address, "parties"))


@cache
def _newest_query(dialect: str) -> Select[int, int]:
    found = select(Article.ticket_id, func.max(Article.id))
    return found.where(among(dialect, Article.ticket_id, "ids")).group_by(Article.ticket_id)


@cache
def _successor_query(dialect: str) -> Select[Any]:
    found = _tickets().add_columns(TicketLink.follows_id).join(TicketLink, TicketLink.ticket_id == Ticket.id)
    follow_ups = TicketLink.kind == LinkKind.FOLLOW_UP
    return found.where(among(dialect, TicketLink.follows_id, "ids"), follow_ups).order_by(Ticket.id)


@cache
def _ids_query(dialect: str) -> Select[Any]:
    return _tickets().where(among(dialect, Ticket.id, "ids"))


def _tickets() -> Select[Any]:
    with_queue = select(*_COLUMNS).join(Queue, Queue.id == Ticket.queue_id)
    return with_queue.outerjoin(TicketMerge, TicketMerge.ticket_id == Ticket.id)


_COUNTER = select(TicketCounter.value).where(TicketCounter.day == bindparam("day"))
