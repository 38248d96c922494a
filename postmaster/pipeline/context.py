"""What the stages need to know of the desk, read once a batch and kept up to date by what they decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, bindparam, case, func, select
from sqlalchemy.orm import Session, aliased

from postmaster.bulk import among
from postmaster.database import dialect_of, execute
from postmaster.desk.customers import customers_of
from postmaster.desk.models import CustomerEntry, Queue, SystemAddress, Ticket
from postmaster.desk.tickets import TicketAttributes
from postmaster.parsing.address_key import address_key
from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.message import Address, ParsedMessage
from postmaster.pipeline.candidate_tickets import CandidateTicket, CandidateTickets
from postmaster.pipeline.choices import LISTED, Choices, QueueRef
from postmaster.pipeline.decision import Prepared, Rules
from postmaster.pipeline.sender import Writer, base_key, choose_writer
from postmaster.pipeline.ticket_numbers import Hook, hook_of
from postmaster.resources.models import Validity
from postmaster.roundtrips import Question, ask_together
from postmaster.system.list_settings import (
    DEFAULT_PRIORITY,
    DEFAULT_STATE,
    DEFAULT_TYPE,
    FOLLOWUP_STATE,
    FOLLOWUP_STATE_CLOSED,
)
from postmaster.system.lists import StateKind
from postmaster.system.settings import (
    ACCEPT_NUMBER_FROM_STRANGER,
    BOUNCE_AS_FOLLOWUP,
    CUSTOMER_NO_OF_UNKNOWN,
    DEFAULT_QUEUE,
    ON_SENDER_FAIL,
    TICKETS_PER_SENDER,
    UNKNOWN_NUMBER_QUEUE,
    Configuration,
)

# Where a recipient may stand, in the order in which they are asked (docs/glossary.md#dispatching).
RECIPIENT_FIELDS = ("Resent-To", "Envelope-To", "To", "Cc", "Delivered-To", "X-Original-To")
_RECIPIENT_NAMES = frozenset(name.lower() for name in RECIPIENT_FIELDS)

# The hour that TicketsPerSenderHour speaks of.
HOUR = timedelta(hours=1)


@dataclass
class DecisionContext:
    """The desk at the moment of a batch. ``queues`` are the valid ones; ``addresses`` those its messages are sent to.

    ``kinds`` are those of the states, in lower case; ``opened`` counts the tickets that a sender opened lately.
    ``customers`` are the entries of the directory for those who may have written.
    ``own_addresses`` are those of the desk among all that its messages name, also if they are not valid any more.
    ``bounces_reopen`` and ``numbers_unknown_customers`` are settings (BOUNCE_AS_FOLLOWUP, CUSTOMER_NO_OF_UNKNOWN).
    """

    day: date
    choices: Choices
    queues: dict[int, QueueRef]
    default_queue: QueueRef | None
    attributes: TicketAttributes
    hook: Hook
    followup_state: str
    followup_state_closed: str
    bounces_reopen: bool
    numbers_unknown_customers: bool
    accepts_strangers: str
    on_sender_fail: str
    tickets_per_sender: int
    unknown_number_queue: QueueRef | None = None
    addresses: dict[str, QueueRef] = field(default_factory=dict)
    own_addresses: set[str] = field(default_factory=set)
    tickets: CandidateTickets = field(default_factory=CandidateTickets)
    kinds: dict[str, StateKind] = field(default_factory=dict)
    opened: Counter[str] = field(default_factory=Counter)
    customers: dict[str, CustomerEntry] = field(default_factory=dict)
    _counted: dict[str, int] = field(default_factory=dict)

    @property
    def any_queue(self) -> QueueRef:
        """The valid queue that was made first. Mail is never lost to a setting that points nowhere."""
        return self.queues[min(self.queues)]

    def kind_of(self, state: str) -> StateKind:
        """The kind of a state; one that is no longer in the list counts as open."""
        return self.kinds.get(state.casefold(), StateKind.OPEN)

    def is_closed(self, ticket: CandidateTicket) -> bool:
        """Whether nobody works on ``ticket`` now."""
        return self.kind_of(ticket.attributes.state).is_closed

    def state_after_follow_up(self, kind: StateKind) -> str:
        """The state that settings give a ticket in a state of that kind."""
        return self.followup_state_closed if kind is StateKind.CLOSED else self.followup_state

    def load(self, session: Session, prepared: Sequence[Prepared]) -> None:
        """Read what more is needed to decide about these messages: as many queries whatever their number."""
        self._load_addresses(session, {key for each in prepared for key in _named_keys(each)})
        senders = {self.writer_of(each).key for each in prepared} - {""}
        self.tickets.load(session, (clue for each in prepared for clue in each.clues.found), senders, self.day)
        forwarders = {each.forwarded.key for each in prepared if each.forwarded}
        self.customers |= customers_of(session, (senders | forwarders) - self.customers.keys())
        self._count(session, senders - self._counted.keys())

    def writer_of(self, prepared: Prepared) -> Writer:
        """Who wrote a message that is loaded."""
        return choose_writer(prepared.writers, self.own_addresses | prepared.rules.own_addresses)

    def is_own(self, key: str, rules: Rules) -> bool:
        """Whether an address that is loaded is the desk's own, or that of the account."""
        own = self.own_addresses | rules.own_addresses
        return key in own or base_key(key) in own

    def _load_addresses(self, session: Session, wanted: set[str]) -> None:
        if not wanted:
            return
        for row in execute(session, _own_query(dialect_of(session)), {"addresses": sorted(wanted)}):
            self.own_addresses.add(row.address)
            if row.validity is Validity.VALID and row.queue_id in self.queues:
                self.addresses[row.address] = self.queues[row.queue_id]

    def _count(self, session: Session, senders: set[str]) -> None:
        if senders:
            query, values = self._opened_question(senders, dialect_of(session))
            self._counted |= dict.fromkeys(senders, 0) | dict(execute(session, query, values).all())
            for sender in senders:
                self.opened[sender] = self._counted[sender]

    def _opened_question(self, senders: Collection[str], dialect: str) -> Question:
        """How many tickets each sender opened within the hour: the query and its values."""
        return opened_query(dialect), {"senders": sorted(senders), "since": self.choices.moment - HOUR}

    def holds(self, connection: Connection) -> bool:
        """Whether what messages have decided by now would be decided again, as far as other mail has a say in it.

        ``connection`` sees what is committed, and nothing of what these decisions have led to.
        """
        reads = self.tickets.reads
        opened = self._opened_question(self._counted.keys(), connection.dialect.name)
        *answers, counts = ask_together(connection, [*reads.questions, opened])
        return reads.match(answers) and self._limits_hold(dict.fromkeys(self._counted, 0) | dict(counts))

    def _limits_hold(self, found: Mapping[str, int]) -> bool:
        """Whether each sender is on the same side of TicketsPerSenderHour, who has opened as many by now."""
        limit = self.tickets_per_sender
        return all(
            now == before
            or (before < now and self.opened[sender] + now - before <= limit)
            or (before >= limit and now >= limit)
            for sender, before, now in ((sender, before, found[sender]) for sender, before in self._counted.items())
        )


@cache
def opened_query(dialect: str) -> Select[str, int]:
    """How many tickets each of ``senders`` opened after the moment ``since``: by an index."""
    return (
        select(Ticket.sender_address, func.count())
        .where(among(dialect, Ticket.sender_address, "senders"), Ticket.created_at > bindparam("since"))
        .group_by(Ticket.sender_address)
    )


def load_context(
    session: Session, configuration: Configuration, prepared: Sequence[Prepared], moment: datetime, zone: ZoneInfo
) -> DecisionContext:
    """Read what is needed to decide about ``prepared``: a fixed number of queries, however many there are."""
    choices = read_choices(session, configuration, moment, zone)
    by_name = {queue.name: queue for queue in choices.queues}
    desk = DecisionContext(
        day=moment.astimezone(zone).date(),
        choices=choices,
        queues={queue.id: queue for queue in choices.queues},
        default_queue=by_name.get(configuration[DEFAULT_QUEUE]),
        attributes=TicketAttributes(
            priority=configuration[DEFAULT_PRIORITY],
            state=configuration[DEFAULT_STATE],
            type=configuration[DEFAULT_TYPE],
        ),
        hook=hook_of(configuration),
        followup_state=configuration[FOLLOWUP_STATE],
        followup_state_closed=configuration[FOLLOWUP_STATE_CLOSED] or configuration[FOLLOWUP_STATE],
        bounces_reopen=configuration[BOUNCE_AS_FOLLOWUP],
        numbers_unknown_customers=configuration[CUSTOMER_NO_OF_UNKNOWN],
        accepts_strangers=configuration[ACCEPT_NUMBER_FROM_STRANGER],
        on_sender_fail=configuration[ON_SENDER_FAIL],
        tickets_per_sender=configuration[TICKETS_PER_SENDER],
        unknown_number_queue=by_name.get(configuration[UNKNOWN_NUMBER_QUEUE]),
        kinds={state.name.casefold(): state.kind for state in choices.states},
    )
    desk.load(session, prepared)
    return desk


def read_choices(session: Session, configuration: Configuration, moment: datetime, zone: ZoneInfo) -> Choices:
    """What headers can name at ``moment``."""
    return Choices(
        queues=[QueueRef(*row) for row in execute(session, _VALID_QUEUES)],
        **{field: configuration[spec] for field, spec in LISTED.items()},
        moment=moment,
        time_zone=zone,
    )


def recipients(message: ParsedMessage) -> list[str]:
    """The addresses that the message was sent to, as they are compared, in the order in which they are asked."""
    named = message.header_names & _RECIPIENT_NAMES  # most mail has two or three of them
    fields = (name for name in RECIPIENT_FIELDS if name.lower() in named)
    return [address_key(found.address) for name in fields for found in _addresses(message, name)]


def _named_keys(prepared: Prepared) -> Iterator[str]:
    """The addresses of ``prepared`` that may be the desk's own."""
    yield from recipients(prepared.message)
    for writer in (*prepared.writers, *filter(None, (prepared.forwarded,))):
        yield from (writer.key, base_key(writer.key))


def _addresses(message: ParsedMessage, name: str) -> Iterable[Address]:
    if name == "To":
        return message.to
    if name == "Cc":
        return message.cc
    return (found for value in message.header_values(name) for found in parse_addresses(value))


@cache
def _own_query(dialect: str) -> Select[str, int, Validity]:
    linked = select(SystemAddress.address, SystemAddress.queue_id, SystemAddress.validity)
    return linked.where(among(dialect, SystemAddress.address, "addresses"))


# A queue that has been given no number is called by its id, unless another one, valid or not, has that as its number.
_OTHER = aliased(Queue)
_NUMBER = case(
    (Queue.number.is_not(None), Queue.number),
    (select(_OTHER.id).where(_OTHER.number == Queue.id).exists(), None),
    else_=Queue.id,
)
_VALID_QUEUES = select(Queue.id, Queue.name, Queue.followup_policy, Queue.customer_of_forward, _NUMBER).where(
    Queue.validity == Validity.VALID
)
