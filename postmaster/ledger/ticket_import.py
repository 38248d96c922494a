"""Tickets on their way back in: what ``flask ticket export`` wrote becomes what it was.

A batch is a transaction, in which no mail is decided on, so whoever was cut off begins anew: a ticket that is here
already stays as it is, and is refused if it is not the same. No more is held in memory than a batch of lines; a ticket
with much mail waits on disk. Nothing is told to other programs: it is no news.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import IO, Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from postmaster.bulk import among, columns_of, insert_columns, insert_rows
from postmaster.database import dialect_of, insert_into, read_session, transaction
from postmaster.desk.models import Article, Attachment, ImportedTicket, Queue, Ticket, TicketLink, TicketMerge
from postmaster.desk.queues import NAME as QUEUE_NAME
from postmaster.desk.queues import QueueService
from postmaster.desk.rawmail import pack
from postmaster.desk.tickets import ATTRIBUTE_NAMES, add_field_keys, store_raw
from postmaster.errors import InputError, PostMasterError
from postmaster.extensions import Json
from postmaster.ledger.apply import add_keys, lock_deciding
from postmaster.ledger.export_rows import export_rows
from postmaster.ledger.import_lines import ReadTicket, RefusedTicket, read_tickets, staged_lines
from postmaster.ledger.import_rows import TIES, digest_of, read_row
from postmaster.quantity import quantity
from postmaster.resources.audit import audit
from postmaster.system.list_settings import STATE_LIST
from postmaster.system.lists import named
from postmaster.system.settings import get_setting

# What a batch holds at most, and what of it is written at a time.
BATCH_TICKETS, BATCH_BYTES = 200, 16 * 1024 * 1024
PIECE_BYTES = 8 * 1024 * 1024

# Tickets whose ties with others are written at a time, once all tickets are here.
TIED = 500

# Of an article, what is no column.
_BESIDE = ("ticket", "created", "sender_verdict", "article_fields", "attachments", "source")

Tell = Callable[["RefusedTicket"], None]


@dataclass
class TicketImport:
    """How many tickets became what, and what to know of them together. Those that are ``refused`` are told one by one.

    ``untied`` are links that lead to tickets which are not here, ``states`` those that no list here has.
    """

    created: int = 0
    unchanged: int = 0
    refused: int = 0
    articles: int = 0
    untied: int = 0
    queues: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> Json:
        """As ``--json`` prints it."""
        return {**self.counts(), "queues_created": self.queues, "notes": [*self.notes()]}

    def counts(self) -> Json:
        """How many became what."""
        return {name: getattr(self, name) for name in ("created", "unchanged", "refused", "articles")}

    def notes(self) -> Iterator[str]:
        """What somebody has to see to, beside what was refused."""
        for state, count in self.states.items():
            tickets = quantity(count, "ticket")
            yield f"The state “{state}” of {tickets} is not in the setting {STATE_LIST.name}: add it there."
        if self.untied:
            links = quantity(self.untied, "link leads", "links lead")
            yield f"{links} to tickets that are not here: import those, then this file once more."

    @property
    def needs_hand(self) -> bool:
        """Whether somebody has to see to something."""
        return bool(self.refused or any(self.notes()))


class _Importer:
    def __init__(self, actor: str, tell: Tell, *, create_queues: bool) -> None:
        self.done = TicketImport()
        self._actor = actor
        self._tell = tell
        self._create_queues = create_queues
        with read_session() as session:
            self._queues = {row.name: row.id for row in session.execute(select(Queue.id, Queue.name))}
            self._states = get_setting(session, STATE_LIST)

    def take(self, batch: Sequence[ReadTicket]) -> Sequence[ReadTicket]:
        """Take a batch in one transaction; returns those that are here now as they were."""
        known = [ticket for ticket in batch if self._has_queue(ticket)]
        with transaction() as session:
            lock_deciding(session)
            there = _digests(session, [ticket.number for ticket in known])
            new = [ticket for ticket in known if ticket.number not in there]
            same = [ticket for ticket in known if there.get(ticket.number) == ticket.digest]
            articles = self._insert(session, new)
        for ticket in known:
            if ticket.number in there and there[ticket.number] != ticket.digest:
                self.refuse(RefusedTicket(ticket.line, ticket.number, _differs(ticket.number)))
        self.done.created += len(new)
        self.done.unchanged += len(same)
        self.done.articles += articles
        return [*new, *same]

    def refuse(self, refused: RefusedTicket) -> None:
        """Say that a ticket was left out, and why."""
        self.done.refused += 1
        self._tell(refused)

    def _has_queue(self, ticket: ReadTicket) -> bool:
        name = ticket.values["queue"]
        try:
            if name not in self._queues:
                self._queues[name] = self._add_queue(name)
        except PostMasterError as error:
            self.refuse(RefusedTicket(ticket.line, ticket.number, error))
            return False
        return True

    def _add_queue(self, name: str) -> int:
        if not self._create_queues:
            advice = "Bring the queues first (flask queue import), or have them created: --create-queues"
            raise InputError("queue", f"There is no queue “{name}”.", advice, "unknown-queue")
        with transaction() as session:
            queue_id = QueueService(session, self._actor).add({QUEUE_NAME.name: name}).id
        self.done.queues.append(name)
        return queue_id

    def _insert(self, session: Session, tickets: Sequence[ReadTicket]) -> int:
        """Add new tickets with all that belongs to them; returns how many articles they have."""
        if not tickets:
            return 0
        ids = insert_rows(session, Ticket, [self._ticket_row(ticket.values) for ticket in tickets])
        by_id = dict(zip(ids, tickets, strict=True))
        add_field_keys(session, ((number, ticket.values["dynamic_fields"]) for number, ticket in by_id.items()))
        marks = [
            {"ticket_id": number, "changed_at": ticket.values["imported"]}
            for number, ticket in by_id.items()
            if ticket.values["imported"]
        ]
        insert_columns(session, ImportedTicket, columns_of(marks))
        add_keys(session, [row for number, ticket in by_id.items() for row in _key_rows(number, ticket.values)])
        rows = ((number, article) for number, ticket in by_id.items() for article in ticket.articles())
        return sum(_insert_articles(session, piece) for piece in _pieces(rows))

    def _ticket_row(self, values: Json) -> Json:
        if named(self._states, values["state"]) is None:
            self.done.states[values["state"]] += 1
        return {
            "number": values["number"],
            "title": values["title"],
            "queue_id": self._queues[values["queue"]],
            "sender_name": values["sender_name"],
            "sender_address": values["sender_address"],
            **{name: values[name] for name in ATTRIBUTE_NAMES},
            "created_at": values["created"],
            "changed_at": values["changed"],
        }


def import_tickets(file: IO[bytes], actor: str, tell: Tell, *, create_queues: bool = False) -> TicketImport:
    """Take the tickets that ``file`` holds, as ``flask ticket export`` writes them.

    ``tell`` is told of each one that is refused, at once; what was taken before and after it stays.
    """
    importer = _Importer(actor, tell, create_queues=create_queues)
    with staged_lines() as ties:
        for batch in _batches(read_tickets(file, importer.refuse)):
            for ticket in importer.take(batch):
                if row := {name: ticket.values[name] for name in TIES if ticket.values[name]}:
                    ties.add({"number": ticket.number, **row})
        for piece in ties.pieces(TIED):
            _tie(piece, importer.done)
    _audit(actor, importer.done)
    return importer.done


def _batches(tickets: Iterable[ReadTicket]) -> Iterator[Sequence[ReadTicket]]:
    """Batches in which no number is there twice: whether two are the same is asked of the database."""
    batch: dict[str, ReadTicket] = {}
    size = 0
    for ticket in tickets:
        if ticket.number in batch or len(batch) == BATCH_TICKETS or (batch and size + ticket.size > BATCH_BYTES):
            yield list(batch.values())
            batch, size = {}, 0
        batch[ticket.number] = ticket
        size += ticket.size
    if batch:
        yield list(batch.values())


def _digests(session: Session, numbers: Sequence[str]) -> dict[str, bytes]:
    """What tickets with these numbers are known by, if they are here already."""
    found = session.execute(_there(dialect_of(session)), {"numbers": sorted(numbers)}).all()
    digests = {}
    for number, group in groupby(export_rows(session, found), key=lambda row: row.get("ticket") or row["number"]):
        digest = hashlib.sha256()
        for row in group:
            digest.update(digest_of(read_row(row)))
        digests[number] = digest.digest()
    session.expunge_all()
    return digests


@cache
def _there(dialect: str) -> Select[Any]:
    columns: Sequence[Any] = (Ticket.id, Ticket, Queue.name)
    found = select(*columns).join(Queue, Queue.id == Ticket.queue_id)
    return found.where(among(dialect, Ticket.number, "numbers")).order_by(Ticket.id)


def _differs(number: str) -> InputError:
    message = f"Another ticket {number} is here already, or this one was changed since."
    return InputError("number", message, "Compare the two: flask ticket show. Nothing was changed.", "ticket-differs")


def _key_rows(ticket_id: int, values: Json) -> Iterator[Json]:
    for name, own in (("own", True), ("awaited", False)):
        for key in values["thread_keys"][name]:
            yield {"key": key, "ticket_id": ticket_id, "own": own}


def _pieces(articles: Iterable[tuple[int, Json]]) -> Iterator[Sequence[tuple[int, Json]]]:
    """Articles in pieces of a few megabytes."""
    piece, size = [], 0
    for number, article in articles:
        piece.append((number, article))
        size += len(article["source"] or b"") + len(article["text"])
        if size > PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _insert_articles(session: Session, articles: Sequence[tuple[int, Json]]) -> int:
    sources = [pack(article["source"]) for _, article in articles if article["source"] is not None]
    raw_ids = iter(store_raw(session, sources) if sources else [])
    rows = [
        {
            "ticket_id": ticket_id,
            "raw_id": None if article["source"] is None else next(raw_ids),
            "verdict": article["sender_verdict"],
            "dynamic_fields": article["article_fields"],
            "created_at": article["created"],
            **{name: value for name, value in article.items() if name not in _BESIDE},
        }
        for ticket_id, article in articles
    ]
    ids = insert_rows(session, Article, rows)
    attachments = [
        {"article_id": article_id, **attachment}
        for article_id, (_, article) in zip(ids, articles, strict=True)
        for attachment in article["attachments"]
    ]
    insert_columns(session, Attachment, columns_of(attachments))
    return len(ids)


def _tie(rows: Sequence[Json], done: TicketImport) -> None:
    """Link tickets with others, and let the numbers of merged ones lead to where they went."""
    numbers = {row["number"] for row in rows} | {number for row in rows for number in _others(row)}
    with transaction() as session:
        lock_deciding(session)
        found = select(Ticket.number, Ticket.id).where(among(dialect_of(session), Ticket.number, "numbers"))
        ids = {row.number: row.id for row in session.execute(found, {"numbers": sorted(numbers)})}
        for row in rows:
            done.untied += len(_others(row) - ids.keys())
            _write_ties(session, ids, row)


def _others(row: Json) -> set[str]:
    merged = {row["merged_into"]} if row.get("merged_into") else set()
    return merged | {link["ticket"] for link in row.get("links", ())}


def _write_ties(session: Session, ids: Mapping[str, int], row: Json) -> None:
    dialect, ticket_id = dialect_of(session), ids[row["number"]]
    for link in row.get("links", ()):
        follows_id = ids.get(link["ticket"])
        if follows_id and follows_id != ticket_id:
            values = {"ticket_id": ticket_id, "follows_id": follows_id, "kind": link["kind"]}
            session.execute(insert_into(dialect, TicketLink).values(values).on_conflict_do_nothing())
    if into_id := ids.get(row.get("merged_into") or ""):
        _tie_merged(session, ticket_id, into_id)


def _tie_merged(session: Session, ticket_id: int, into_id: int) -> None:
    """Let a merged ticket lead to another one. That one never was merged itself: it leads to where its mail went."""
    further = session.scalar(select(TicketMerge.into_id).where(TicketMerge.ticket_id == into_id))
    values = {"ticket_id": ticket_id, "into_id": further or into_id}
    if values["into_id"] == ticket_id:
        return
    session.execute(insert_into(dialect_of(session), TicketMerge).values(values).on_conflict_do_nothing())
    session.execute(update(TicketMerge).where(TicketMerge.into_id == ticket_id).values(into_id=values["into_id"]))


def _audit(actor: str, done: TicketImport) -> None:
    if done.created:
        with transaction() as session:
            audit(session, actor, "import", "ticket", quantity(done.created, "ticket"), done.counts())
