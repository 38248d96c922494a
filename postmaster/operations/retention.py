"""What is not kept for ever: old tickets, the sources of old mail, old runs and events; and all mail of one sender.

Rows of the ledger stay with their identities: without them mail that is still on a server could be taken twice. What
they say of who wrote about what goes. Work is done in batches, each a transaction of its own, so that fetching never
waits long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.orm import Session

from postmaster.database import read_session, transaction
from postmaster.desk.models import Article, RawMail, Ticket, TicketMerge
from postmaster.extensions import now
from postmaster.ledger.erasure import forget, mail_from
from postmaster.ledger.mail_requests import forget_old_requests
from postmaster.ledger.models import FetchRun, InboundMail, Quarantine, RunStatus
from postmaster.operations.models import Incident
from postmaster.outbox.models import Event
from postmaster.outbox.reading import newest_id
from postmaster.outlets.leases import first_needed
from postmaster.outlets.models import Delivery
from postmaster.parsing.address_key import address_key
from postmaster.quantity import quantity
from postmaster.resources.audit import audit
from postmaster.system.settings import EVENT_RETENTION, RAW_RETENTION, RUN_RETENTION, TICKET_RETENTION, get_setting

# Tickets, messages or runs that one transaction removes; and events, which are small.
BATCH = 200
EVENT_BATCH = 2000

# Who removes what the settings say.
RETENTION = "retention"


@dataclass(slots=True)
class Removed:
    """How much was removed. ``sources``: messages of which the text stays, without source and attachments."""

    tickets: int = 0
    articles: int = 0
    sources: int = 0
    quarantined: int = 0
    runs: int = 0
    incidents: int = 0
    deliveries: int = 0
    events: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def as_dict(self) -> dict[str, int]:
        """The form that ``flask erase --json`` prints."""
        return asdict(self)


def remove_old() -> Removed:
    """Remove what is older than the settings say."""
    with read_session() as session:
        kept = RAW_RETENTION, TICKET_RETENTION, RUN_RETENTION, EVENT_RETENTION
        raw, tickets, runs, events = (get_setting(session, spec) for spec in kept)
    with transaction() as session:
        forget_old_requests(session)
    removed = Removed()
    if tickets:
        _remove_old_tickets(removed, tickets)
    if raw:
        _remove_old_sources(removed, raw)
    if removed:
        _audit(RETENTION, "by age", removed)
    if runs:
        _remove_old_runs(removed, runs)
    if events:
        _remove_old_events(removed, events)
        _remove_old_deliveries(removed, events)
    return removed


def erase_older_than(days: int, actor: str) -> Removed:
    """Remove tickets that nothing was changed in for ``days``, with all their mail."""
    removed = Removed()
    _remove_old_tickets(removed, days)
    _audit(actor, f"older than {quantity(days, 'day')}", removed)
    return removed


def erase_sender(address: str, actor: str) -> Removed:
    """Remove all mail of one sender: the tickets that their mail opened, their mail in other tickets, and in
    quarantine. The audit log keeps only a digest of the address.
    """
    wanted = address_key(address)
    tickets = select(Ticket.id).where(Ticket.sender_address == wanted)
    articles = select(Article.id).where(Article.sender_address == wanted)
    removed = Removed()
    _repeat(lambda session: _remove_tickets(session, removed, tickets))
    _repeat(lambda session: _remove_articles(session, removed, articles))
    _repeat(lambda session: _remove_quarantined(session, removed, wanted))
    _repeat(lambda session: forget(session, mail_from(session, wanted, BATCH)))
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    _audit(actor, f"sender with SHA-256 {digest}…", removed)
    return removed


def _repeat(remove: Callable[[Session], int]) -> None:
    """Call ``remove`` in one transaction after the other until nothing is left for it."""
    while True:
        with transaction() as session:
            if not remove(session):
                return


def _audit(actor: str, label: str, removed: Removed) -> None:
    counts = {name: count for name, count in removed.as_dict().items() if count}
    with transaction() as session:
        audit(session, actor, "erase", "mail", label, counts)


def _remove_old_tickets(removed: Removed, days: int) -> None:
    # A merged ticket leads to the main one, so it stays as long as that does, and is free when that is removed.
    merged = select(TicketMerge.ticket_id).where(TicketMerge.ticket_id == Ticket.id).exists()
    limit = now() - timedelta(days=days)
    old = select(Ticket.id).where(Ticket.changed_at < limit, ~merged).order_by(Ticket.changed_at)
    _repeat(lambda session: _remove_tickets(session, removed, old))


def _remove_tickets(session: Session, removed: Removed, query: Select[int]) -> int:
    found = session.scalars(query.limit(BATCH)).all()
    ids = _locked(session, query, found)
    of_tickets = select(Article.id).where(Article.ticket_id.in_(ids))
    while _remove_articles(session, removed, of_tickets):
        pass
    forget(session, session.scalars(select(InboundMail).where(InboundMail.ticket_id.in_(ids))).all())
    session.execute(delete(Ticket).where(Ticket.id.in_(ids)))
    removed.tickets += len(ids)
    return len(found)


def _locked(session: Session, query: Select[int], found: Sequence[int]) -> Sequence[int]:
    """Those of ``found`` that ``query`` still gives once nobody adds mail to them any more.

    A message that is being recorded is waited for: its ticket would take it along, though nobody had seen it here, and
    it is gone from its server. Locked in the order of their ids, as by others.
    """
    still = query.where(Ticket.id.in_(found)).order_by(None).order_by(Ticket.id)
    return session.scalars(still.with_for_update(of=Ticket)).all()


def _remove_articles(session: Session, removed: Removed, query: Select[int]) -> int:
    ids = session.scalars(query.limit(BATCH)).all()
    _forget_answers(session, ids)
    sources = _detach_sources(session, Article.id.in_(ids))
    session.execute(delete(Article).where(Article.id.in_(ids)))
    _delete_sources(session, sources)
    removed.articles += len(ids)
    return len(ids)


def _forget_answers(session: Session, article_ids: Sequence[int]) -> None:
    """What receivers answered to events of these tickets: it may repeat what they were sent."""
    tickets = select(Article.ticket_id).where(Article.id.in_(article_ids))
    session.execute(update(Delivery).where(Delivery.ticket_id.in_(tickets), Delivery.answer != "").values(answer=""))


def _remove_old_sources(removed: Removed, days: int) -> None:
    """Sources were stored in the order of their ids, so the oldest come first, and the first young one ends it."""
    limit = now() - timedelta(days=days)
    oldest = select(Article.id, Article.created_at).where(Article.raw_id.is_not(None)).order_by(Article.raw_id)

    def remove(session: Session) -> int:
        rows = session.execute(oldest.limit(BATCH)).all()
        ids = [article_id for article_id, created_at in rows if created_at < limit]
        _delete_sources(session, _detach_sources(session, Article.id.in_(ids)))
        removed.sources += len(ids)
        return len(ids)

    _repeat(remove)


def _detach_sources(session: Session, articles: ColumnElement[bool]) -> list[int]:
    """Take the sources from these articles; returns their ids."""
    query = select(Article.raw_id).where(articles, Article.raw_id.is_not(None))
    ids = [raw_id for raw_id in session.scalars(query) if raw_id is not None]
    session.execute(update(Article).where(articles).values(raw_id=None))
    return ids


def _delete_sources(session: Session, ids: list[int]) -> None:
    session.execute(delete(RawMail).where(RawMail.id.in_(ids)))


def _remove_quarantined(session: Session, removed: Removed, address: str) -> int:
    held = session.execute(select(Quarantine.id, Quarantine.sender).order_by(Quarantine.id))
    ids = [number for number, sender in held if address_key(sender) == address][:BATCH]
    rows = session.scalars(select(Quarantine).where(Quarantine.id.in_(ids))).all()
    for row in rows:
        session.delete(row)
    session.flush()
    _delete_sources(session, [row.raw_id for row in rows])
    removed.quarantined += len(rows)
    return len(rows)


def _remove_old_runs(removed: Removed, days: int) -> None:
    limit = now() - timedelta(days=days)
    oldest = select(FetchRun.id, FetchRun.started_at).where(FetchRun.status != RunStatus.RUNNING).order_by(FetchRun.id)

    def remove_runs(session: Session) -> int:
        rows = session.execute(oldest.limit(BATCH)).all()
        ids = [run_id for run_id, started_at in rows if started_at < limit]
        session.execute(update(InboundMail).where(InboundMail.run_id.in_(ids)).values(run_id=None))
        session.execute(delete(FetchRun).where(FetchRun.id.in_(ids)))
        removed.runs += len(ids)
        return len(ids)

    def remove_incidents(session: Session) -> int:
        ids = session.scalars(select(Incident.id).where(Incident.closed_at < limit).limit(BATCH)).all()
        session.execute(delete(Incident).where(Incident.id.in_(ids)))
        removed.incidents += len(ids)
        return len(ids)

    _repeat(remove_runs)
    _repeat(remove_incidents)


def _remove_old_events(removed: Removed, days: int) -> None:
    """Those that nobody needs any more. The newest one stays: the ids of others go on from it."""
    limit = now() - timedelta(days=days)
    oldest = select(Event.id, Event.created_at).order_by(Event.id)

    def remove(session: Session) -> int:
        needed = first_needed(session)
        bound = newest_id(session) if needed is None else min(needed, newest_id(session))
        rows = session.execute(oldest.where(Event.id < bound).limit(EVENT_BATCH)).all()
        last = max((event_id for event_id, created_at in rows if created_at < limit), default=0)
        session.execute(delete(Event).where(Event.id <= last))
        count = sum(event_id <= last for event_id, _ in rows)
        removed.events += count
        return count

    _repeat(remove)


def _remove_old_deliveries(removed: Removed, days: int) -> None:
    """Only what was taken: what waits is never given up."""
    limit = now() - timedelta(days=days)

    def remove(session: Session) -> int:
        ids = session.scalars(select(Delivery.id).where(Delivery.delivered_at < limit).limit(BATCH)).all()
        session.execute(delete(Delivery).where(Delivery.id.in_(ids)))
        removed.deliveries += len(ids)
        return len(ids)

    _repeat(remove)
