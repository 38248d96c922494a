"""What names the queue of a new ticket, in the order in which it counts (docs/glossary.md#dispatching)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from postmaster.pipeline.choices import QueueRef
from postmaster.pipeline.context import DecisionContext, recipients
from postmaster.pipeline.decision import Decision


@dataclass(frozen=True, slots=True)
class QueueChoice:
    """A queue that something names, with the code of the reason. Without ``queue``, what it names is not to be used,
    and ``note`` says so.
    """

    queue: QueueRef | None
    reason: str = ""
    note: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def queue_choices(decision: Decision, desk: DecisionContext) -> Iterator[QueueChoice]:
    """All that names a queue for a new ticket of the message. The first one that has a queue decides; the last has."""
    wanted = decision.headers.values.get("queue")
    if wanted is not None:
        yield QueueChoice(wanted, "dispatched-by-header")
    unknown = _unknown_number(decision, desk) if desk.unknown_number_queue else None
    if unknown:
        yield QueueChoice(desk.unknown_number_queue, "unknown-number", details={"number": unknown})
    yield from _by_rules(decision, desk)
    for address in recipients(decision.message):
        if address in desk.addresses:
            yield QueueChoice(desk.addresses[address], "dispatched-by-address", details={"address": address})
    yield _default(desk, "dispatched-to-default")


def _unknown_number(decision: Decision, desk: DecisionContext) -> str | None:
    """The number in the subject, if no ticket has it or any other that is there."""
    named = [clue for clue in decision.prepared.clues.found if clue.reason == "follow-up-by-number"]
    if decision.follows or any(ticket for clue in named for ticket in desk.tickets.find(clue)):
        return None
    return next((number for clue in named for number in clue.numbers), None)


def _by_rules(decision: Decision, desk: DecisionContext) -> Iterator[QueueChoice]:
    """What the account or the pipe names."""
    rules = decision.rules
    if rules.queue_id is not None:
        queue = desk.queues.get(rules.queue_id)
        flaw = "" if queue else "The account's queue is not valid: dispatched by address instead."
        yield QueueChoice(queue, "dispatched-by-queue", flaw)
    if rules.missing_queue is not None:
        flaw = f"The pipe names the queue “{rules.missing_queue}”, which is not a valid queue."
        yield QueueChoice(None, note=flaw)
        yield _default(desk, "pipe-queue-missing")


def _default(desk: DecisionContext, reason: str) -> QueueChoice:
    if desk.default_queue:
        return QueueChoice(desk.default_queue, reason)
    return QueueChoice(desk.any_queue, "dispatched-to-any")
