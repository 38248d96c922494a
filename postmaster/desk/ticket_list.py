"""The list of tickets: newest first, filtered, and cut by ids, so that it stays fast however many there are.

Queue, state, number and the sender's address have indexes that give the newest first. Words that may stand anywhere
have none, nor has the day: they are looked for in a stretch of the newest tickets, and then, if somebody wants to, in
the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, false, func, select, union_all
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue, Ticket
from postmaster.parsing.address_key import address_key
from postmaster.resources.keyset import KeysetPage, count_newer, keyset_page, stretch_page
from postmaster.resources.listing import PAGE_SIZE, matching
from postmaster.resources.numbers import MAX_ID
from postmaster.system.list_settings import STATE_LIST
from postmaster.system.lists import StateKind
from postmaster.system.settings import get_setting

# Digits of the beginning of a ticket number that is looked for.
MIN_DIGITS, MAX_DIGITS = 4, 30

SEARCHED_COLUMNS = (
    Ticket.number,
    Ticket.title,
    Ticket.sender_name,
    Ticket.sender_address,
    func.coalesce(Ticket.customer_user, ""),
)


class StateGroup(StrEnum):
    """States that lists and figures take together: those of tickets that nobody has touched, or that are not closed."""

    NEW = "new"
    OPEN = "open"


def grouped_states(session: Session) -> Mapping[StateGroup, Sequence[str]]:
    """The names of the states of each group, in one query."""
    states = get_setting(session, STATE_LIST)
    return {
        StateGroup.NEW: [state.name for state in states if state.kind is StateKind.NEW],
        StateGroup.OPEN: [state.name for state in states if not state.kind.is_closed],
    }


@dataclass(frozen=True)
class TicketFilter:
    """Which tickets: words in number, title, sender or customer; queue and state by name, ``group`` for several states;
    ids below ``before``; opened from ``since`` to before ``until``; of those that are in ``queue_ids``, None for all.
    """

    text: str = ""
    queue: str = ""
    state: str = ""
    group: StateGroup | None = None
    before: int = MAX_ID
    since: datetime | None = None
    until: datetime | None = None
    queue_ids: Collection[int] | None = None

    @property
    def days(self) -> bool:
        """Whether the day counts on which tickets were opened."""
        return self.since is not None or self.until is not None


def find_tickets(session: Session, wanted: TicketFilter, size: int = PAGE_SIZE) -> KeysetPage[Ticket]:
    """The newest tickets that are wanted, in as many queries whatever there is."""
    query = _chosen(session, wanted)
    states = grouped_states(session)[wanted.group] if wanted.group else None
    if not wanted.text.strip() and not wanted.days:
        query = query if states is None else _newest_of_each(query, states, wanted.before, size)
        return keyset_page(session, query, Ticket.id, wanted.before, size)
    query = query if states is None else query.where(Ticket.state.in_(states))
    exact = _exactly(wanted.text.strip())
    if exact is not None and _is_there(session, exact, wanted.queue_ids):
        if replace(wanted, text="", before=MAX_ID) == TicketFilter():
            return keyset_page(session, query.where(exact), Ticket.id, wanted.before, size)
        return stretch_page(session, query, Ticket.id, wanted.before, size, among=exact)
    matches = query.where(*matching(SEARCHED_COLUMNS, wanted.text))
    return stretch_page(session, matches, Ticket.id, wanted.before, size)


def newest_ticket(session: Session) -> int:
    """The id of the ticket that was opened last; 0 if there is none."""
    return session.scalar(select(func.max(Ticket.id))) or 0


def count_newer_tickets(session: Session, wanted: TicketFilter, after: int) -> int:
    """How many tickets are wanted that were opened after the one with the id ``after``; ``MANY_NEW`` if there are more.

    What it costs follows what was opened since.
    """
    newer = _chosen(session, wanted).where(*matching(SEARCHED_COLUMNS, wanted.text))
    if wanted.group:
        newer = newer.where(Ticket.state.in_(grouped_states(session)[wanted.group]))
    return count_newer(session, newer, Ticket.id, after)


def tickets_numbered(session: Session, start: str, limit: int) -> Sequence[Ticket]:
    """The tickets whose numbers begin with ``start``, the smallest first: through the index. None for a few digits."""
    if not (start.isascii() and start.isdecimal() and MIN_DIGITS <= len(start) <= MAX_DIGITS):
        return ()
    beginning = [Ticket.number >= start]
    if start.strip("9"):  # digits have the same order in all languages, which nothing else has
        beginning.append(Ticket.number < str(int(start) + 1).zfill(len(start)))
    return session.scalars(select(Ticket).where(*beginning).order_by(Ticket.number).limit(limit)).all()


def _newest_of_each(query: Select[Ticket], states: Sequence[str], before: int, size: int) -> Select[Ticket]:
    """``query`` of the newest tickets of each state: each is a walk along the index, which no order of several is."""
    walk = query.with_only_columns(Ticket.id).where(Ticket.id < before).order_by(Ticket.id.desc()).limit(size + 1)
    walks = [select(walk.where(Ticket.state == state).subquery().c.id) for state in states]
    return select(Ticket).where(Ticket.id.in_(union_all(*walks)) if walks else false())


def _is_there(session: Session, exact: ColumnElement[bool], queue_ids: Collection[int] | None) -> bool:
    seen = [] if queue_ids is None else [Ticket.queue_id.in_(queue_ids)]
    return session.scalar(select(Ticket.id).where(exact, *seen).order_by(Ticket.id.desc()).limit(1)) is not None


def _chosen(session: Session, wanted: TicketFilter) -> Select[Ticket]:
    query = select(Ticket)
    if wanted.queue:
        queue_id = session.scalar(select(Queue.id).where(Queue.name == wanted.queue.replace("\0", "")))
        query = query.where(Ticket.queue_id == (queue_id or 0))
    if wanted.state:
        query = query.where(Ticket.state == wanted.state.replace("\0", ""))
    if wanted.since:
        query = query.where(Ticket.created_at >= wanted.since)
    if wanted.until:
        query = query.where(Ticket.created_at < wanted.until)
    if wanted.queue_ids is not None:
        query = query.where(Ticket.queue_id.in_(wanted.queue_ids))
    return query


def _exactly(text: str) -> ColumnElement[bool] | None:
    """The ticket of that number, or those from that address: found through an index, however old."""
    if text.isascii() and text.isdecimal():
        return Ticket.number == text
    return Ticket.sender_address == address_key(text) if "@" in text and "\0" not in text else None
