"""What is decided about a message, and why: plain data that stages fill in and the record, the page and JSON show."""

from __future__ import annotations

from dataclasses import dataclass, field

from postmaster.desk.tickets import TicketAttributes
from postmaster.extensions import Json
from postmaster.intake.models import Outcome
from postmaster.intake.parse.message import ParsedMessage

# Reason codes, with the sentence that explains them on pages and in the trace.
REASONS: dict[str, str] = {
    "dispatched-by-queue": "The account sends all its mail to this queue.",
    "dispatched-by-address": "The address it was sent to is linked with this queue.",
    "dispatched-to-default": "No address it was sent to is linked with a queue: PostmasterDefaultQueue.",
    "dispatched-to-any": "PostmasterDefaultQueue is missing or not valid: the first valid queue.",
    "unreadable": "The message could not be read.",
    "unstorable": "The database did not take the message.",
    "recorded-before": "This very message was taken before; only its deletion on the server was not confirmed.",
    "piped-before": "The same bytes came through the pipe within the last 24 hours.",
}


@dataclass(frozen=True, slots=True)
class QueueRef:
    """A queue, as far as decisions need it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the account, or the pipe's options, say about its messages. ``queue`` is set when it dispatches by queue."""

    trusted: bool = False
    queue_id: int | None = None


@dataclass(slots=True)
class Draft:
    """A message on its way through the stages. After the last one ``queue`` and ``reason`` are set."""

    message: ParsedMessage
    rules: Rules
    attributes: TicketAttributes
    outcome: Outcome = Outcome.NEW
    reason: str = ""
    queue: QueueRef | None = None
    loop: bool = False
    trace: list[Json] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The title of a new ticket."""
        return self.message.subject or "(no subject)"

    def note(self, stage: str, text: str, **details: object) -> None:
        """Add a line to the trace: which stage found or decided what."""
        self.trace.append({"stage": stage, "text": text, **details})
