"""Tickets on their way out: as lines of JSON that hold everything, or their mail as one mbox (RFC 4155) or as files.

Tickets are read by the hundred, with three queries; of messages there is one in memory, however many there are.
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Article, Queue, RawMail, Ticket, TicketLink
from postmaster.desk.rawmail import unpack
from postmaster.desk.ticket_stream import TicketRange, stream_tickets
from postmaster.desk.ticket_view import article_facts
from postmaster.desk.tickets import TicketAttributes
from postmaster.extensions import Json

PIECE = 100

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ExportedArticle:
    """An article with the message that it came as; ``source`` is None if that is not kept any more."""

    article: Article
    number: str
    source: bytes | None


def write_jsonl(session: Session, wanted: TicketRange, file: IO[bytes]) -> int:
    """A line for each ticket, then one for each of its articles, source included; returns how many tickets."""
    count = 0
    for piece in _pieces(session, [Ticket, Queue.name], wanted):
        links = _links(session, piece)
        articles = groupby(_articles(session, piece), key=lambda each: each.number)
        following = next(articles, None)
        for row in piece:
            _write_line(file, {"kind": "ticket", **_ticket(row.Ticket, row.name), "links": links[row.id]})
            if following and following[0] == row.Ticket.number:
                for each in following[1]:
                    _write_line(file, {"kind": "article", **_article(each)})
                following = next(articles, None)
            count += 1
    return count


def write_mbox(session: Session, wanted: TicketRange, file: IO[bytes]) -> int:
    """All mail as one mailbox, lines that begin with "From " quoted as mboxrd does; returns how many messages."""
    count = 0
    for _, source, article in _mail(session, wanted):
        sender = "".join(article.sender_address.split()) or "MAILER-DAEMON"
        moment = article.created_at.astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y")
        text = _FROM.sub(rb">\1", source.replace(b"\r\n", b"\n"))
        file.write(f"From {sender} {moment}\n".encode() + text.rstrip(b"\n") + b"\n\n")
        count += 1
    return count


def write_files(session: Session, wanted: TicketRange, folder: Path) -> int:
    """Each message as a file NUMBER-ARTICLE.eml in ``folder``; returns how many messages."""
    count = 0
    for number, source, article in _mail(session, wanted):
        (folder / f"{number}-{article.id}.eml").write_bytes(source)
        count += 1
    return count


def _mail(session: Session, wanted: TicketRange) -> Iterator[tuple[str, bytes, Article]]:
    """All messages whose source is kept, ticket by ticket."""
    for piece in _pieces(session, [Ticket], wanted):
        for each in _articles(session, piece):
            if each.source is not None:
                yield each.number, each.source, each.article


def _pieces(session: Session, columns: Sequence[Any], wanted: TicketRange) -> Iterator[Sequence[Row[Any]]]:
    rows = stream_tickets(session, columns, wanted)
    while piece := list(islice(rows, PIECE)):
        yield piece
        session.expunge_all()


def _articles(session: Session, piece: Sequence[Row[Any]]) -> Iterator[ExportedArticle]:
    """The articles of these tickets, in the order of the tickets."""
    numbers = {row.id: row.Ticket.number for row in piece}
    query = (
        select(Article, RawMail)
        .outerjoin(RawMail, RawMail.id == Article.raw_id)
        .where(Article.ticket_id.in_(numbers))
        .order_by(Article.ticket_id, Article.id)
        .execution_options(yield_per=1)
    )
    for article, raw in session.execute(query):
        yield ExportedArticle(article, numbers[article.ticket_id], unpack(raw.encoding, raw.data) if raw else None)
        if raw:
            session.expunge(raw)


def _links(session: Session, piece: Sequence[Row[Any]]) -> dict[int, list[Json]]:
    """The earlier tickets that these are linked with, by id."""
    found: dict[int, list[Json]] = defaultdict(list)
    query = (
        select(TicketLink.ticket_id, TicketLink.kind, Ticket.number)
        .join(Ticket, Ticket.id == TicketLink.follows_id)
        .where(TicketLink.ticket_id.in_([row.id for row in piece]))
        .order_by(TicketLink.ticket_id, Ticket.id)
    )
    for ticket_id, kind, number in session.execute(query):
        found[ticket_id].append({"kind": kind.value, "ticket": number})
    return found


def _ticket(ticket: Ticket, queue: str) -> Json:
    return {
        "number": ticket.number,
        "title": ticket.title,
        "queue": queue,
        **TicketAttributes.of(ticket).as_json(),
        "created": ticket.created_at.isoformat(),
        "changed": ticket.changed_at.isoformat(),
    }


def _article(each: ExportedArticle) -> Json:
    article = each.article
    return {
        "ticket": each.number,
        **article_facts(article),
        "header": article.header,
        "text": article.text,
        "source": None if each.source is None else base64.b64encode(each.source).decode("ascii"),
    }


def _write_line(file: IO[bytes], row: Json) -> None:
    file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
