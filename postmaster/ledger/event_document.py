"""An event as other programs get it: with what it is about, as that is now, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from postmaster.accounts.columns import label_column
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.desk.models import Attachment, Ticket
from postmaster.desk.ticket_events import UNTOLD, fields_of
from postmaster.desk.ticket_view import ArticleView, articles_by_id
from postmaster.extensions import Json
from postmaster.ledger.models import InboundMail
from postmaster.ledger.trace import MailTrace, traces
from postmaster.outbox.models import Event
from postmaster.pipeline.decision import REASONS

# Where the API has what an event is about.
API = "/api/v1"

_ATTACHMENT = ("id", "filename", "content_type", "content_id", "inline", "size", "sha256")


@dataclass(frozen=True)
class _Subjects:
    """What some events are about, by id, as far as it is still there."""

    tickets: Mapping[int, Ticket]
    articles: Mapping[int, ArticleView]
    mail: Mapping[int, MailTrace]
    accounts: Mapping[int, Any]


def event_document(session: Session, events: Sequence[Event]) -> list[Json]:
    """The body of each event (docs/outlets.md#events). What was erased meanwhile is null."""
    subjects = _subjects(session, events)
    return [
        {
            "id": event.key,
            "type": event.type.value,
            "timestamp": event.created_at.isoformat(),
            "sequence": event.id,
            "data": _data(event, subjects),
        }
        for event in events
    ]


def _subjects(session: Session, events: Sequence[Event]) -> _Subjects:
    def ids(name: str) -> set[int]:
        return {getattr(event, name) for event in events} - {None}

    tickets = session.scalars(select(Ticket).where(Ticket.id.in_(ids("ticket_id"))))
    mail = traces(session, InboundMail.id.in_(ids("inbound_id")))
    told = [event for event in events if event.type.is_of_account]
    accounts = (
        session.execute(_ACCOUNTS.where(MailAccount.id.in_({event.account_id for event in told}))) if told else ()
    )
    return _Subjects(
        {ticket.id: ticket for ticket in tickets},
        articles_by_id(session, ids("article_id")),
        {trace.mail.id: trace for trace in mail},
        {row.id: row for row in accounts},
    )


_ACCOUNTS = (
    select(
        MailAccount.id,
        label_column().label("label"),
        AccountState.error_code,
        AccountState.error_message,
        AccountState.error_advice,
    )
    .outerjoin(Credential, Credential.id == MailAccount.credential_id)
    .outerjoin(AccountState, AccountState.account_id == MailAccount.id)
)


def _data(event: Event, subjects: _Subjects) -> Json:
    if event.type.is_of_account:
        account = subjects.accounts.get(event.account_id or 0)
        return {"account": _account(account), **event.data, **_error(event, account), "links": _links(account=account)}
    ticket, article = subjects.tickets.get(event.ticket_id or 0), subjects.articles.get(event.article_id or 0)
    trace = subjects.mail.get(event.inbound_id or 0)
    data: Json = {
        "ticket": _ticket(ticket) if ticket else None,
        "article": _article(article) if article else None,
        "mail": _mail(event, trace) if trace else None,
        "decisions": trace.mail.trace if trace else [],
    }
    if changes := event.data.get("changes"):
        data["changes"] = _changes(changes, data["ticket"])
    return {**data, "links": _links(ticket=ticket, article=article, trace=trace)}


def _ticket(ticket: Ticket) -> Json:
    moments = {"created": ticket.created_at.isoformat(), "changed": ticket.changed_at.isoformat()}
    return {"number": ticket.number, **fields_of(ticket), **moments}


def _article(article: ArticleView) -> Json:
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
        "text": article.text,
        "text_length": article.length,
        "attachments": [_attachment(each) for each in article.attachments],
    }


def _attachment(attachment: Attachment) -> Json:
    facts = {name: getattr(attachment, name) for name in _ATTACHMENT}
    return {**facts, "link": f"{API}/attachments/{attachment.id}"}


def _mail(event: Event, trace: MailTrace) -> Json:
    """The message; why it was ignored or held is what was so then, not what became of it later."""
    reason = event.data.get("reason", trace.mail.reason)
    return {**trace.as_json(), "reason": reason, "explanation": REASONS.get(reason, "")}


def _changes(changes: Json, ticket: Json | None) -> Json:
    """The changed fields; those whose values are not kept have what the ticket has now."""
    return {
        name: [None, ticket[name] if ticket else None] if name in UNTOLD else values for name, values in changes.items()
    }


def _account(account: Row[Any] | None) -> Json | None:
    return {"id": account.id, "label": account.label} if account else None


def _error(event: Event, account: Row[Any] | None) -> Json:
    """What is wrong in words, as long as it is still what is wrong."""
    if "code" not in event.data:
        return {}
    still = account is not None and account.error_code == event.data["code"]
    words = {"message": account.error_message, "advice": account.error_advice} if account and still else {}
    return {"message": None, "advice": None, **words}


def _links(
    ticket: Ticket | None = None,
    article: ArticleView | None = None,
    trace: MailTrace | None = None,
    account: Row[Any] | None = None,
) -> Json:
    """Where the API has each, as far as it is still there."""
    links = {
        "ticket": ticket and f"tickets/{ticket.number}",
        "article": article and f"articles/{article.id}",
        "source": article and f"articles/{article.id}/source",
        "mail": trace and f"mail/{trace.mail.id}",
        "quarantine": trace and trace.quarantine_id and f"quarantine/{trace.quarantine_id}",
        "account": account and f"accounts/{account.id}",
    }
    return {name: f"{API}/{path}" for name, path in links.items() if path}
