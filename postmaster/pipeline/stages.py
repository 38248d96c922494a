"""What happens to a message, in its order (docs/glossary.md#what-happens-to-a-message).

A stage is a function that looks at a draft and the desk, and writes down what it found; the first one that settles an
outcome is the last. Stages decide; only ``record`` acts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from postmaster.accounts.models import Trust
from postmaster.desk.models import ForwardCustomer, LinkKind
from postmaster.parsing.address_key import address_key
from postmaster.pipeline.attributes import given_attributes, note_flaws, read_headers, take_article
from postmaster.pipeline.candidate_tickets import CandidateTicket
from postmaster.pipeline.choices import QueueRef
from postmaster.pipeline.context import DecisionContext
from postmaster.pipeline.decision import REASONS, STORM, Decision, Prepared
from postmaster.pipeline.followup import check_follow_up, doubt_follow_up, follow_up, sender_fails
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.queue_choices import queue_choices
from postmaster.pipeline.threads import CONTENT_KEY
from postmaster.pipeline.ticket_numbers import clean_title
from postmaster.pipeline.verdict import CHECKED_HERE, Finding
from postmaster.pipeline.x_otrs_headers import OTOBO_PREFIX, PREFIX, own_controls

Stage = Callable[[Decision, DecisionContext], None]


# Tickets, and X-OTRS headers, that are named in a line of the trace; the latter to say that they do not count.
MAX_NAMED = 10

_PREFIXES = (PREFIX.lower(), OTOBO_PREFIX.lower())


def check_loop(decision: Decision, _desk: DecisionContext) -> None:
    """Mark what nothing may answer, and what a machine wrote. It still becomes a ticket or a follow-up."""
    marks = decision.prepared.marks
    decision.loop, decision.automatic = marks.loop, marks.automatic
    if marks.automatic:
        decision.note("loop", "A machine wrote it: marked, so that nothing answers it, and it reopens no ticket.")
    elif marks.loop:
        decision.note("loop", "It came through a list, or says so itself: marked, so that nothing answers it.")


def tell_verdict(decision: Decision, _desk: DecisionContext) -> None:
    """Say what a trusted server has found out about the sender."""
    verdict = decision.prepared.verdict
    if not verdict.is_told:
        return
    told = {Finding.PASS: "is proven", Finding.NONE: "is not proven", Finding.FAIL: "is not who it says"}
    who = "PostMaster" if verdict.server == CHECKED_HERE else verdict.server
    text = f"The sender, of {verdict.domain or 'no domain'}, {told[verdict.verdict]}, as {who} has found: "
    decision.note("sender", f"{text}{verdict.summary}.", verdict=verdict.verdict.value, domain=verdict.domain)


def trace_filters(decision: Decision, _desk: DecisionContext) -> None:
    """Say which filters matched, and let X-OTRS-Loop, theirs or a trusted message's, have the last word."""
    _note_unheeded(decision)
    for trial in decision.prepared.filtered.trials:
        name = trial.filter.name
        if trial.filter.flaw:
            decision.note("filters", f"The filter “{name}” cannot be used and was skipped.", filter=name, flawed=True)
        elif trial.slow:
            decision.note("filters", f"The filter “{name}” took too long and was skipped.", filter=name, slow=True)
        else:
            sets = {control.name: control.value for control in trial.sets}
            words = ", ".join(f"{header}: {value}" for header, value in sets.items()) or "nothing"
            decision.note("filters", f"The filter “{name}” matches and sets {words}.", filter=name, sets=sets)
    loop = decision.headers.values.get("loop")
    if loop is not None and (loop, loop) != (decision.loop, decision.automatic):
        decision.loop = decision.automatic = loop
        decision.note(
            "filters", f"X-OTRS-Loop: the message counts as {'automatic' if loop else 'written by a person'}."
        )


def _note_unheeded(decision: Decision) -> None:
    """Say that X-OTRS headers of an untrusted message do not count: somebody may have put them there on purpose."""
    if decision.prepared.believed or not any(name.startswith(_PREFIXES) for name in decision.message.header_names):
        return
    names = [control.name[:60] for control in own_controls(decision.message.headers).values()]
    named = ", ".join(names[:MAX_NAMED])
    decision.note("headers", f"Its own X-OTRS headers do not count, since {_DISBELIEF[decision.rules.trust]}: {named}.")


_DISBELIEF = {Trust.NO: "its account is not trusted", Trust.PROVEN: "its account trusts proven senders only"}


def apply_ignore(decision: Decision, _desk: DecisionContext) -> None:
    """Drop what X-OTRS-Ignore says is to be dropped."""
    if decision.headers.values.get("ignore"):
        decision.ticket = None
        decision.settle(Outcome.IGNORED, "ignore", "ignored")


def note_same_message(decision: Decision, desk: DecisionContext) -> None:
    """Check whether the message has come before, through another account or address."""
    keys = decision.prepared.clues.keys.own
    message_id = decision.message.message_id
    decision.same_message = [*desk.tickets.holding(message_id)] if message_id else []
    content = next((key for key in keys if key.startswith(CONTENT_KEY)), "")
    for ticket in desk.tickets.holding(content) if content else ():
        decision.ticket, decision.follows = ticket, None
        decision.queue, decision.title, decision.attributes = ticket.queue, ticket.title, ticket.attributes
        decision.settle(Outcome.IGNORED, "same-message", "same-message", ticket=ticket.number)
        return
    others = [ticket.number for ticket in decision.same_message if ticket is not decision.ticket]
    if others:
        named = ", ".join(others[:MAX_NAMED])
        decision.note(
            "same-message", f"A message with its Message-ID came before: {named}.", tickets=others[:MAX_NAMED]
        )


def hold_failed_sender(decision: Decision, desk: DecisionContext) -> None:
    """Put a message aside whose sender is not genuine, if OnSenderFail asks for that."""
    if desk.on_sender_fail == "quarantine" and sender_fails(decision):
        decision.ticket = None
        decision.settle(Outcome.QUARANTINED, "sender", "sender-fails")


def limit_sender_rate(decision: Decision, desk: DecisionContext) -> None:
    """Put a message aside whose sender has opened too many tickets within the hour.

    Mail without any sender is from anybody, so it has no limit in common.
    """
    if decision.sender and desk.opened[decision.sender] >= desk.tickets_per_sender:
        decision.settle(Outcome.QUARANTINED, "storm", STORM, sender=decision.sender)


def choose_queue(decision: Decision, desk: DecisionContext) -> None:
    """Find the queue of a new ticket (docs/glossary.md#dispatching)."""
    for choice in queue_choices(decision, desk):
        if choice.queue is not None:
            _dispatch(decision, choice.queue, choice.reason, **choice.details)
            return
        decision.note("dispatch", choice.note)


def _dispatch(decision: Decision, queue: QueueRef, reason: str, **details: object) -> None:
    decision.queue, decision.reason = queue, reason
    decision.note("dispatch", f"{queue.name}: {REASONS[reason]}", reason=reason, queue=queue.name, **details)


def take_forwarded_sender(decision: Decision, desk: DecisionContext) -> None:
    """Take the original sender of a forward for its writer, if the queue says so."""
    found, queue = decision.prepared.forwarded, decision.queue
    if found is None or queue is None or queue.customer_of_forward is not ForwardCustomer.ORIGINAL_SENDER:
        return
    if not desk.is_own(found.key, decision.rules):
        by = decision.writer.address or "somebody without an address"
        decision.writer = found
        text = f"{found.address} is the customer, by {found.field}: {by} has forwarded it, as {queue.name} expects."
        decision.note("customer", text, queue=queue.name)


def set_customer(decision: Decision, desk: DecisionContext) -> None:
    """Who wrote it is the customer, unless a header says otherwise. The desk's own address never is."""
    writer = decision.writer
    if writer.is_desk:
        text = f"It is from {writer.address}, an address of the desk, and names nobody else: it has no customer."
        decision.note("customer", text)
    elif writer.key:
        address = writer.address
        number = address if desk.numbers_unknown_customers else None
        decision.attributes = dataclasses.replace(decision.attributes, customer_id=number, customer_user=address)
        sender = decision.message.from_
        if writer is not decision.prepared.forwarded and writer.key != (address_key(sender.address) if sender else ""):
            text = f"{address} is the customer, by {writer.field}: {_why_not_from(decision)}."
            decision.note("customer", text, field=writer.field)
        _look_up_customer(decision, desk)


def _look_up_customer(decision: Decision, desk: DecisionContext) -> None:
    """Take login and number from the customer directory, if it has the writer or his domain."""
    entry = desk.customers.get(decision.writer.key)
    if entry is None:
        return
    number = entry.number or decision.attributes.customer_id
    decision.attributes = dataclasses.replace(decision.attributes, customer_id=number, customer_user=entry.login)
    text = f"The customer directory has {entry.address}: the customer is {entry.login}, number {number or 'none'}."
    decision.note("customer", text, entry=entry.address)


def _why_not_from(decision: Decision) -> str:
    sender = decision.message.from_
    if sender is None or not sender.address:
        return "From has no address"
    return f"{sender.address} in From stands for a list or for the desk itself"


def open_ticket(decision: Decision, desk: DecisionContext) -> None:
    """Give the new ticket what the headers say, and let the messages behind know of it."""
    note_flaws(decision)
    values = decision.headers.values
    if decision.queue is None:
        raise AssertionError("no stage chose a queue")
    decision.title = values.get("title") or decision.title
    decision.attributes = given_attributes(decision, desk, decision.attributes, values)
    decision.outcome = Outcome.NEW
    number = desk.tickets.next_number(desk.day)
    decision.ticket = CandidateTicket(number, decision.title, decision.queue, decision.attributes)
    desk.tickets.open(decision.ticket, decision.follows if decision.follows_as is LinkKind.FOLLOW_UP else None)
    desk.opened[decision.sender] += 1
    take_article(decision, desk, decision.ticket, values)


STAGES: tuple[Stage, ...] = (
    check_loop,
    tell_verdict,
    check_follow_up,
    doubt_follow_up,
    read_headers,
    trace_filters,
    apply_ignore,
    hold_failed_sender,
    note_same_message,
    follow_up,
    limit_sender_rate,
    choose_queue,
    take_forwarded_sender,
    set_customer,
    open_ticket,
)

# For a message that somebody has looked at: neither who its sender is counts any more, nor how much he has written.
RETRY_STAGES: tuple[Stage, ...] = tuple(
    stage for stage in STAGES if stage not in (limit_sender_rate, hold_failed_sender, doubt_follow_up)
)

# For a message that is to have a ticket of its own, whatever it answers and however many its sender opened.
NEW_TICKET_STAGES: tuple[Stage, ...] = tuple(
    stage for stage in RETRY_STAGES if stage not in (check_follow_up, note_same_message)
)


def undecided(prepared: Prepared, desk: DecisionContext) -> Decision:
    """What the first stage begins with."""
    title = clean_title(prepared.message.subject, desk.hook)
    return Decision(prepared, desk.attributes, title, writer=desk.writer_of(prepared))


def decide(prepared: Prepared, desk: DecisionContext, stages: Sequence[Stage] = STAGES) -> Decision:
    """Send a message through ``stages``. The desk then is as if the decision had been carried out."""
    decision = undecided(prepared, desk)
    for stage in stages:
        stage(decision, desk)
        if decision.outcome is not None:
            break
    return decision
