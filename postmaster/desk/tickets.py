"""Opening tickets, many at once, inside the transaction of whoever recorded the mail."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Date, Select, bindparam, delete, insert, select, text
from sqlalchemy.orm import Session

from postmaster.bulk import among, columns_of, insert_columns, insert_rows
from postmaster.database import dialect_of
from postmaster.desk.models import (
    Article,
    Attachment,
    LinkKind,
    RawMail,
    SenderType,
    Ticket,
    TicketField,
    TicketLink,
    TicketMerge,
)
from postmaster.desk.rawmail import Packed
from postmaster.extensions import Json, iso

# Characters of a dynamic field's value by which its ticket can be found; longer ones name nothing.
MAX_FIELD_KEY = 200

# One statement, so that two transactions at once cannot get the same numbers: the second waits for the first.
_COUNT_UP = text(
    "INSERT INTO ticket_counter (day, value) VALUES (:day, :count) "
    "ON CONFLICT (day) DO UPDATE SET value = ticket_counter.value + excluded.value RETURNING value"
).bindparams(bindparam("day", type_=Date()))

# Nobody waits for the disk here: the commit of the tickets comes later in the log, and takes this one along.
_CLAIM = text(
    "INSERT INTO ticket_counter (day, value) VALUES (:day, :last) "
    "ON CONFLICT (day) DO UPDATE SET value = excluded.value WHERE ticket_counter.value = :before "
    "RETURNING set_config('synchronous_commit', 'off', true)"
).bindparams(bindparam("day", type_=Date()))


@dataclass(frozen=True, slots=True)
class TicketAttributes:
    """What a ticket is given besides number, title and queue (docs/glossary.md#x-otrs-headers).

    ``pending_time`` is set only in a pending state; ``dynamic_fields`` are by name.
    """

    priority: str
    state: str
    type: str = "Unclassified"
    service: str | None = None
    sla: str | None = None
    lock: str = "unlock"
    owner: str | None = None
    responsible: str | None = None
    customer_id: str | None = None
    customer_user: str | None = None
    pending_time: datetime | None = None
    dynamic_fields: Mapping[str, str] = field(default_factory=dict)

    def as_row(self) -> Json:
        """The columns of a ticket."""
        return {name: getattr(self, name) for name in ATTRIBUTE_NAMES}

    def as_json(self) -> Json:
        """The form that ``--json`` prints."""
        return self.as_row() | {"pending_time": iso(self.pending_time)}

    @classmethod
    def of(cls, row: Any) -> TicketAttributes:
        """What a ticket, or a row with its columns, has."""
        return cls(**{name: getattr(row, name) for name in ATTRIBUTE_NAMES})


ATTRIBUTE_NAMES = tuple(field.name for field in fields(TicketAttributes))


@dataclass(frozen=True, slots=True)
class NewArticle:
    """An article to be added. ``header`` and ``attachments`` are as their tables have them; ``sender_address`` is as
    addresses are compared.
    """

    raw: Packed
    header: Json
    text: str
    has_html: bool = False
    attachments: Sequence[Json] = ()
    loop: bool = False
    sender_type: SenderType = SenderType.CUSTOMER
    visible: bool = True
    automatic: bool = False
    verdict: Json | None = None
    dynamic_fields: Json | None = None
    sender_address: str = ""


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket to be opened. The sender is that of its first article, which is added afterwards."""

    title: str
    queue_id: int
    attributes: TicketAttributes
    sender_name: str
    sender_address: str


def open_tickets(
    session: Session, drafts: Sequence[NewTicket], moment: datetime, day: date, claimed: Sequence[str] | None = None
) -> list[tuple[int, str]]:
    """Open a ticket for each of ``drafts``; returns their ids and numbers, in their order.

    ``day`` is what stands in the numbers: the day of ``moment`` where the service desk is. ``claimed`` are numbers
    that nobody else gets any more, None to take some now. The caller commits.
    """
    if not drafts:
        return []
    numbers = take_numbers(session, len(drafts), day) if claimed is None else claimed
    rows = [
        {
            "number": number,
            "title": draft.title,
            "queue_id": draft.queue_id,
            "sender_name": draft.sender_name,
            "sender_address": draft.sender_address,
            "created_at": moment,
            "changed_at": moment,
            **draft.attributes.as_row(),
        }
        for draft, number in zip(drafts, numbers, strict=True)
    ]
    ids = insert_rows(session, Ticket, rows)
    add_field_keys(session, zip(ids, (draft.attributes.dynamic_fields for draft in drafts), strict=True))
    return list(zip(ids, numbers, strict=True))


def field_key(name: str, value: str) -> str:
    """A dynamic field with its value as they are compared: without case. Empty if the value is, or is too long."""
    text = " ".join(value.split()).casefold()
    return f"{name.casefold()}={text}" if 0 < len(text) <= MAX_FIELD_KEY else ""


def field_keys(values: Mapping[str, str]) -> set[str]:
    """The keys of all of a ticket's dynamic fields."""
    return {field_key(name, str(value)) for name, value in values.items()} - {""}


def add_field_keys(session: Session, tickets: Iterable[tuple[int, Mapping[str, str]]]) -> None:
    """Index tickets, which have no entry yet, by their dynamic fields. The caller commits."""
    insert_columns(session, TicketField, columns_of(_field_rows(tickets)))


def _field_rows(tickets: Iterable[tuple[int, Mapping[str, str]]]) -> list[Json]:
    return [{"key": key, "ticket_id": ticket_id} for ticket_id, values in tickets for key in sorted(field_keys(values))]


def renew_field_keys(session: Session, tickets: Mapping[int, Mapping[str, str]]) -> None:
    """Index tickets anew by the dynamic fields that they have now. The caller commits."""
    session.connection().execute(delete(TicketField).where(TicketField.ticket_id.in_(tickets)))
    if rows := _field_rows(tickets.items()):  # few, and COPY could not be sent together with other statements
        session.connection().execute(insert(TicketField), rows)


def take_numbers(session: Session, count: int, day: date) -> list[str]:
    """``count`` ticket numbers that nobody else gets: the day and a counter of at least five digits.

    One that a ticket has which came from another system is passed over: in growing steps, since a desk that was moved
    brings all of the day.
    """
    numbers: list[str] = []
    passed = 0
    while missing := count - len(numbers):
        size = max(missing, passed)
        last = _count_up(session, day, size)
        drawn = [ticket_number(day, value) for value in range(last - size + 1, last + 1)]
        taken = set(session.connection().scalars(_having(dialect_of(session)), {"numbers": drawn}))
        free = [place for place, number in enumerate(drawn) if number not in taken]
        passed += len(taken)
        numbers += [drawn[place] for place in free[:missing]]
        if len(free) > missing:
            _count_up(session, day, free[missing - 1] + 1 - size)  # those behind it are the next ones
    return numbers


def _count_up(session: Session, day: date, count: int) -> int:
    last: int = session.connection().execute(_COUNT_UP, {"day": day, "count": count}).scalar_one()
    return last


def claim_numbers(connection: Connection, day: date, before: int, last: int) -> bool:
    """Take the numbers of ``day`` behind ``before`` up to ``last``, if ``before`` still is the last one given out and
    no ticket has one of them. For PostgreSQL, on a connection of its own that commits by itself; with both turned
    round they are given back.
    """
    drawn = [ticket_number(day, value) for value in range(before + 1, last + 1)]
    if drawn and connection.execute(_having(connection.dialect.name), {"numbers": drawn}).first():
        return False
    return connection.execute(_CLAIM, {"day": day, "before": before, "last": last}).first() is not None


def hold_counter(session: Session, day: date) -> None:
    """Let nobody else take numbers of ``day`` until the transaction ends: those that are foreseen are those to come."""
    if dialect_of(session) == "postgresql":  # SQLite has one writer
        session.connection().execute(_COUNT_UP, {"day": day, "count": 0})


@cache
def _having(dialect: str) -> Select[str]:
    return select(Ticket.number).where(among(dialect, Ticket.number, "numbers"))


def ticket_number(day: date, value: int) -> str:
    """The number of the ticket that is the ``value``-th one opened on ``day``."""
    return f"{day.year:04}{day.month:02}{day.day:02}{value:05}"  # strftime takes five times as long


def add_articles(session: Session, articles: Sequence[tuple[int, NewArticle]], moment: datetime) -> list[int]:
    """Add each article to the ticket with the id before it; returns the articles' ids."""
    if not articles:
        return []
    raw_ids = store_raw(session, [article.raw for _, article in articles])
    rows = [
        {
            "ticket_id": ticket_id,
            "sender_address": article.sender_address,
            "raw_id": raw_id,
            "sender_type": article.sender_type,
            "visible": article.visible,
            "loop": article.loop,
            "automatic": article.automatic,
            "verdict": article.verdict,
            "dynamic_fields": article.dynamic_fields,
            "header": article.header,
            "text": article.text,
            "has_html": article.has_html,
            "created_at": moment,
        }
        for (ticket_id, article), raw_id in zip(articles, raw_ids, strict=True)
    ]
    ids = insert_rows(session, Article, rows)
    attachments = [
        {"article_id": article_id, **attachment}
        for article_id, (_, article) in zip(ids, articles, strict=True)
        for attachment in article.attachments
    ]
    insert_columns(session, Attachment, columns_of(attachments))
    return ids


def link_tickets(session: Session, links: Iterable[tuple[int, int, LinkKind]]) -> None:
    """Write down of each two tickets that the first was opened after the second, and why they belong together."""
    rows = {(later, earlier): kind for later, earlier, kind in links if later != earlier}
    if rows:
        values = [{"ticket_id": pair[0], "follows_id": pair[1], "kind": kind} for pair, kind in rows.items()]
        session.connection().execute(insert(TicketLink), values)


@dataclass(frozen=True)
class LinkedNumbers:
    """The numbers of the tickets that one was opened for, of those that were opened for it, of those that have the
    same message, of the one that it was merged into, and of those that were merged into it.
    """

    follows: Sequence[str]
    followed_by: Sequence[str]
    same_message: Sequence[str]
    merged_into: Sequence[str]
    merged: Sequence[str]


def linked_numbers(session: Session, ticket_id: int, queue_ids: Collection[int] | None = None) -> LinkedNumbers:
    """The numbers of the tickets that this one is linked with; of those in ``queue_ids``, None for all."""
    seen = [] if queue_ids is None else [Ticket.queue_id.in_(queue_ids)]
    query = select(Ticket.number, TicketLink.kind).where(*seen).order_by(Ticket.id)
    to_earlier = query.join(TicketLink, TicketLink.follows_id == Ticket.id).where(TicketLink.ticket_id == ticket_id)
    to_later = query.join(TicketLink, TicketLink.ticket_id == Ticket.id).where(TicketLink.follows_id == ticket_id)
    numbers = select(Ticket.number).where(*seen).order_by(Ticket.id)
    into = numbers.join(TicketMerge, TicketMerge.into_id == Ticket.id).where(TicketMerge.ticket_id == ticket_id)
    merged = numbers.join(TicketMerge, TicketMerge.ticket_id == Ticket.id).where(TicketMerge.into_id == ticket_id)
    earlier, later = session.execute(to_earlier).all(), session.execute(to_later).all()
    return LinkedNumbers(
        [number for number, kind in earlier if kind is not LinkKind.SAME_MESSAGE],
        [number for number, kind in later if kind is not LinkKind.SAME_MESSAGE],
        [number for number, kind in (*earlier, *later) if kind is LinkKind.SAME_MESSAGE],
        session.scalars(into).all(),
        session.scalars(merged).all(),
    )


def store_raw(session: Session, mails: Sequence[Packed]) -> list[int]:
    """Keep each message as it came; returns their ids in ``raw_mail``."""
    return insert_rows(session, RawMail, [mail._asdict() for mail in mails])
