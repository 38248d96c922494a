"""How a mail got here, as steps to read: what came first, what each stage decided, what was stored and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from postmaster.extensions import Json
from postmaster.ledger.models import Deletion
from postmaster.ledger.trace import MailTrace
from postmaster.pipeline.outcome import OUTCOMES, Outcome


@dataclass(frozen=True)
class Step:
    """One step: ``state`` and ``icon`` as in the style sheet and the sprite, ``badge`` what it decided, for the
    ``reason`` with that code.
    """

    title: str
    icon: str
    text: str = ""
    state: str = "ok"
    badge: str = ""
    reason: str = ""
    at: datetime | None = None


# Title and icon of a stage's lines in the trace; others are called by their name.
STAGE_STEPS: dict[str, tuple[str, str]] = {
    "loop": ("Loop check", "refresh-cw"),
    "sender": ("Sender", "shield-check"),
    "customer": ("Customer", "user"),
    "same-message": ("Same message", "layers"),
    "follow-up": ("Follow-up check", "corner-up-right"),
    "filters": ("Filters", "funnel"),
    "ignore": ("Ignore", "circle-minus"),
    "storm": ("Mail storm", "shield-alert"),
    "headers": ("X-OTRS headers", "shield"),
    "dispatch": ("Dispatching", "at-sign"),
    "record": ("Storing", "triangle-alert"),
    "quarantine": ("Released from quarantine", "shield-check"),
    "again": ("Dispatched again", "rotate-ccw"),
}

# What a line decided that has a reason.
BADGES = {"dispatch": "Chose the queue", "follow-up": "Found the ticket"}

# Details of a line by which it can be told that it decided something.
DECISIONS = ("reason", "sets", "state")

# Stages that came to a message after it had been stored.
LATER = ("quarantine", "again")

_IDENTITIES = {"imap": "UID", "uidl": "UIDL", "sha256": "SHA-256"}


def steps_of(message: MailTrace) -> Iterator[Step]:
    """The steps of one message, in their order."""
    trace = message.mail.trace
    stored = next((place for place, line in enumerate(trace) if line["stage"] in LATER), len(trace))
    yield _arrival(message)
    yield from map(_stage, trace[:stored])
    yield from _stored(message)
    yield from map(_stage, trace[stored:])


def _arrival(message: MailTrace) -> Step:
    run, mailbox = message.run, message.mailbox
    if run is None or mailbox is None:
        return Step("Came through a pipe", "inbox", "Handed over by flask read.")
    kind, _, rest = message.mail.identity.partition(":")
    number = f"{_IDENTITIES.get(kind, kind)} {rest.rpartition(':')[2]}"
    text = f"{run.label}, {mailbox.folder}, {number}, run {run.id}"
    return Step("Fetched", "inbox", text, at=run.started_at)


def _stage(line: Json) -> Step:
    title, icon = STAGE_STEPS.get(line["stage"], (str(line["stage"]).replace("_", " ").capitalize(), "circle-minus"))
    reason = line.get("reason", "")
    state = "decided" if any(line.get(name) for name in DECISIONS) else "skip"
    return Step(title, icon, str(line["text"]), state, BADGES.get(line["stage"], "") if reason else "", reason)


def _stored(message: MailTrace) -> Iterator[Step]:
    mail = message.mail
    if mail.outcome is not Outcome.QUARANTINED:
        yield Step(OUTCOMES[mail.outcome].stored, "check", at=mail.recorded_at)
    if mail.deletion is Deletion.CONFIRMED:
        yield Step("Deleted on the server", "trash-2", at=mail.deleted_at)
    elif mail.deletion is Deletion.PENDING:
        text = "The server has not confirmed it yet; the next run sees to it."
        yield Step("To be deleted on the server", "clock", text, "skip")
