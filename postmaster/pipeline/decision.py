"""What is decided about a message, and why: plain data that stages fill in and the record, the page and JSON show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from postmaster.accounts.models import Trust
from postmaster.desk.models import LinkKind, SenderType
from postmaster.desk.tickets import TicketAttributes
from postmaster.extensions import Json
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.candidate_tickets import CandidateTicket
from postmaster.pipeline.choices import QueueRef
from postmaster.pipeline.filters.matching import Filtered
from postmaster.pipeline.followup_checks import FollowUpChecks
from postmaster.pipeline.marks import NO_MARKS, Marks
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.sender import NOBODY, Writer
from postmaster.pipeline.verdict import NO_VERDICT, SenderVerdict
from postmaster.pipeline.x_otrs_headers import HeaderValues

# The reason code of what is too much from one sender.
STORM = "too-many-from-sender"

# Reason codes, with the sentence that explains them on pages and in the trace.
REASONS: dict[str, str] = {
    "dispatched-by-header": "The header X-OTRS-Queue names this queue.",
    "unknown-number": "Its subject has a ticket number that no ticket here has: UnknownTicketNumberQueue.",
    "dispatched-by-queue": "The account sends all its mail to this queue.",
    "dispatched-by-address": "The address it was sent to is linked with this queue.",
    "dispatched-to-default": "No address it was sent to is linked with a queue: PostmasterDefaultQueue.",
    "pipe-queue-missing": "The pipe names a queue that is not there, or not valid: PostmasterDefaultQueue.",
    "dispatched-to-any": "PostmasterDefaultQueue is missing or not valid: the first valid queue.",
    "follow-up-by-number": "Its subject has the number of the ticket.",
    "follow-up-by-field": "A filter has captured what a dynamic field of the ticket, which is open, holds.",
    "follow-up-by-reference": "It answers a message of the ticket (In-Reply-To, References).",
    "follow-up-by-thread-index": "It answers a message of the ticket (Thread-Index).",
    "follow-up-answered-before": "A message of the ticket answers it, and came first.",
    "follow-up-same-message": "The ticket has a message with its Message-ID: DuplicateMessages.",
    "follow-up-by-bounce": "It brings back a message that belongs to the ticket.",
    "follow-up-in-body": "Its text has the number of the ticket.",
    "follow-up-in-attachment": "An attachment has the number of the ticket.",
    "rejected-closed": "The ticket is closed, and its queue takes no follow-ups then: only the article was added.",
    "same-message": "The same message is in the ticket already: DuplicateMessages says that it is only noted.",
    "sender-fails": "A trusted server found that its sender is not genuine: OnSenderFail.",
    "ignored": "The header X-OTRS-Ignore says that it is dropped.",
    STORM: "Sender over the limit of new tickets an hour (TicketsPerSenderHour).",
    "unreadable": "The message could not be read.",
    "unstorable": "The database did not take the message.",
    "recorded-before": "This very message was taken before; only its deletion on the server was not confirmed.",
    "discarded": "Somebody has deleted it from quarantine.",
    "piped-before": "The same bytes came through the pipe within the last 24 hours.",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the account, or the pipe's options, say about its messages. ``queue`` is set when it dispatches by queue.

    ``account_id`` is that of the account, for filters that are for chosen ones; None is the pipe. ``missing_queue`` is
    what the pipe names that is no valid queue. ``own_addresses`` are those of the account itself, as they are compared.
    ``trust`` says whose X-OTRS headers count, ``authserv_ids`` whose Authentication-Results, if not TrustedAuthservIds.
    """

    trust: Trust = Trust.NO
    queue_id: int | None = None
    account_id: int | None = None
    missing_queue: str | None = None
    own_addresses: frozenset[str] = frozenset()
    authserv_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message with everything that can be found out about it without the desk, before any transaction.

    ``believed``: its own X-OTRS headers count.
    """

    arrival: Arrival
    message: ParsedMessage
    rules: Rules
    clues: FollowUpChecks
    filtered: Filtered
    marks: Marks = NO_MARKS
    writers: tuple[Writer, ...] = ()
    forwarded: Writer | None = None
    verdict: SenderVerdict = NO_VERDICT
    believed: bool = False


@dataclass(slots=True)
class Decision:
    """A message on its way through the stages.

    After the last one ``reason`` is set. A new ticket has ``queue``, and ``ticket`` once it is opened; it ``follows``
    an earlier one if it is a follow-up that is to have a ticket of its own. A follow-up and a rejected one have the
    ``ticket`` they belong to. ``same_message`` are tickets that have a message with its Message-ID. ``awaited`` are the
    keys of messages that it answers and that have not come. ``article_fields`` are the article's dynamic fields.
    ``headers`` are the X-OTRS headers that count, read once it is known whether it is a follow-up. ``changes`` is what
    a follow-up changes of its ticket, as ``changed_fields`` has it. ``article_id`` is set once the article is stored.
    """

    prepared: Prepared
    attributes: TicketAttributes
    title: str
    outcome: Outcome | None = None
    reason: str = ""
    queue: QueueRef | None = None
    ticket: CandidateTicket | None = None
    follows: CandidateTicket | None = None
    follows_as: LinkKind = LinkKind.FOLLOW_UP
    same_message: Sequence[CandidateTicket] = ()
    writer: Writer = NOBODY
    loop: bool = False
    automatic: bool = False
    sender_type: SenderType = SenderType.CUSTOMER
    visible: bool = True
    article_fields: Mapping[str, str] = field(default_factory=dict)
    awaited: Sequence[str] = ()
    headers: HeaderValues = field(default_factory=HeaderValues)
    changes: Json = field(default_factory=dict)
    article_id: int | None = None
    trace: list[Json] = field(default_factory=list)

    @property
    def message(self) -> ParsedMessage:
        """What was read."""
        return self.prepared.message

    @property
    def rules(self) -> Rules:
        """What its account says."""
        return self.prepared.rules

    @property
    def decided(self) -> Outcome:
        """The outcome, which the last stage has settled."""
        if self.outcome is None:
            raise AssertionError("no stage settled an outcome")
        return self.outcome

    @property
    def sender(self) -> str:
        """The address of who wrote it, as it is compared; empty if there is none."""
        return self.writer.key

    def note(self, stage: str, text: str, **details: object) -> None:
        """Add a line to the trace: which stage found or decided what."""
        self.trace.append({"stage": stage, "text": text, **details})

    def settle(self, outcome: Outcome, stage: str, reason: str, **details: object) -> None:
        """Decide on ``outcome``, and say why."""
        self.outcome, self.reason = outcome, reason
        self.note(stage, REASONS[reason], reason=reason, **details)
