"""The kinds of outlets as a table: what each is called, and how long it may take to take an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from postmaster.outbox.models import EventType

EVENTS: Mapping[EventType, str] = {
    EventType.TICKET_CREATED: "A message became a new ticket.",
    EventType.ARTICLE_ADDED: "A message was added to a ticket that was there already.",
    EventType.TICKET_CHANGED: "A ticket was moved, got another state or other attributes, or was merged.",
    EventType.MAIL_QUARANTINED: "A message could not become a ticket, and waits in quarantine.",
    EventType.MAIL_IGNORED: "A message was taken and became no ticket, as its rules say.",
    EventType.ACCOUNT_FAILING: "A mail account cannot be fetched any more.",
    EventType.ACCOUNT_RECOVERED: "A mail account is fetched again.",
}


class OutletKind(StrEnum):
    """How an outlet hands events over."""

    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class OutletKindSpec:
    """A kind: its label, a sentence about it, and the seconds that one delivery may take, however slow the receiver.

    How it sends is in ``outlets.senders``.
    """

    kind: OutletKind
    label: str
    meaning: str
    seconds: float


OUTLET_KINDS: Mapping[OutletKind, OutletKindSpec] = {
    spec.kind: spec
    for spec in (
        OutletKindSpec(
            OutletKind.WEBHOOK,
            "Webhook",
            "Each event is posted to an address as JSON, signed as Standard Webhooks says.",
            seconds=20.0,
        ),
    )
}
