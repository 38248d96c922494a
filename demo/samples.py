"""The 200 sample messages: always the same bytes, as varied as what a service desk gets."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from demo import kinds
from demo.kinds import Case

SUPPORT = "support"
INVOICES = "invoices"
ORDERS_ADDRESS = "orders@shop.example"
SUPPORT_ADDRESS = "support@shop.example"
UNLINKED_ADDRESSES = ("info@shop.example", "jobs@shop.example", "press@shop.example")
INVOICES_ADDRESS = "invoices@shop.example"

# The first message was sent at this moment, and the others after it.
FIRST = datetime(2026, 3, 2, 7, 45, tzinfo=UTC)

Kind = Callable[[Case], bytes]

# How many messages of each kind stand in each mailbox.
PLAN: dict[str, tuple[tuple[Kind, int], ...]] = {
    SUPPORT: (
        (kinds.plain, 29),
        (kinds.html_and_plain, 22),
        (kinds.with_attachments, 10),
        (kinds.inline_image, 8),
        (kinds.german, 8),
        (kinds.reply, 8),
        (kinds.newsletter, 8),
        (kinds.latin1, 6),
        (kinds.japanese, 5),
        (kinds.raw_8bit_header, 4),
        (kinds.nested, 4),
        (kinds.forwarded, 4),
        (kinds.winmail, 3),
        (kinds.html_only, 3),
        (kinds.twin, 2),
        (kinds.rfc2231_name, 2),
        (kinds.missing_date, 2),
        (kinds.unknown_charset, 1),
        (kinds.no_headers, 1),
        (kinds.malformed, 1),
        (kinds.no_body, 1),
        (kinds.empty, 1),
    ),
    INVOICES: (
        (kinds.invoice, 38),
        (kinds.plain, 10),
        (kinds.html_and_plain, 7),
        (kinds.german, 5),
        (kinds.bounce, 2),
        (kinds.only_attachment, 2),
        (kinds.winmail, 1),
        (kinds.japanese, 1),
        (kinds.uuencoded, 1),
    ),
}


@dataclass(frozen=True)
class Sample:
    """A sample message: the mailbox it belongs into, its kind, its bytes."""

    mailbox: str
    kind: str
    raw: bytes

    @property
    def sha256(self) -> str:
        """What the message is known by: hex digest of its bytes. Two samples are the same on purpose."""
        return hashlib.sha256(self.raw).hexdigest()


def samples() -> list[Sample]:
    """All 200, in the order in which they arrive."""
    return [sample for mailbox in PLAN for sample in _of_mailbox(mailbox)]


def _of_mailbox(mailbox: str) -> Iterator[Sample]:
    chance = random.Random(mailbox)  # noqa: S311 - the same each time, on purpose
    drawn = [kind for kind, count in PLAN[mailbox] for _ in range(count)]
    chance.shuffle(drawn)
    for number, kind in enumerate(drawn, start=1):
        yield Sample(mailbox, kind.__name__, kind(_case(mailbox, number, chance)))


def _case(mailbox: str, number: int, chance: random.Random) -> Case:
    minutes = number * 37 + chance.randrange(30)
    return Case(
        chance=chance,
        number=number,
        mailbox=mailbox,
        to=INVOICES_ADDRESS if mailbox == INVOICES else _recipient(chance),
        date=format_datetime(FIRST + timedelta(minutes=minutes)),
    )


def _recipient(chance: random.Random) -> str:
    pool = [ORDERS_ADDRESS] * 4 + [SUPPORT_ADDRESS] * 5 + list(UNLINKED_ADDRESSES)
    return chance.choice(pool)
