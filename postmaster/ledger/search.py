"""Where is my mail? The ledger searched by what people know of a message, newest first.

A search is an intersection of terms (see ``terms``). It goes along the rarest of them, from the newest message back,
and looks each candidate up under the others: through the primary key only, so that neither ten million rows nor a
word that all mail has make it slow. One call looks at ``STEP`` candidates at most, and says where to go on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, Subquery, exists, func, literal, or_, select, true, union
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from postmaster.desk.models import Ticket
from postmaster.ledger.models import InboundMail, MailTerm
from postmaster.ledger.search_index import IndexedPart, account_word, searched_term, term, wanted_words
from postmaster.ledger.trace import MailTrace, traces
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.verdict import Finding
from postmaster.resources.keyset import MANY_NEW, KeysetPage
from postmaster.resources.listing import PAGE_SIZE
from postmaster.resources.numbers import MAX_ID

# Candidates that one call looks at, and those that are counted to find the rarest term.
STEP, COUNTED = 20_000, 2_000

# Words that are searched by; the others are left out.
MAX_TERMS = 20

# Transactions side by side may record a moment and take their ids in another order.
DISORDER = timedelta(minutes=1)

# Where free text may stand.
ANYWHERE = (IndexedPart.SENDER, IndexedPart.RECIPIENT, IndexedPart.SUBJECT, IndexedPart.MESSAGE_ID, IndexedPart.ACCOUNT)

# A ticket's number, also with the hook before it and in brackets, as it stands in subjects.
_TICKET_NUMBER = re.compile(r"(?<!\d)\d{5,30}(?!\d)")

# An id that no ticket has.
NO_TICKET = 0


@dataclass(frozen=True)
class Alternatives:
    """A message has one of these terms, or belongs to one of these tickets. If there are none, all will do."""

    terms: Sequence[int] = ()
    tickets: Sequence[int] = ()


@dataclass(frozen=True)
class MailFilter:
    """Which messages. ``sender`` and ``recipient`` are addresses, domains or names; ``account`` a label or an id;
    ``ticket`` a number. ``text`` may stand anywhere, also be the number of the ticket.

    Recorded from ``since`` to before ``until``, and with an id below ``before``; in tickets of ``queue_ids``, unless
    that is None: then also in none; after at least ``waited`` seconds.
    """

    text: str = ""
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    message_id: str = ""
    account: str = ""
    ticket: str = ""
    outcome: Outcome | None = None
    verdict: Finding | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int = MAX_ID
    queue_ids: Collection[int] | None = None
    waited: int | None = None

    @property
    def is_sifted(self) -> bool:
        """Whether candidates have to be looked at one by one."""
        return self.queue_ids is not None or self.waited is not None

    def groups(self, session: Session) -> list[Alternatives]:
        """What a message must have, all of it."""
        fields = {
            IndexedPart.SENDER: self.sender,
            IndexedPart.RECIPIENT: self.recipient,
            IndexedPart.SUBJECT: self.subject,
            IndexedPart.MESSAGE_ID: self.message_id,
            IndexedPart.OUTCOME: self.outcome or "",
            IndexedPart.VERDICT: self.verdict or "",
        }
        found = [Alternatives([searched_term(part, word)]) for part in fields for word in wanted_words(fields[part])]
        if self.account.strip():
            found.append(Alternatives([term(IndexedPart.ACCOUNT, account_word(self.account))]))
        if self.ticket.strip():
            found.append(Alternatives(tickets=_tickets(session, self.ticket) or [NO_TICKET]))
        for word in wanted_words(self.text):
            found.append(Alternatives([searched_term(part, word) for part in ANYWHERE], _tickets(session, word)))
        return found[:MAX_TERMS]


def _tickets(session: Session, word: str) -> Sequence[int]:
    """The ids of the tickets whose numbers stand in ``word``."""
    numbers = _TICKET_NUMBER.findall(word)
    return session.scalars(select(Ticket.id).where(Ticket.number.in_(numbers[:1]))).all() if numbers else ()


@dataclass(frozen=True)
class MailPage(KeysetPage[MailTrace]):
    """Some messages. There may be fewer than a page of them, and yet more to come, which are ``unsearched``.

    Then ``reached`` says back to when was looked.
    """

    reached: datetime | None = None


def find_mail(session: Session, wanted: MailFilter) -> MailPage:
    """The newest messages that are wanted, a page of them at most."""
    low, high = _bounds(session, wanted)
    groups = wanted.groups(session)
    if not groups and not wanted.is_sifted:
        query = select(InboundMail.id).where(InboundMail.id > low, InboundMail.id < high)
        ids = list(session.scalars(_narrowed(query, wanted).order_by(InboundMail.id.desc()).limit(PAGE_SIZE + 1)))
        return _page(session, ids, None)
    driver, *others = _by_rarity(session, groups or [Alternatives()], low, high)
    ids = list(session.scalars(hits(wanted, driver, others, low, high)))
    end = session.scalar(_end(driver, low, high)) if len(ids) <= PAGE_SIZE else None
    return _page(session, ids, end)


def newest_mail(session: Session) -> int:
    """The id of the message that was recorded last; 0 if there is none."""
    return session.scalar(select(func.max(InboundMail.id))) or 0


def count_newer_mail(session: Session, wanted: MailFilter, after: int) -> int:
    """How many messages are wanted with ids above ``after``; ``MANY_NEW`` if there are more.

    What it costs follows what was recorded since.
    """
    low, high = _bounds(session, wanted)
    driver, *others = _by_rarity(session, wanted.groups(session) or [Alternatives()], max(low, after), high)
    return len(session.scalars(hits(wanted, driver, others, max(low, after), high).limit(MANY_NEW)).all())


def stream_mail(session: Session, wanted: MailFilter) -> Iterator[MailTrace]:
    """All messages that are wanted, newest first, never all in memory."""
    goes_on: int | None = wanted.before
    while goes_on is not None:
        page = find_mail(session, replace(wanted, before=goes_on))
        yield from page.rows
        session.expunge_all()
        goes_on = page.next


def _page(session: Session, ids: Sequence[int], end: int | None) -> MailPage:
    """The messages with those ids, of which there is one more than a page if there are more to come."""
    mails = traces(session, InboundMail.id.in_(ids[:PAGE_SIZE]))
    if len(ids) > PAGE_SIZE:
        return MailPage(mails, ids[PAGE_SIZE - 1])
    if end is None:
        return MailPage(mails)
    reached = session.scalar(select(InboundMail.recorded_at).where(InboundMail.id == end))
    return MailPage(mails, end, unsearched=True, reached=reached)


def _bounds(session: Session, wanted: MailFilter) -> tuple[int, int]:
    """The ids between which the messages of that time are: above the first, below the second."""
    low, high = 0, wanted.before
    if wanted.since:
        first = _first_since(session, wanted.since - DISORDER)
        low = first - 1 if first else MAX_ID
    if wanted.until and (first := _first_since(session, wanted.until + DISORDER)):
        high = min(high, first)
    return low, high


def _first_since(session: Session, moment: datetime) -> int | None:
    query = select(InboundMail.id).where(InboundMail.recorded_at >= moment)
    return session.scalar(query.order_by(InboundMail.recorded_at, InboundMail.id).limit(1))


def _narrowed(query: Select[int], wanted: MailFilter) -> Select[int]:
    """``query`` of messages, of that time and in those queues."""
    if wanted.since:
        query = query.where(InboundMail.recorded_at >= wanted.since)
    if wanted.until:
        query = query.where(InboundMail.recorded_at < wanted.until)
    if wanted.waited is not None:
        query = query.where(InboundMail.waited >= wanted.waited)
    if wanted.queue_ids is not None:
        of_queue = Ticket.id == InboundMail.ticket_id, Ticket.queue_id.in_(wanted.queue_ids)
        query = query.where(exists(literal(1)).where(*of_queue).correlate(InboundMail))
    return query


def _by_rarity(session: Session, groups: Sequence[Alternatives], low: int, high: int) -> list[Alternatives]:
    """The terms, the rarest first, as far as that shows among the newest."""
    if len(groups) == 1:
        return list(groups)

    def count(group: Alternatives) -> int:
        return session.scalar(select(func.count()).select_from(_candidates(group, low, high, COUNTED))) or 0

    return sorted(groups, key=count)


def hits(wanted: MailFilter, driver: Alternatives, others: Sequence[Alternatives], low: int, high: int) -> Select[int]:
    """The ids of messages that have all terms, newest first: one more than a page."""
    candidates = _candidates(driver, low, high, STEP)
    found = select(candidates.c.mail_id)
    for group in others:
        found = found.where(or_(*_has(group, candidates)))
    if wanted.since or wanted.until or wanted.is_sifted:
        found = _narrowed(found.join(InboundMail, InboundMail.id == candidates.c.mail_id), wanted)
    return found.order_by(candidates.c.mail_id.desc()).limit(PAGE_SIZE + 1)


def _has(group: Alternatives, candidates: Subquery) -> Iterator[ColumnElement[bool]]:
    if group.terms:
        here = MailTerm.term.in_(group.terms), MailTerm.mail_id == candidates.c.mail_id
        yield exists(literal(1)).where(*here).correlate(candidates)
    if group.tickets:
        there = InboundMail.ticket_id.in_(group.tickets), InboundMail.id == candidates.c.mail_id
        yield exists(literal(1)).where(*there).correlate(candidates)


def _end(driver: Alternatives, low: int, high: int) -> Select[int]:
    """The last candidate that was looked at, if there may be more."""
    candidates = _candidates(driver, low, high, STEP)
    return select(candidates.c.mail_id).order_by(candidates.c.mail_id.desc()).offset(STEP - 1).limit(1)


def _candidates(group: Alternatives, low: int, high: int, limit: int) -> Subquery:
    """The newest ``limit`` messages that have one of the alternatives: a walk along an index for each."""
    walks = [
        _walk(MailTerm.mail_id, MailTerm.term == number, low, high, limit) for number in dict.fromkeys(group.terms)
    ]
    walks += [_walk(InboundMail.id, InboundMail.ticket_id == ticket, low, high, limit) for ticket in group.tickets]
    if not walks:
        walks = [_walk(InboundMail.id, true(), low, high, limit)]
    if len(walks) == 1:
        return walks[0].subquery("candidates")
    together = union(*walks).subquery()
    return select(together.c.mail_id).order_by(together.c.mail_id.desc()).limit(limit).subquery("candidates")


def _walk(
    mail_id: InstrumentedAttribute[int], wanted: ColumnElement[bool], low: int, high: int, limit: int
) -> Select[int]:
    walk = select(mail_id.label("mail_id")).where(wanted, mail_id > low, mail_id < high)
    return select(walk.order_by(mail_id.desc()).limit(limit).subquery().c.mail_id)
