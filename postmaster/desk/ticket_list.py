"""The list of tickets: newest first, filtered, and cut by ids, so that it stays fast however many there are.

Queue, state, number and the sender's address have indexes that give the newest first. Words that may stand anywhere
have none: they are looked for in a stretch of the newest tickets, and then, if somebody wants to, in the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue, Ticket
from postmaster.parsing.address_key import address_key
from postmaster.resources.listing import PAGE_SIZE, matching
from postmaster.resources.numbers import MAX_ID

# Tickets that are looked through for words at a time (measured by bench/tickets).
STRETCH = 50_000

SEARCHED_COLUMNS = (
    Ticket.number,
    Ticket.title,
    Ticket.sender_name,
    Ticket.sender_address,
    func.coalesce(Ticket.customer_user, ""),
)


@dataclass(frozen=True)
class TicketFilter:
    """Which tickets: words in number, title, sender or customer; queue and state by name; ids below ``before``."""

    text: str = ""
    queue: str = ""
    state: str = ""
    before: int = MAX_ID


@dataclass(frozen=True)
class TicketPage:
    """Some tickets, newest first. ``next`` is the id before which older ones are, None if there are none.

    ``unsearched`` says that words were not looked for in those older ones yet.
    """

    tickets: Sequence[Ticket]
    next: int | None = None
    unsearched: bool = False


def find_tickets(session: Session, wanted: TicketFilter) -> TicketPage:
    """The newest tickets that are wanted, in as many queries whatever there is."""
    query = _chosen(session, wanted)
    if not wanted.text.strip():
        return _cut(session, query)
    exact = _exactly(wanted.text.strip())
    if exact is not None and session.scalar(select(Ticket.id).where(exact).order_by(Ticket.id.desc()).limit(1)):
        return _cut(session, query.where(exact))
    return _search(session, query, wanted)


def _chosen(session: Session, wanted: TicketFilter) -> Select[Ticket]:
    query = select(Ticket).where(Ticket.id < wanted.before)
    if wanted.queue:
        queue_id = session.scalar(select(Queue.id).where(Queue.name == wanted.queue.replace("\0", "")))
        query = query.where(Ticket.queue_id == (queue_id or 0))
    if wanted.state:
        query = query.where(Ticket.state == wanted.state.replace("\0", ""))
    return query.order_by(Ticket.id.desc()).limit(PAGE_SIZE + 1)


def _exactly(text: str) -> ColumnElement[bool] | None:
    """The ticket of that number, or those from that address: found through an index, however old."""
    if text.isascii() and text.isdecimal():
        return Ticket.number == text
    return Ticket.sender_address == address_key(text) if "@" in text and "\0" not in text else None


def _cut(session: Session, query: Select[Ticket]) -> TicketPage:
    tickets = session.scalars(query).all()
    shown = tickets[:PAGE_SIZE]
    return TicketPage(shown, shown[-1].id if len(tickets) > PAGE_SIZE else None)


def _search(session: Session, query: Select[Ticket], wanted: TicketFilter) -> TicketPage:
    newest = session.scalar(select(func.max(Ticket.id))) or 0
    floor = min(newest + 1, wanted.before) - STRETCH
    found = _cut(session, query.where(Ticket.id >= floor, *matching(SEARCHED_COLUMNS, wanted.text)))
    if found.next is None and floor > 1:
        return TicketPage(found.tickets, floor, unsearched=True)
    return found
