"""What happens to a message, in its order (REFERENCE section 3).

A stage is a function that looks at a draft and the desk, and writes down what it found; the first one that settles an
outcome is the last. Stages decide; only ``record`` acts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from postmaster.pipeline.attributes import given_attributes, note_flaws, take_article
from postmaster.pipeline.candidate_tickets import KnownTicket
from postmaster.pipeline.context import DeskView, recipients
from postmaster.pipeline.decision import REASONS, STORM, Draft, Outcome, Prepared
from postmaster.pipeline.followup import find_ticket, follow_up
from postmaster.pipeline.x_otrs_headers import PREFIX, QueueRef, Reading, own_controls, read_controls

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
# X-OTRS headers that are named to say that they do not count.
MOST_NAMED = 10

_PREFIX = PREFIX.lower()
_LOOP_TESTS = {name.lower(): test for name, test in LOOP_TESTS.items()}


def check_loop(draft: Draft, _desk: DeskView) -> None:
    """Mark automatic mail. It still becomes a ticket or a follow-up."""
    message = draft.message
    telling = message.header_names & _LOOP_TESTS.keys()  # most mail has none
    draft.loop = any(_LOOP_TESTS[name](value) for name in telling for value in message.header_values(name))
    if draft.loop:
        draft.note("loop", "Automatic mail: marked, so that nothing answers it.")


def run_filters(draft: Draft, desk: DeskView) -> None:
    """Say which filters matched, and let X-OTRS-Loop, theirs or a trusted message's, have the last word."""
    _note_unheeded(draft)
    for trial in draft.prepared.filtered.trials:
        name = trial.filter.name
        if trial.filter.flaw:
            draft.note("filters", f"The filter “{name}” cannot be used and was skipped.", filter=name, flawed=True)
        elif trial.slow:
            draft.note("filters", f"The filter “{name}” took too long and was skipped.", filter=name, slow=True)
        else:
            sets = {control.name: control.value for control in trial.sets}
            words = ", ".join(f"{header}: {value}" for header, value in sets.items()) or "nothing"
            draft.note("filters", f"The filter “{name}” matches and sets {words}.", filter=name, sets=sets)
    loop = _reading(draft, desk).values.get("loop", draft.loop)
    if loop != draft.loop:
        draft.loop = loop
        draft.note("filters", f"X-OTRS-Loop: the message counts as {'automatic' if loop else 'written by a person'}.")


def _note_unheeded(draft: Draft) -> None:
    """Say that X-OTRS headers of an untrusted message do not count: somebody may have put them there on purpose."""
    if draft.rules.trusted or not any(name.startswith(_PREFIX) for name in draft.message.header_names):
        return
    names = [control.name[:60] for control in own_controls(draft.message.headers).values()]
    text = f"Its own X-OTRS headers do not count, since its account is not trusted: {', '.join(names[:MOST_NAMED])}."
    draft.note("headers", text)


def heed_ignore(draft: Draft, desk: DeskView) -> None:
    """Drop what X-OTRS-Ignore says is to be dropped."""
    if _reading(draft, desk).values.get("ignore"):
        draft.ticket = None
        draft.settle(Outcome.IGNORED, "ignore", "ignored")


def _reading(draft: Draft, desk: DeskView) -> Reading:
    return read_controls(draft.prepared.filtered.controls, desk.choices, followup=draft.ticket is not None)


def hold_storm(draft: Draft, desk: DeskView) -> None:
    """Put a message aside whose sender has opened too many tickets within the hour. Mail without one has one sender."""
    if desk.opened[draft.sender] >= desk.tickets_per_sender:
        draft.settle(Outcome.QUARANTINED, "storm", STORM, sender=draft.sender)


def choose_queue(draft: Draft, desk: DeskView) -> None:
    """Find the queue of a new ticket (REFERENCE section 3, "Queue of a new ticket")."""
    wanted = _reading(draft, desk).values.get("queue")
    if wanted is not None:
        _dispatch(draft, wanted, "dispatched-by-header")
        return
    if draft.rules.queue_id is not None and draft.rules.queue_id in desk.queues:
        _dispatch(draft, desk.queues[draft.rules.queue_id], "dispatched-by-queue")
        return
    if draft.rules.queue_id is not None:
        draft.note("dispatch", "The account's queue is not valid: dispatched by address instead.")
    if draft.rules.missing_queue is not None:
        draft.note("dispatch", f"The pipe names the queue “{draft.rules.missing_queue}”, which is no valid queue.")
        _dispatch_to_default(draft, desk, "pipe-queue-missing")
        return
    _dispatch_by_address(draft, desk)


def _dispatch_by_address(draft: Draft, desk: DeskView) -> None:
    for address in recipients(draft.message):
        if address in desk.addresses:
            _dispatch(draft, desk.addresses[address], "dispatched-by-address", address=address)
            return
    _dispatch_to_default(draft, desk, "dispatched-to-default")


def _dispatch_to_default(draft: Draft, desk: DeskView, reason: str) -> None:
    if desk.default_queue:
        _dispatch(draft, desk.default_queue, reason)
    else:
        _dispatch(draft, desk.any_queue, "dispatched-to-any")


def _dispatch(draft: Draft, queue: QueueRef, reason: str, **details: object) -> None:
    draft.queue, draft.reason = queue, reason
    draft.note("dispatch", f"{queue.name}: {REASONS[reason]}", reason=reason, queue=queue.name, **details)


def name_customer(draft: Draft, _desk: DeskView) -> None:
    """The sender is the customer, unless a header says otherwise."""
    sender = draft.message.from_
    if sender and sender.address:
        address = sender.address[:320]
        draft.attributes = dataclasses.replace(draft.attributes, customer_id=address, customer_user=address)


def open_ticket(draft: Draft, desk: DeskView) -> None:
    """Give the new ticket what the headers say, and let the messages behind know of it."""
    reading = _reading(draft, desk)
    note_flaws(draft, reading)
    if draft.queue is None:
        raise AssertionError("no stage chose a queue")
    draft.title = reading.values.get("title") or draft.title
    draft.attributes = given_attributes(draft, desk, draft.attributes, reading.values)
    draft.outcome = Outcome.NEW
    number = desk.tickets.next_number(desk.day)
    draft.ticket = KnownTicket(number, draft.title, draft.queue, draft.attributes)
    desk.tickets.open(draft.ticket, draft.follows)
    desk.opened[draft.sender] += 1
    take_article(draft, desk, draft.ticket, reading.values)


STAGES: tuple[Stage, ...] = (
    check_loop,
    find_ticket,
    run_filters,
    heed_ignore,
    follow_up,
    hold_storm,
    choose_queue,
    name_customer,
    open_ticket,
)

# For a message that somebody has looked at: it does not count any more how much its sender has written.
RETRY_STAGES: tuple[Stage, ...] = tuple(stage for stage in STAGES if stage is not hold_storm)

# For a message that is to have a ticket of its own, whatever it answers and however many its sender opened.
NEW_TICKET_STAGES: tuple[Stage, ...] = tuple(stage for stage in RETRY_STAGES if stage is not find_ticket)


def decide(prepared: Prepared, desk: DeskView, stages: Sequence[Stage] = STAGES) -> Draft:
    """Send a message through ``stages``. The desk then is as if the decision had been carried out."""
    draft = Draft(prepared, desk.attributes, prepared.message.subject or "(no subject)")
    for stage in stages:
        stage(draft, desk)
        if draft.outcome is not None:
            break
    return draft
