"""The kinds of outlets as a table: what each is called, and how long it may take to take an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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
