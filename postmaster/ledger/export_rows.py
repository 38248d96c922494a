"""Tickets and articles as rows of JSON that hold everything there is of them: ``import_rows`` reads them back.

A ticket is followed by its articles. What belongs to tickets is asked for by the hundred.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import Session

from postmaster.desk.models import (
    Article,
    Attachment,
    ImportedTicket,
    RawMail,
    ThreadKey,
    Ticket,
    TicketLink,
    TicketMerge,
)
from postmaster.desk.rawmail import unpack
from postmaster.desk.tickets import TicketAttributes
from postmaster.extensions import Json

ATTACHMENT_COLUMNS = ("part", "filename", "content_type", "content_id", "inline", "size", "sha256")


@dataclass(frozen=True, slots=True)
class ExportedArticle:
    """An article with the message that it came as; ``source`` is None if that is not kept any more."""

    article: Article
    number: str
    source: bytes | None


@dataclass(frozen=True, slots=True)
class _Belongings:
    """What else belongs to tickets, by their ids; ``newest`` are their last articles when those were counted."""

    articles: Mapping[int, int]
    newest: Mapping[int, int]
    links: Mapping[int, list[Json]]
    merged_into: Mapping[int, str]
    keys: Mapping[int, Json]
    imported: Mapping[int, str]


def export_rows(
    session: Session, piece: Sequence[Row[Any]], queue_ids: Collection[int] | None = None
) -> Iterator[Json]:
    """A row for each ticket of ``piece``, whose rows have ``id``, ``Ticket`` and ``name``, then one for each of its
    articles. Of other tickets it names those in ``queue_ids``, None for all.
    """
    seen = [] if queue_ids is None else [Ticket.queue_id.in_(queue_ids)]
    belongings, attachments = _belongings(session, [row.id for row in piece], seen), _attachments(session, piece)
    articles = groupby(articles_of(session, piece, belongings.newest), key=lambda each: each.number)
    following = next(articles, None)
    for row in piece:
        yield {"kind": "ticket", **_ticket(row.Ticket, row.name, belongings)}
        if following and following[0] == row.Ticket.number:
            for each in following[1]:
                yield {"kind": "article", **_article(each, attachments[each.article.id])}
            following = next(articles, None)


def articles_of(
    session: Session, piece: Sequence[Row[Any]], newest: Mapping[int, int] | None = None
) -> Iterator[ExportedArticle]:
    """The articles of these tickets, in the order of the tickets; of their messages there is one in memory.

    ``newest`` are the last ones by the ids of tickets, None for all that there are. Only those of one ticket are
    committed in the order of their ids.
    """
    numbers = {row.id: row.Ticket.number for row in piece}
    query = (
        select(Article, RawMail)
        .outerjoin(RawMail, RawMail.id == Article.raw_id)
        .where(Article.ticket_id.in_(numbers))
        .order_by(Article.ticket_id, Article.id)
        .execution_options(yield_per=1)
    )
    for article, raw in session.execute(query):
        if newest is None or article.id <= newest.get(article.ticket_id, 0):
            yield ExportedArticle(article, numbers[article.ticket_id], unpack(raw.encoding, raw.data) if raw else None)
        if raw:
            session.expunge(raw)


def _belongings(session: Session, ids: Sequence[int], seen: Sequence[ColumnElement[bool]]) -> _Belongings:
    merged = (
        select(TicketMerge.ticket_id, Ticket.number)
        .join(Ticket, Ticket.id == TicketMerge.into_id)
        .where(TicketMerge.ticket_id.in_(ids), *seen)
    )
    counted = select(Article.ticket_id, func.count().label("size"), func.max(Article.id).label("newest"))
    counts = session.execute(counted.where(Article.ticket_id.in_(ids)).group_by(Article.ticket_id)).all()
    imported = select(ImportedTicket).where(ImportedTicket.ticket_id.in_(ids))
    return _Belongings(
        articles={row.ticket_id: row.size for row in counts},
        newest={row.ticket_id: row.newest for row in counts},
        links=_links(session, ids, seen),
        merged_into={row.ticket_id: row.number for row in session.execute(merged)},
        keys=_keys(session, ids),
        imported={each.ticket_id: each.changed_at.isoformat() for each in session.scalars(imported)},
    )


def _links(session: Session, ids: Sequence[int], seen: Sequence[ColumnElement[bool]]) -> Mapping[int, list[Json]]:
    """The earlier tickets that these are linked with."""
    found: dict[int, list[Json]] = defaultdict(list)
    query = (
        select(TicketLink.ticket_id, TicketLink.kind, Ticket.number)
        .join(Ticket, Ticket.id == TicketLink.follows_id)
        .where(TicketLink.ticket_id.in_(ids), *seen)
        .order_by(TicketLink.ticket_id, Ticket.id)
    )
    for ticket_id, kind, number in session.execute(query):
        found[ticket_id].append({"kind": kind.value, "ticket": number})
    return found


def _keys(session: Session, ids: Sequence[int]) -> Mapping[int, Json]:
    """What answers find these tickets by: what their mail is known by, and what it awaits."""
    found: dict[int, Json] = defaultdict(lambda: {"own": [], "awaited": []})
    query = select(ThreadKey.ticket_id, ThreadKey.own, ThreadKey.key).where(ThreadKey.ticket_id.in_(ids))
    for row in sorted(session.execute(query), key=lambda row: row.key):  # each database sorts texts in its own way
        found[row.ticket_id]["own" if row.own else "awaited"].append(row.key)
    return found


def _attachments(session: Session, piece: Iterable[Row[Any]]) -> Mapping[int, list[Json]]:
    """What is known of the attachments of these tickets, by article; their bytes are in the sources."""
    found: dict[int, list[Json]] = defaultdict(list)
    columns = [getattr(Attachment, name) for name in ATTACHMENT_COLUMNS]
    query = (
        select(Attachment.article_id, *columns)
        .join(Article, Article.id == Attachment.article_id)
        .where(Article.ticket_id.in_([row.id for row in piece]))
        .order_by(Attachment.id)
    )
    for article_id, *values in session.execute(query):
        found[article_id].append(dict(zip(ATTACHMENT_COLUMNS, values, strict=True)))
    return found


def _ticket(ticket: Ticket, queue: str, belongings: _Belongings) -> Json:
    return {
        "number": ticket.number,
        "title": ticket.title,
        "queue": queue,
        "sender_name": ticket.sender_name,
        "sender_address": ticket.sender_address,
        **TicketAttributes.of(ticket).as_json(),
        "created": ticket.created_at.isoformat(),
        "changed": ticket.changed_at.isoformat(),
        "articles": belongings.articles.get(ticket.id, 0),
        "links": belongings.links[ticket.id],
        "merged_into": belongings.merged_into.get(ticket.id),
        "thread_keys": belongings.keys[ticket.id],
        "imported": belongings.imported.get(ticket.id),
    }


def _article(each: ExportedArticle, attachments: list[Json]) -> Json:
    article = each.article
    return {
        "ticket": each.number,
        "created": article.created_at.isoformat(),
        "sender_type": article.sender_type.value,
        "sender_address": article.sender_address,
        "visible": article.visible,
        "loop": article.loop,
        "automatic": article.automatic,
        "sender_verdict": article.verdict,
        "article_fields": article.dynamic_fields,
        "header": article.header,
        "text": article.text,
        "has_html": article.has_html,
        "attachments": attachments,
        "source": None if each.source is None else base64.b64encode(each.source).decode("ascii"),
    }
