"""A ledger of any size, filled by the functions that record mail, but without tickets and raw mail."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy.orm import Session

from postmaster.bulk import insert_rows
from postmaster.database import transaction
from postmaster.extensions import Json
from postmaster.ledger.envelope import Envelope
from postmaster.ledger.models import Deletion, InboundMail
from postmaster.ledger.search_index import terms_of, write_terms
from postmaster.pipeline.outcome import Outcome

WORDS = """
invoice order delivery late broken printer refund parcel question urgent offer meeting password account
login return address change missing wrong damaged price contract renewal cancel subscription support
ticket server backup certificate network mailbox upgrade release report holiday travel room projector
keyboard monitor cable
""".split()  # noqa: SIM905 - a list of words reads better so
OURS = tuple(f"{name}@shop.example" for name in ("support", "orders", "billing", "returns"))
FIRST = datetime(2020, 1, 1, tzinfo=UTC)

# Rows that are written in one transaction: sorted together, they touch each page of the index once.
BATCH = 20_000

# A message every so many is this one sender's, and one in all is this other one's, about as old as half of them.
SELDOM, SELDOM_SENDER, ONCE_SENDER = 5_000, "seldom@rare.example", "once@lonely.example"


def entries(count: int, first: int = 0) -> Iterator[Json]:
    """``count`` rows of a ledger, a minute apart; the same for the same numbers."""
    for number in range(first, first + count):
        chance = random.Random(number)
        sender = f"{chance.choice(WORDS)}.{int(chance.paretovariate(0.7))}@{chance.choice(WORDS)}.example"
        if number % SELDOM == SELDOM // 2:
            sender = SELDOM_SENDER
        if number == count // 2:
            sender = ONCE_SENDER
        envelope = Envelope(
            sender=sender,
            sender_name=f"{chance.choice(WORDS).title()} {chance.choice(WORDS).title()}",
            recipients=(chance.choice(OURS),),
            subject=" ".join((*chance.choices(WORDS, k=chance.randint(3, 7)), str(number))),
            message_id=f"{number}.{chance.getrandbits(64):x}@{sender.partition('@')[2]}",
        )
        yield {
            **envelope.as_row(),
            "label": f"{envelope.recipients[0].partition('@')[0]}@imap.shop.example",
            "identity": f"imap:1:{number}",
            "occurrence": 0,
            "sha256": number.to_bytes(32, "big"),
            "size": 45_000,
            "outcome": Outcome.QUARANTINED if number % 1000 == 0 else Outcome.NEW,
            "verdict": {"verdict": "fail" if number % 100 == 0 else "pass"} if number % 2 == 0 else None,
            "reason": "dispatched-by-address",
            "trace": [{"stage": "dispatch", "text": "Sales", "reason": "dispatched-by-address", "queue": "Sales"}],
            "recorded_at": FIRST + timedelta(minutes=number),
            "deletion": Deletion.CONFIRMED,
        }


def fill(count: int) -> None:
    """Write ``count`` rows into the empty ledger of the app's database."""
    rows = entries(count)
    while batch := list(islice(rows, BATCH)):
        with transaction() as session:
            enter(session, batch)


def enter(session: Session, rows: list[Json]) -> None:
    """Write rows with their terms, as ``record`` does."""
    ids = insert_rows(session, InboundMail, rows)
    write_terms(session, zip(ids, (terms_of(row, 1) for row in rows), strict=True))
