"""What is sent of an event: its document, and the message itself if an outlet asks for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.desk.models import Article, RawMail
from postmaster.desk.rawmail import unpack
from postmaster.extensions import Json
from postmaster.ledger.event_document import event_document
from postmaster.outbox.models import Event
from postmaster.outlets.models import Outlet


def raw_messages(session: Session, events: Sequence[Event]) -> Mapping[int, str]:
    """The messages that events are about, in Base64, by the ids of the events; those that are still kept."""
    articles = {event.article_id for event in events if event.article_id is not None}
    query = select(Article.id, RawMail.encoding, RawMail.data).join(RawMail, Article.raw_id == RawMail.id)
    rows = session.execute(query.where(Article.id.in_(articles)))
    found = {number: base64.b64encode(unpack(encoding, data)).decode() for number, encoding, data in rows}
    return {event.id: found[event.article_id] for event in events if event.article_id in found}


def bodies(session: Session, events: Sequence[Event], *, raw_message: bool) -> Mapping[int, str]:
    """What is sent of each event, by its id."""
    raw = raw_messages(session, events) if raw_message else {}
    return {
        event.id: json.dumps(_with_raw(document, raw.get(event.id), raw_message), ensure_ascii=False)
        for event, document in zip(events, event_document(session, events), strict=True)
    }


def _with_raw(document: Json, raw: str | None, wanted: bool) -> Json:
    return document | {"data": document["data"] | {"raw_message": raw}} if wanted else document


def body_of(session: Session, outlet: Outlet, event_id: int) -> str | None:
    """What is sent of one event to ``outlet``; None if the event is not kept any more."""
    event = session.get(Event, event_id)
    if event is None:
        return None
    return bodies(session, [event], raw_message=outlet.raw_message)[event_id]
