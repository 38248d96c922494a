"""The operations of articles: their text and HTML, their sources and attachments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.api.lists import PAGING, page, read_cursor
from postmaster.api.operation import Answer, Call, Operation, Reply
from postmaster.api.ranges import HEADERS, hand_out
from postmaster.api.schemas import COUNT, FLAG, ID, MOMENT, list_of, obj, or_null
from postmaster.api.schemas import TEXT as TEXT_SCHEMA
from postmaster.api.tickets import visible_ticket
from postmaster.database import read_session, transaction
from postmaster.desk.models import Article, Attachment, SenderType, Ticket
from postmaster.desk.ticket_view import ArticleView, articles_after, articles_by_id
from postmaster.errors import NotFoundError
from postmaster.extensions import Json, now
from postmaster.ledger.article_source import article_source, find_attachment, read_article
from postmaster.resources.audit import audit
from postmaster.resources.fields import Field
from postmaster.resources.models import AuditEvent
from postmaster.resources.readers import yes_no
from postmaster.system.models import Scope

# How long it is known that somebody has begun to take something in parts, and among how many entries it is looked for.
NOTED_FOR, NOTED_AMONG = timedelta(days=1), 10_000

WITH_HTML = Field(
    "html", "HTML", read=yes_no, empty=False, metavar="yes|no", help="With its HTML as it came, which is hostile."
)
WITH_TEXT = Field(
    "text",
    "Text",
    read=yes_no,
    empty=True,
    default="yes",
    metavar="yes|no",
    help="With its text, cut to 20,000 characters.",
)

_ADDRESS = obj({"name": TEXT_SCHEMA, "address": TEXT_SCHEMA})
_ADDRESSES: Json = {"type": "array", "items": _ADDRESS}
_IDS: Json = {"type": "array", "items": TEXT_SCHEMA}
_ATTACHMENT = obj(
    {
        "id": ID,
        "filename": TEXT_SCHEMA,
        "content_type": TEXT_SCHEMA,
        "content_id": or_null(TEXT_SCHEMA),
        "inline": FLAG,
        "size": COUNT,
        "sha256": TEXT_SCHEMA,
    }
)
_ARTICLE: dict[str, Json] = {
    "id": ID,
    "created": MOMENT,
    "sender_type": {"type": "string", "enum": list(SenderType)},
    "visible": FLAG,
    "loop": FLAG,
    "automatic": FLAG,
    "sender_verdict": {"type": ["object", "null"]},
    "article_fields": {"type": "object", "additionalProperties": TEXT_SCHEMA},
    "subject": TEXT_SCHEMA,
    "from": or_null(_ADDRESS),
    "to": _ADDRESSES,
    "cc": _ADDRESSES,
    "reply_to": _ADDRESSES,
    "date": or_null(TEXT_SCHEMA),
    "message_id": or_null(TEXT_SCHEMA),
    "in_reply_to": _IDS,
    "references": _IDS,
    "has_html": FLAG,
    "text": or_null(TEXT_SCHEMA),
    "text_length": COUNT,
    "attachments": {"type": "array", "items": _ATTACHMENT},
}
_EXAMPLE: Json = {
    "id": 12,
    "created": "2026-11-23T08:12:00+00:00",
    "sender_type": "customer",
    "visible": True,
    "loop": False,
    "automatic": False,
    "sender_verdict": None,
    "article_fields": {},
    "subject": "Where is my order?",
    "from": {"name": "Ada Lovelace", "address": "ada@example.net"},
    "to": [{"name": "", "address": "orders@example.com"}],
    "cc": [],
    "reply_to": [],
    "date": "2026-11-23T09:12:00+01:00",
    "message_id": "17@example.net",
    "in_reply_to": [],
    "references": [],
    "has_html": False,
    "text": "I ordered a week ago.",
    "text_length": 21,
    "attachments": [],
}
_ONE = obj({**_ARTICLE, "ticket": TEXT_SCHEMA, "html": or_null(TEXT_SCHEMA)})
_ONE_EXAMPLE: Json = {**_EXAMPLE, "ticket": "2026112300012", "html": None}
_ATTACHMENT_NAMES = ("id", "filename", "content_type", "content_id", "inline", "size", "sha256")


def _item(article: ArticleView, *, with_text: bool) -> Json:
    return {
        "id": article.id,
        "created": article.created_at.isoformat(),
        "sender_type": article.sender_type.value,
        "visible": article.visible,
        "loop": article.loop,
        "automatic": article.automatic,
        "sender_verdict": article.verdict,
        "article_fields": article.dynamic_fields or {},
        **article.header,
        "has_html": article.has_html,
        "text": article.text if with_text else None,
        "text_length": article.length,
        "attachments": [{name: getattr(each, name) for name in _ATTACHMENT_NAMES} for each in article.attachments],
    }


def _list(call: Call) -> Answer:
    asked: Any = call.query
    [after] = read_cursor(call) or [0]
    with read_session() as session:
        ticket = visible_ticket(session, call.path["number"], call.caller)
        found = articles_after(session, ticket.id, after, asked["limit"] + 1)
    rows = found[: asked["limit"]]
    last = [rows[-1].id] if len(found) > len(rows) else None
    return page(call, [_item(article, with_text=asked["text"]) for article in rows], last)


def _get(call: Call) -> Answer:
    with read_session() as session:
        article, number = _visible(session, call)
        [view] = articles_by_id(session, [article.id]).values()
        html = read_article(session, article).html if call.query["html"] else None
        shown = _item(view, with_text=call.query["text"])
        full = article.text if call.query["text"] else None
        return Answer({**shown, "text": full, "ticket": number, "html": html})


def _visible(session: Session, call: Call) -> tuple[Article, str]:
    """The article and the number of its ticket, if the token sees its queue. Raises NotFoundError."""
    query = select(Article, Ticket.number, Ticket.queue_id).join(Ticket, Ticket.id == Article.ticket_id)
    row = session.execute(query.where(Article.id == call.id)).one_or_none()
    if row is None or not call.caller.sees(row.queue_id):
        raise NotFoundError("unknown-article", f"There is no article {call.id}.", "Look for its ticket in the list.")
    return row.Article, row.number


def _source(call: Call) -> Answer:
    with read_session() as session:
        article, _ = _visible(session, call)
        content = article_source(session, article)
    return give(call, content, f"article-{call.id}.eml", Taken("download-source", "article", str(call.id)))


def _attachment(call: Call) -> Answer:
    with read_session() as session:
        query = select(Ticket.queue_id).join(Article, Article.ticket_id == Ticket.id)
        queue_id = session.scalar(
            query.join(Attachment, Attachment.article_id == Article.id).where(Attachment.id == call.id)
        )
        if queue_id is None or not call.caller.sees(queue_id):
            advice = "Look for its ticket in the list."
            raise NotFoundError("unknown-attachment", f"There is no attachment {call.id}.", advice)
        attachment, content = find_attachment(session, call.id)
    taken = Taken("download-attachment", "article", f"{attachment.article_id}: {attachment.filename}")
    return give(call, content, attachment.filename, taken)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the audit log says of bytes that are taken away."""

    action: str
    noun: str
    label: str


def give(call: Call, content: bytes, filename: str, taken: Taken) -> Answer:
    """``content`` as a file, or a part of it; who takes it away is written into the audit log, of its parts once."""
    answer = hand_out(call, content, filename)
    if request.method == "HEAD" or answer.status is HTTPStatus.NOT_MODIFIED:
        return answer
    if answer.status is None or not _was_noted(call.actor, taken):
        with transaction() as session:
            audit(session, call.actor, taken.action, taken.noun, taken.label, {})
    return answer


def _was_noted(actor: str, taken: Taken) -> bool:
    """Whether it was noted lately that ``actor`` has begun to take it: a large file comes in many parts."""
    with read_session() as session:
        newest = session.scalar(select(func.max(AuditEvent.id))) or 0
        lately = AuditEvent.id > newest - NOTED_AMONG, AuditEvent.at >= now() - NOTED_FOR
        this = select(AuditEvent.id).filter_by(actor=actor, action=taken.action, noun=taken.noun, label=taken.label)
        return session.scalar(this.where(*lately).limit(1)) is not None


BYTES = Reply("", media_type="application/octet-stream", headers=HEADERS, description="All bytes.", in_parts=True)
MESSAGE = Reply(
    "Subject: hello\r\n\r\nhello\r\n",
    media_type="message/rfc822",
    headers=HEADERS,
    description="The message as it came.",
    in_parts=True,
)
BYTES_ABOUT = "Large ones can be fetched in parts: ask with Range, and with the ETag of the part before in If-Range."

OPERATIONS = (
    Operation(
        name="listArticles",
        method="GET",
        path="/tickets/{number}/articles",
        scope=Scope.READ,
        tag="articles",
        summary="List the articles of a ticket, the oldest first",
        parameters=(WITH_TEXT, *PAGING),
        run=_list,
        reply=Reply({"items": [_EXAMPLE], "next": None}, list_of(obj(_ARTICLE))),
        errors=("unknown-ticket",),
        limited=True,
    ),
    Operation(
        name="getArticle",
        method="GET",
        path="/articles/{id}",
        scope=Scope.READ,
        tag="articles",
        summary="Get one article, with all of its text",
        parameters=(WITH_TEXT, WITH_HTML),
        run=_get,
        reply=Reply(_ONE_EXAMPLE, _ONE),
        errors=("unknown-article", "unknown-source"),
        limited=True,
    ),
    Operation(
        name="getArticleSource",
        method="GET",
        path="/articles/{id}/source",
        scope=Scope.READ,
        tag="articles",
        summary="Get the message that an article came as",
        description=BYTES_ABOUT,
        run=_source,
        reply=MESSAGE,
        errors=("unknown-article", "unknown-source", "range-not-satisfiable"),
        limited=True,
    ),
    Operation(
        name="getAttachment",
        method="GET",
        path="/attachments/{id}",
        scope=Scope.READ,
        tag="articles",
        summary="Get the bytes of an attachment",
        description=BYTES_ABOUT,
        run=_attachment,
        reply=BYTES,
        errors=("unknown-attachment", "unknown-source", "range-not-satisfiable"),
        limited=True,
    ),
)
