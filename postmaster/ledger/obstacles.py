"""What stood against a queue, a filter or a ticket, in the words of the conditions and choices that decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from postmaster.desk.models import Queue
from postmaster.extensions import Json
from postmaster.ledger.filter_trial import NOT_ITS_ACCOUNT, FilterTrial
from postmaster.ledger.replay import Replay
from postmaster.pipeline.choices import QueueRef
from postmaster.pipeline.decision import REASONS
from postmaster.pipeline.filters.matching import Tried
from postmaster.pipeline.filters.patterns import HeaderAssignment
from postmaster.pipeline.followup import NamedTicket
from postmaster.pipeline.queue_choices import QueueChoice
from postmaster.pipeline.ticket_numbers import Hook
from postmaster.pipeline.x_otrs_headers import HEADERS, Controls
from postmaster.system.settings import FOLLOWUP_IN_BODY

# Characters of a value that is shown.
MAX_SHOWN = 200


class ObstacleKind(StrEnum):
    """What kind of thing stood against it."""

    CONDITION = "condition"
    VALUE = "value"
    ORDER = "order"
    VALIDITY = "validity"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that stood against what was asked for, in a sentence. ``details`` has what it is about, by name."""

    kind: ObstacleKind
    text: str
    details: Json = field(default_factory=dict)

    def as_json(self) -> Json:
        """The form that ``--json`` prints."""
        return {"kind": self.kind.value, "text": self.text, **self.details}


# The headers that set the queue, of a new ticket or of a follow-up, in lower case.
_QUEUE_HEADERS = {
    name.lower()
    for header in HEADERS
    if header.attribute == "queue"
    for late in (False, True)
    for name in header.names(followup=late)
}

# What names a queue, by the code of the reason, in words that begin a sentence or go on with one.
_NAMED_BY = {
    "dispatched-by-header": "the header X-OTRS-Queue, set by {source}",
    "unknown-number": "UnknownTicketNumberQueue, because the subject has the unknown ticket number {number}",
    "dispatched-by-queue": "the account, which sends all its mail to one queue",
    "dispatched-by-address": "the address {address}",
    "dispatched-to-default": "PostmasterDefaultQueue",
    "pipe-queue-missing": "PostmasterDefaultQueue, because the pipe's queue is not valid",
    "dispatched-to-any": "that it is the first valid queue",
}


def filter_obstacle(attempt: FilterTrial) -> Obstacle | None:
    """What stood against the filter; None if it matched."""
    trial, each = attempt.trial, attempt.trial.filter
    about: Json = {"filter": each.name}
    if attempt.why_not:
        kind = ObstacleKind.VALUE if attempt.why_not == NOT_ITS_ACCOUNT else ObstacleKind.ORDER
        return Obstacle(kind, f"The filter “{each.name}” was not tried. {attempt.why_not}", about)
    if each.flaw:
        return Obstacle(ObstacleKind.VALIDITY, f"The filter “{each.name}” cannot be used: {each.flaw}", about)
    if trial.slow:
        return Obstacle(ObstacleKind.CONDITION, f"The filter “{each.name}” took too long and was skipped.", about)
    unmet = next((tried for tried in trial.tried if not tried.matched), None)
    return _unmet(each.name, unmet) if unmet else None


def _unmet(name: str, tried: Tried) -> Obstacle:
    condition = tried.condition
    must = "must not match" if condition.negate else "must match"
    about: Json = {"filter": name, "header": condition.header, "must": must, "pattern": condition.text}
    value = tried.found if condition.negate else " · ".join(tried.values)
    if tried.values:
        what = f"but has “{shown(value)}”"
    else:
        what = "but the message has no such header, which counts as an empty one"
    text = f"The filter “{name}” does not match: {condition.header} {must} “{condition.text}”, {what}."
    return Obstacle(ObstacleKind.CONDITION, text, {**about, "value": shown(value) if tried.values else None})


def shown(value: str) -> str:
    """``value`` cut to what fits into a sentence."""
    return value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…"


def leads_into(assignments: Iterable[HeaderAssignment], queue: Queue) -> bool:
    """Whether one of them sets ``queue``, or may, because what it sets is captured in the message."""
    names = {queue.name, str(queue.number or queue.id)}
    return any(
        each.header.lower() in _QUEUE_HEADERS and (each.value in names or "[**" in each.value) for each in assignments
    )


def beaten_queue(found: Replay, queue: Queue) -> Iterator[Obstacle]:
    """What names ``queue`` too, and comes too late."""
    usable = [(choice, choice.queue) for choice in found.choices if choice.queue is not None]
    other = next((choice for choice, named in usable if named.id == queue.id), None)
    if other is not None and other is not usable[0][0]:
        yield beaten_choice(found, other, queue, usable[0])


def beaten_choice(
    found: Replay, choice: QueueChoice, queue: Queue | QueueRef, first: tuple[QueueChoice, QueueRef]
) -> Obstacle:
    """What names ``queue`` comes after ``first``, which decided."""
    controls, (before, chosen) = found.prepared.filtered.controls, first
    text = f"“{queue.name}” is named by {_named_by(choice, controls)}; but what comes first is "
    text += f"{_named_by(before, controls)}: “{chosen.name}”."
    return Obstacle(ObstacleKind.ORDER, text, {"reason": before.reason, "queue": chosen.name})


def _named_by(choice: QueueChoice, controls: Controls) -> str:
    sources = (control.source for name, control in controls.items() if name in _QUEUE_HEADERS)
    return _NAMED_BY[choice.reason].format(source=next(sources, "the message"), **choice.details)


def filters_into(found: Replay, queue: Queue) -> Iterator[Obstacle]:
    """What stood against each valid filter that leads into ``queue``, in their order."""
    for attempt in found.attempts:
        if leads_into(attempt.trial.filter.settings, queue):
            obstacle = filter_obstacle(attempt)
            yield obstacle or _overruled(attempt, found)


def _overruled(attempt: FilterTrial, found: Replay) -> Obstacle:
    """A filter matched, and yet the queue is another one."""
    name = attempt.trial.filter.name
    flaws = (flaw for flaw in found.decision.headers.flaws if flaw[0].name.lower() in _QUEUE_HEADERS)
    if flaw := next(flaws, None):
        text = f"The filter “{name}” matches, but {flaw[0].name} {flaw[1].flaw}: left out."
        return Obstacle(ObstacleKind.VALIDITY, text, {"filter": name, "header": flaw[0].name, "value": flaw[0].value})
    last = next((each for header, each in found.prepared.filtered.controls.items() if header in _QUEUE_HEADERS), None)
    if last is None or last.source == f"the filter “{name}”":
        what = "what it sets does not count for this message" if last is None else f"it sets {last.name}: {last.value}"
        return Obstacle(ObstacleKind.VALUE, f"The filter “{name}” matches, but {what}.", {"filter": name})
    text = f"The filter “{name}” matches, but {last.name} is then set to “{shown(last.value)}” by {last.source}."
    return Obstacle(ObstacleKind.ORDER, text, {"filter": name, "header": last.name, "value": shown(last.value)})


def named_obstacle(named: NamedTicket, winner: NamedTicket | None) -> Obstacle | None:
    """What stood against a ticket that the message names, of which ``winner`` is the first that counts."""
    if named.why_not:
        return Obstacle(ObstacleKind.VALUE, named.why_not, dict(named.details))
    if winner is None or winner is named:
        return None
    text = (
        f"It names the ticket {named.ticket.number} too ({named.clue.reason}), but {winner.ticket.number} comes first: "
    )
    return Obstacle(ObstacleKind.ORDER, f"{text}{REASONS[winner.clue.reason]}", {"ticket": winner.ticket.number})


def unnamed_obstacle(found: Replay, number: str) -> Obstacle:
    """Nothing in the message names the ticket: what it has instead."""
    message, checks = found.prepared.message, found.prepared.clues.found
    numbers = [each for check in checks for each in check.numbers]
    hook: Hook = found.desk.hook
    if number in message.subject and number not in numbers:
        text = f"The subject has {number}, but not after “{hook.text}{hook.divider}” (Ticket::Hook)."
    elif number in message.text and number not in numbers:
        text = (
            f"Only the text has {number}: it is not searched ({FOLLOWUP_IN_BODY.name}), or has no “{hook.text}” before."
        )
    else:
        answers = [key for check in checks if not check.awaited for key in check.keys]
        has = f"the ticket numbers {', '.join(numbers[:5])}" if numbers else "no ticket number"
        refers = "answers only messages that are not in it" if answers else "answers no message"
        text = f"Nothing in it names the ticket {number}: it has {has}, and {refers} (In-Reply-To, References)."
    return Obstacle(ObstacleKind.VALUE, text, {"subject": shown(message.subject)})
