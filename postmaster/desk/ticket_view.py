"""A ticket as it is looked at: its articles, oldest first, a page at a time, without their raw mail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Article, Attachment, SenderType, Ticket
from postmaster.errors import NotFoundError
from postmaster.extensions import Json
from postmaster.resources.listing import PAGE_SIZE, page_count

# Characters of an article's text that are shown with the ticket.
TEXT_LIMIT = 20_000

_SHOWN = (
    "id",
    "header",
    "sender_type",
    "visible",
    "loop",
    "automatic",
    "verdict",
    "dynamic_fields",
    "created_at",
    "has_html",
)
TICKET_COLUMNS = (
    *(getattr(Article, name) for name in _SHOWN),
    func.substr(Article.text, 1, TEXT_LIMIT).label("text"),
    func.length(Article.text).label("length"),
)


@dataclass(frozen=True)
class ArticleView:
    """An article without its raw mail. ``text`` is cut to ``TEXT_LIMIT`` of its ``length`` characters."""

    id: int
    header: Json
    sender_type: SenderType
    visible: bool
    loop: bool
    automatic: bool
    verdict: Json | None
    dynamic_fields: Json | None
    created_at: datetime
    has_html: bool
    text: str
    length: int
    attachments: Sequence[Attachment]


def article_facts(article: Article) -> Json:
    """What the desk knows of an article beside its message, as JSON shows it (docs/reference.md#json)."""
    return {
        "created": article.created_at.isoformat(),
        "sender_type": article.sender_type.value,
        "visible": article.visible,
        "loop": article.loop,
        "automatic": article.automatic,
        "sender_verdict": article.verdict,
    }


@dataclass(frozen=True)
class ArticlePage:
    """Some articles of a ticket: page ``number`` of ``pages``."""

    articles: Sequence[ArticleView]
    number: int
    pages: int


def find_ticket(session: Session, number: str) -> Ticket:
    """The ticket with that number. Raises NotFoundError."""
    query = select(Ticket).where(Ticket.number == number)
    ticket = None if "\0" in number else session.scalars(query).first()
    if ticket is None:
        raise NotFoundError("unknown-ticket", f"There is no ticket “{number}”", "Look for it in the list of tickets.")
    return ticket


def find_article(session: Session, number: int) -> Article:
    """The article with that id. Raises NotFoundError."""
    article = session.get(Article, number)
    if article is None:
        raise NotFoundError("unknown-article", f"There is no article {number}", "Look for its ticket in the list.")
    return article


def page_of_articles(session: Session, ticket_id: int, number: int) -> ArticlePage:
    """The page of articles that is wanted; the last one if there are not as many."""
    count = session.scalar(select(func.count(Article.id)).where(Article.ticket_id == ticket_id)) or 0
    pages = page_count(count)
    number = max(1, min(number, pages))
    rows = session.execute(
        select(*TICKET_COLUMNS)
        .where(Article.ticket_id == ticket_id)
        .order_by(Article.id)
        .limit(PAGE_SIZE)
        .offset((number - 1) * PAGE_SIZE)
    ).all()
    return ArticlePage(_views(session, rows), number, pages)


def articles_after(session: Session, ticket_id: int, after: int, limit: int) -> Sequence[ArticleView]:
    """The articles of a ticket with ids above ``after``, ``limit`` of them at most."""
    query = select(*TICKET_COLUMNS).where(Article.ticket_id == ticket_id, Article.id > after)
    return _views(session, session.execute(query.order_by(Article.id).limit(limit)).all())


def articles_by_id(session: Session, ids: Collection[int]) -> dict[int, ArticleView]:
    """The articles with these ids, as far as they are there."""
    rows = session.execute(select(*TICKET_COLUMNS).where(Article.id.in_(ids))).all()
    return {view.id: view for view in _views(session, rows)}


def _views(session: Session, rows: Sequence[Row[Any]]) -> list[ArticleView]:
    attached = _attachments(session, [row.id for row in rows])
    return [ArticleView(**row._asdict(), attachments=attached[row.id]) for row in rows]


def _attachments(session: Session, articles: Sequence[int]) -> dict[int, list[Attachment]]:
    found: dict[int, list[Attachment]] = defaultdict(list)
    for attachment in session.scalars(
        select(Attachment).where(Attachment.article_id.in_(articles)).order_by(Attachment.id)
    ):
        found[attachment.article_id].append(attachment)
    return found
