"""What happens to a message, in its order (REFERENCE section 3).

A stage is a function that looks at a draft and the desk, and writes down what it found. Stages decide; only
``record`` acts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from postmaster.intake.decision import REASONS, Draft, QueueRef, Rules
from postmaster.intake.desk_view import DeskView, recipients
from postmaster.intake.parse.message import ParsedMessage

Stage = Callable[[Draft, DeskView], None]


def _always(_value: str) -> bool:
    return True


# Which values of which header fields make a message automatic (REFERENCE section 3, "Loop"; RFC 3834 section 5).
LOOP_TESTS: dict[str, Callable[[str], bool]] = {
    "Mailing-List": _always,
    "List-Id": _always,
    "X-Loop": _always,
    "X-No-Loop": _always,
    "X-Auto-Response-Suppress": _always,
    "Precedence": lambda value: value.strip().lower() in ("bulk", "list", "junk"),
    "Auto-Submitted": lambda value: value.partition(";")[0].strip().lower() not in ("", "no"),
    "Return-Path": lambda value: value.strip() == "<>",
}


def decide(message: ParsedMessage, rules: Rules, desk: DeskView) -> Draft:
    """Send ``message`` through all stages."""
    draft = Draft(message, rules, desk.attributes)
    for stage in STAGES:
        stage(draft, desk)
    return draft


def check_loop(draft: Draft, _desk: DeskView) -> None:
    """Mark automatic mail. It still becomes a ticket."""
    draft.loop = any(test(value) for name, test in LOOP_TESTS.items() for value in draft.message.header_values(name))
    if draft.loop:
        draft.note("loop", "Automatic mail: marked, so that nothing answers it.")


def choose_queue(draft: Draft, desk: DeskView) -> None:
    """Find the queue of a new ticket (REFERENCE section 3, "Queue of a new ticket")."""
    if draft.rules.queue_id is not None and draft.rules.queue_id in desk.queues:
        _dispatch(draft, desk.queues[draft.rules.queue_id], "dispatched-by-queue")
        return
    if draft.rules.queue_id is not None:
        draft.note("dispatch", "The account's queue is not valid: dispatched by address instead.")
    for address in recipients(draft.message):
        if address in desk.addresses:
            _dispatch(draft, desk.addresses[address], "dispatched-by-address", address=address)
            return
    if desk.default_queue:
        _dispatch(draft, desk.default_queue, "dispatched-to-default")
    else:
        _dispatch(draft, desk.any_queue, "dispatched-to-any")


def name_customer(draft: Draft, _desk: DeskView) -> None:
    """The sender is the customer."""
    sender = draft.message.from_
    if sender and sender.address:
        address = sender.address[:320]
        draft.attributes = dataclasses.replace(draft.attributes, customer_id=address, customer_user=address)


def _dispatch(draft: Draft, queue: QueueRef, reason: str, **details: object) -> None:
    draft.queue, draft.reason = queue, reason
    draft.note("dispatch", f"{queue.name}: {REASONS[reason]}", reason=reason, queue=queue.name, **details)


STAGES: tuple[Stage, ...] = (check_loop, choose_queue, name_customer)
