"""Carrying out what was decided about a batch: tickets, articles, links and threads, in one go. The caller commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import date, datetime
from functools import cache

from sqlalchemy import Update, select, text, update
from sqlalchemy.orm import Session

from postmaster.bulk import among, columns_of, insert_columns
from postmaster.database import dialect_of, lock_until_end
from postmaster.desk.models import LinkKind, ThreadKey, Ticket
from postmaster.desk.tickets import NewArticle, NewTicket, add_articles, link_tickets, open_tickets, renew_field_keys
from postmaster.extensions import Json
from postmaster.parsing.message import AttachedPart
from postmaster.pipeline.candidate_tickets import CandidateTicket
from postmaster.pipeline.decision import Decision
from postmaster.pipeline.filters.loading import count_slow
from postmaster.pipeline.json import describe_header
from postmaster.pipeline.outcome import Outcome

ATTACHMENT_COLUMNS = tuple(field.name for field in fields(AttachedPart))

# Tickets with the same Message-ID that a new one is linked with: some programs give all their mail one.
MAX_LINKED = 10

# Outcomes that add an article to a ticket that is there.
LATER = (Outcome.FOLLOW_UP, Outcome.REJECTED)

# Any number that no other program uses for an advisory lock in the same database.
_DECIDING = 7_766_002

# The same key may come twice: a message that was awaited comes, or the same one comes again.
_ADD_KEY = text("INSERT INTO thread_key (key, ticket_id, own) VALUES (:key, :ticket_id, :own) ON CONFLICT DO NOTHING")
_ADD_KEYS = text(
    "INSERT INTO thread_key (key, ticket_id, own) SELECT * FROM unnest(CAST(:key AS varchar[]), "
    "CAST(:ticket_id AS bigint[]), CAST(:own AS boolean[])) ON CONFLICT DO NOTHING"
)


def lock_deciding(session: Session) -> None:
    """Keep other batches from being decided on until this transaction ends: each sees what the others decided."""
    lock_until_end(session, _DECIDING)


def apply_decisions(session: Session, decisions: Sequence[Decision], moment: datetime, day: date) -> None:
    """Carry out ``decisions``; afterwards their tickets have the ids and numbers they are stored under."""
    file_decisions(session, decisions, moment, day)
    settle_decisions(session, decisions, moment)


def file_decisions(
    session: Session, decisions: Sequence[Decision], moment: datetime, day: date, *, claimed: bool = False
) -> None:
    """Add the rows of new tickets, with their keys, and of all articles: what waits for nobody, and nobody waits for.

    ``claimed``: the numbers that tickets were foreseen to have are theirs.
    """
    new = [each for each in decisions if each.outcome is Outcome.NEW]
    _open(session, new, moment, day, claimed=claimed)
    added = [*new, *_later(decisions)]
    article_ids = add_articles(session, [(_id(decision), article_of(decision)) for decision in added], moment)
    for decision, article_id in zip(added, article_ids, strict=True):
        decision.article_id = article_id
    insert_columns(session, ThreadKey, columns_of(_keys_of(_belonging(decisions, to_new=True))))


def settle_decisions(session: Session, decisions: Sequence[Decision], moment: datetime) -> None:
    """Write what others may be writing, too: links, and what follow-ups change of tickets that were there."""
    new = (decision for decision in decisions if decision.outcome is Outcome.NEW)
    links = ((_id(decision), earlier.id, kind) for decision in new for earlier, kind in _links(decision))
    link_tickets(session, [(later, earlier, kind) for later, earlier, kind in links if earlier])
    _change(session, {_ticket(decision) for decision in _later(decisions)}, moment)
    add_keys(session, _keys_of(_belonging(decisions, to_new=False)))
    count_slow(session, (trial for decision in decisions for trial in decision.prepared.filtered.trials))


def _belonging(decisions: Iterable[Decision], *, to_new: bool) -> Iterator[Decision]:
    """Those that have a ticket which the batch itself has opened, or those that have another one."""
    return (each for each in decisions if each.ticket and (each.ticket.place > 0) is to_new)


def _later(decisions: Sequence[Decision]) -> list[Decision]:
    return [decision for decision in decisions if decision.outcome in LATER]


def _open(session: Session, decisions: Sequence[Decision], moment: datetime, day: date, *, claimed: bool) -> None:
    numbers = [_ticket(decision).number for decision in decisions] if claimed else None
    stored = open_tickets(session, [_new_ticket(decision) for decision in decisions], moment, day, numbers)
    for decision, opened in zip(decisions, stored, strict=True):
        ticket = _ticket(decision)
        ticket.id, ticket.number = opened
        ticket.changes.clear()


def _links(decision: Decision) -> Iterator[tuple[CandidateTicket, LinkKind]]:
    """The earlier tickets that a new one is linked with; that it follows one says more than what both have."""
    yield from ((ticket, LinkKind.SAME_MESSAGE) for ticket in decision.same_message[:MAX_LINKED])
    if decision.follows:
        yield decision.follows, decision.follows_as


def _new_ticket(decision: Decision) -> NewTicket:
    """The ticket as it is after the whole batch."""
    ticket = _ticket(decision)
    return NewTicket(ticket.title, ticket.queue.id, ticket.attributes, decision.writer.name[:200], decision.sender)


def article_of(decision: Decision) -> NewArticle:
    """The message as an article."""
    message = decision.message
    return NewArticle(
        raw=decision.prepared.arrival.packed,
        header=describe_header(message),
        text=message.text,
        has_html=message.html is not None,
        attachments=[{name: getattr(part, name) for name in ATTACHMENT_COLUMNS} for part in message.attachments],
        loop=decision.loop,
        sender_type=decision.sender_type,
        visible=decision.visible,
        automatic=decision.automatic,
        verdict=decision.prepared.verdict.kept(),
        dynamic_fields=dict(decision.article_fields) or None,
        sender_address=decision.sender,
    )


def _change(session: Session, tickets: set[CandidateTicket], moment: datetime) -> None:
    """Write down what follow-ups changed, and nothing else: somebody may be changing the rest at this moment."""
    _hold_rows(session, [ticket.id for ticket in tickets if ticket.id])
    alike: dict[str, list[CandidateTicket]] = defaultdict(list)
    for ticket in tickets:
        alike[repr(sorted(ticket.changes.items()))].append(ticket)
    fields = {ticket.id: ticket.attributes.dynamic_fields for ticket in tickets if "dynamic_fields" in ticket.changes}
    if known := {ticket_id: values for ticket_id, values in fields.items() if ticket_id is not None}:
        renew_field_keys(session, known)
    for group in alike.values():  # most follow-ups change nothing but the moment: a statement for all of them
        values = {"ids": sorted(ticket.id for ticket in group if ticket.id), "changed_at": moment, **group[0].changes}
        session.connection().execute(_changing(dialect_of(session)), values)
    for ticket in tickets:
        ticket.changes.clear()


@cache
def _changing(dialect: str) -> Update:
    return update(Ticket).where(among(dialect, Ticket.id, "ids"))


def _hold_rows(session: Session, ticket_ids: Sequence[int]) -> None:
    """Let nobody else change these tickets, in the order of their ids as others do: so that no two wait in a circle."""
    if len(ticket_ids) > 1 and dialect_of(session) == "postgresql":
        rows = select(Ticket.id).where(among("postgresql", Ticket.id, "ids")).order_by(Ticket.id)
        session.connection().execute(rows.with_for_update(key_share=True), {"ids": sorted(ticket_ids)})


def _keys_of(decisions: Iterable[Decision]) -> list[Json]:
    """What follow-ups to these are found by: rows of ``thread_key``, each once."""
    rows = {
        (key, _id(decision), own): None
        for decision in decisions
        for keys, own in ((decision.prepared.clues.keys.own, True), (decision.awaited, False))
        for key in keys
    }
    return [{"key": key, "ticket_id": ticket_id, "own": own} for key, ticket_id, own in rows]


def add_keys(session: Session, rows: Sequence[Json]) -> None:
    """Add rows of ``thread_key``, as far as they are not there. The caller commits."""
    if not rows:
        return
    if dialect_of(session) == "postgresql":  # a statement a row costs it 15 µs each
        columns = {name: [row[name] for row in rows] for name in ("key", "ticket_id", "own")}
        session.connection().execute(_ADD_KEYS, columns)
    else:
        session.connection().execute(_ADD_KEY, rows)


def _ticket(decision: Decision) -> CandidateTicket:
    if decision.ticket is None:
        raise AssertionError("the message has no ticket")
    return decision.ticket


def _id(decision: Decision) -> int:
    ticket_id = _ticket(decision).id
    if ticket_id is None:
        raise AssertionError("the ticket is not stored")
    return ticket_id
