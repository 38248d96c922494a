"""Carrying out what was decided about a batch: tickets, articles, links and threads, in one go. The caller commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from postmaster.database import dialect_of
from postmaster.desk.models import Ticket
from postmaster.desk.tickets import NewArticle, NewTicket, add_articles, link_tickets, open_tickets
from postmaster.parsing.message import AttachedPart
from postmaster.pipeline.candidate_tickets import KnownTicket
from postmaster.pipeline.decision import Draft, Outcome
from postmaster.pipeline.filters.loading import count_slow
from postmaster.pipeline.json import describe_header

ATTACHMENT_COLUMNS = tuple(field.name for field in fields(AttachedPart))

# Any number that no other program uses for an advisory lock in the same database.
_DECIDING = 7_766_002

# The same key may come twice: a message that was awaited comes, or the same one comes again.
_ADD_KEY = text("INSERT INTO thread_key (key, ticket_id, own) VALUES (:key, :ticket_id, :own) ON CONFLICT DO NOTHING")
_ADD_KEYS = text(
    "INSERT INTO thread_key (key, ticket_id, own) SELECT * FROM unnest(CAST(:key AS varchar[]), "
    "CAST(:ticket_id AS bigint[]), CAST(:own AS boolean[])) ON CONFLICT DO NOTHING"
)


def decide_alone(session: Session) -> None:
    """Let no other batch be decided on until this transaction ends, so that each sees what the others decided.

    Counting up the ticket number serialises them anyway. SQLite has one writer.
    """
    if dialect_of(session) == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _DECIDING})


def carry_out(session: Session, drafts: Sequence[Draft], moment: datetime, day: date) -> None:
    """Store what became of ``drafts``; afterwards their tickets have the ids and numbers they are stored under."""
    _open(session, [draft for draft in drafts if draft.outcome is Outcome.NEW], moment, day)
    later = [draft for draft in drafts if draft.outcome in (Outcome.FOLLOW_UP, Outcome.REJECTED)]
    if later:
        add_articles(session, [(_id(draft), article_of(draft)) for draft in later], moment)
        _change(session, {draft.ticket for draft in later if draft.ticket}, moment)
    _add_keys(session, [draft for draft in drafts if draft.ticket])
    count_slow(session, (trial for draft in drafts for trial in draft.prepared.filtered.trials))


def _open(session: Session, drafts: Sequence[Draft], moment: datetime, day: date) -> None:
    stored = open_tickets(session, [_new_ticket(draft) for draft in drafts], moment, day)
    for draft, (ticket_id, number) in zip(drafts, stored, strict=True):
        ticket = _ticket(draft)
        ticket.id, ticket.number = ticket_id, number
        ticket.changes.clear()
    link_tickets(session, [(_id(draft), draft.follows.id) for draft in drafts if draft.follows and draft.follows.id])


def _new_ticket(draft: Draft) -> NewTicket:
    """The ticket as it is after the whole batch, with the message that opened it."""
    ticket = _ticket(draft)
    return NewTicket(ticket.title, ticket.queue.id, ticket.attributes, article_of(draft))


def article_of(draft: Draft) -> NewArticle:
    """The message as an article."""
    message = draft.message
    return NewArticle(
        raw=draft.prepared.arrival.raw,
        header=describe_header(message),
        text=message.text,
        has_html=message.html is not None,
        attachments=[{name: getattr(part, name) for name in ATTACHMENT_COLUMNS} for part in message.attachments],
        loop=draft.loop,
        sender_type=draft.sender_type,
        visible=draft.visible,
    )


def _change(session: Session, tickets: set[KnownTicket], moment: datetime) -> None:
    """Write down what follow-ups changed, and nothing else: somebody may be changing the rest at this moment."""
    same: dict[tuple[str, ...], list[KnownTicket]] = defaultdict(list)
    for ticket in tickets:
        same[tuple(sorted(ticket.changes))].append(ticket)
    for group in same.values():
        rows = [{"id": ticket.id, "changed_at": moment, **ticket.changes} for ticket in group]
        session.execute(update(Ticket), rows)
    for ticket in tickets:
        ticket.changes.clear()


def _add_keys(session: Session, drafts: Sequence[Draft]) -> None:
    rows = [
        {"key": key, "ticket_id": _id(draft), "own": own}
        for draft in drafts
        for keys, own in ((draft.prepared.clues.keys.own, True), (draft.awaited, False))
        for key in keys
    ]
    if not rows:
        return
    if dialect_of(session) == "postgresql":  # a statement a row costs it 15 µs each
        columns = {name: [row[name] for row in rows] for name in ("key", "ticket_id", "own")}
        session.execute(_ADD_KEYS, columns)
    else:
        session.execute(_ADD_KEY, rows)


def _ticket(draft: Draft) -> KnownTicket:
    if draft.ticket is None:
        raise AssertionError("the message has no ticket")
    return draft.ticket


def _id(draft: Draft) -> int:
    ticket_id = _ticket(draft).id
    if ticket_id is None:
        raise AssertionError("the ticket is not stored")
    return ticket_id
