"""What the stages need to know of the desk, read once a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue, SystemAddress
from postmaster.desk.tickets import TicketAttributes
from postmaster.intake.decision import QueueRef
from postmaster.intake.parse.addresses import parse_addresses
from postmaster.intake.parse.message import Address, ParsedMessage
from postmaster.system.list_settings import DEFAULT_PRIORITY, DEFAULT_STATE, DEFAULT_TYPE
from postmaster.system.models import Validity
from postmaster.system.settings import DEFAULT_QUEUE, get_setting

# Where a recipient may stand, in the order in which they are asked (REFERENCE section 3, "Queue of a new ticket").
RECIPIENT_FIELDS = ("Resent-To", "Envelope-To", "To", "Cc", "Delivered-To", "X-Original-To")


@dataclass(frozen=True)
class DeskView:
    """The desk at the moment of a batch. ``queues`` are the valid ones; ``addresses`` those its messages name."""

    queues: dict[int, QueueRef]
    addresses: dict[str, QueueRef]
    default_queue: QueueRef | None
    attributes: TicketAttributes

    @property
    def any_queue(self) -> QueueRef:
        """The valid queue that was made first. Mail is never lost to a setting that points nowhere."""
        return self.queues[min(self.queues)]


def view_desk(session: Session, messages: Sequence[ParsedMessage]) -> DeskView:
    """Read what is needed to decide about ``messages``: a fixed number of queries, however many there are."""
    valid = select(Queue.id, Queue.name).where(Queue.validity == Validity.VALID)
    queues = {row.id: QueueRef(row.id, row.name) for row in session.execute(valid)}
    by_name = {queue.name: queue for queue in queues.values()}
    return DeskView(
        queues=queues,
        addresses=_linked(session, {address for message in messages for address in recipients(message)}, queues),
        default_queue=by_name.get(get_setting(session, DEFAULT_QUEUE)),
        attributes=TicketAttributes(
            priority=get_setting(session, DEFAULT_PRIORITY),
            state=get_setting(session, DEFAULT_STATE),
            type=get_setting(session, DEFAULT_TYPE),
        ),
    )


def recipients(message: ParsedMessage) -> list[str]:
    """The addresses that the message was sent to, in lower case, in the order in which they are asked."""
    return [found.address.lower() for name in RECIPIENT_FIELDS for found in _addresses(message, name)]


def _addresses(message: ParsedMessage, name: str) -> Iterable[Address]:
    if name == "To":
        return message.to
    if name == "Cc":
        return message.cc
    return (found for value in message.header_values(name) for found in parse_addresses(value))


def _linked(session: Session, wanted: Iterable[str], queues: dict[int, QueueRef]) -> dict[str, QueueRef]:
    addresses = sorted(wanted)
    linked: dict[str, QueueRef] = {}
    for start in range(0, len(addresses), 500):  # databases limit the values of one statement
        rows = session.execute(
            select(SystemAddress.address, SystemAddress.queue_id).where(
                SystemAddress.address.in_(addresses[start : start + 500]),
                SystemAddress.validity == Validity.VALID,
                SystemAddress.queue_id.in_(queues),
            )
        )
        linked.update((row.address, queues[row.queue_id]) for row in rows)
    return linked
