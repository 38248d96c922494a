"""Messages and decisions in the form that ``--json`` prints and articles keep (docs/reference.md#json)."""

from __future__ import annotations

from postmaster.extensions import Json, iso
from postmaster.parsing.message import Address, ParsedMessage
from postmaster.pipeline.decision import Decision


def describe_header(message: ParsedMessage) -> Json:
    """The fields of the header that people look at."""
    return {
        "subject": message.subject,
        "from": _address(message.from_) if message.from_ else None,
        "to": [_address(address) for address in message.to],
        "cc": [_address(address) for address in message.cc],
        "reply_to": [_address(address) for address in message.reply_to],
        "date": iso(message.date),
        "message_id": message.message_id,
        "in_reply_to": list(message.in_reply_to),
        "references": list(message.references),
    }


def describe_message(message: ParsedMessage) -> Json:
    """The whole message: header, text, HTML as it came, attachments without their content."""
    attachments = [
        {
            "filename": part.filename,
            "content_type": part.content_type,
            "content_id": part.content_id,
            "size": part.size,
            "sha256": part.sha256,
        }
        for part in message.attachments
    ]
    return {**describe_header(message), "text": message.text, "html": message.html, "attachments": attachments}


def describe_decision(decision: Decision) -> Json:
    """What was decided, and how it came to that."""
    return {
        "outcome": decision.decided.value,
        "reason": decision.reason,
        "queue": decision.queue.name if decision.queue else None,
        "title": decision.title,
        "attributes": _attributes(decision),
        "loop": decision.loop,
        "automatic": decision.automatic,
        "sender_verdict": decision.prepared.verdict.as_json(),
        "trace": decision.trace,
    }


def _attributes(decision: Decision) -> Json:
    """What the ticket has, and the article; nothing where there is no ticket."""
    if decision.ticket is None:
        return {}
    follows = [decision.follows.number] if decision.follows else []
    same = [ticket.number for ticket in decision.same_message if ticket is not decision.ticket]
    article = {
        "sender_type": decision.sender_type.value,
        "visible": decision.visible,
        "article_fields": decision.article_fields,
    }
    return {**decision.attributes.as_json(), "follows": follows, "same_message": same, **article}


def _address(address: Address) -> Json:
    return {"name": address.name, "address": address.address}
