"""What did not match: filters, tickets and queues that a message was held against in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from postmaster.ledger.models import InboundMail
from postmaster.ledger.obstacles import Obstacle, beaten_choice, filter_obstacle, named_obstacle
from postmaster.ledger.replay import Replay, replay


def missed(session: Session, mail: InboundMail, zone: ZoneInfo) -> Sequence[Obstacle] | None:
    """What did not match or came too late, in the order of the stages, as things stand now.

    None if the source of the message is not kept, or cannot be read.
    """
    found = replay(session, mail, zone)
    return None if found is None else list(_all(found))


def _all(found: Replay) -> Iterator[Obstacle]:
    yield from filter(None, map(filter_obstacle, found.attempts))
    winner = next((named for named in found.named if not named.why_not), None)
    yield from filter(None, (named_obstacle(named, winner) for named in found.named))
    usable = [(choice, choice.queue) for choice in found.choices if choice.queue is not None]
    yield from (beaten_choice(found, choice, queue, usable[0]) for choice, queue in usable[1:])
