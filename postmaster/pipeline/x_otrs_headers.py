"""The X-OTRS headers as data (docs/glossary.md#x-otrs-headers): what each sets, how it is read, what holds without it.

They count if the account is trusted, or if a filter sets them. Help pages and filters read the same table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from postmaster.desk.models import FollowUpPolicy, ForwardCustomer, SenderType
from postmaster.resources.readers import InvalidValue, line, member, one_of, whole_number
from postmaster.system.lists import Person, State, named, numbered

PREFIX = "X-OTRS-"
FOLLOWUP_PREFIX = "X-OTRS-FollowUp-"
# What OTOBO writes for it; both mean the same, everywhere.
OTOBO_PREFIX = "X-OTOBO-"
DYNAMIC_FIELD = "DynamicField-NAME"

# Characters of a title and of a dynamic field.
MAX_TITLE, MAX_FIELD = 1000, 4000

_AFTER = re.compile(r"\+\s*(\d{1,9})\s*([smhd])", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOMENT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class QueueRef:
    """A queue, as far as decisions need it."""

    id: int
    name: str
    policy: FollowUpPolicy = FollowUpPolicy.POSSIBLE
    customer_of_forward: ForwardCustomer = ForwardCustomer.FORWARDER


@dataclass(frozen=True)
class Choices:
    """What headers can name, and the moment and the place that times are meant in. ``queues`` are the valid ones."""

    queues: Sequence[QueueRef]
    states: tuple[State, ...]
    priorities: tuple[str, ...]
    types: tuple[str, ...]
    services: tuple[str, ...]
    slas: tuple[str, ...]
    owners: tuple[Person, ...]
    responsibles: tuple[Person, ...]
    dynamic_fields: tuple[str, ...]
    moment: datetime
    time_zone: ZoneInfo


Reader = Callable[[str, Choices], Any]


@dataclass(frozen=True)
class Header:
    """A header without its prefix. ``read`` makes the value of ``attribute``, and raises Flaw if it cannot.

    ``default`` says in words what holds without it, or if its value is invalid. One ``about_message`` counts under
    either prefix; one that is not ``on_new`` has the prefix of follow-ups only.
    """

    name: str
    attribute: str
    read: Reader
    default: str
    help: str
    on_new: bool = True
    about_message: bool = False

    def names(self, *, followup: bool) -> tuple[str, ...]:
        """The whole names under which it counts for a follow-up, or for a new ticket."""
        new, late = f"{PREFIX}{self.name}", f"{FOLLOWUP_PREFIX}{self.name}"
        if self.about_message:
            return (late, new) if followup else (new,)
        return (late,) if followup else ((new,) if self.on_new else ())


@dataclass(frozen=True, slots=True)
class Control:
    """A header that counts for a message: its whole name, its value, and who set it."""

    name: str
    value: str
    source: str


Controls = Mapping[str, Control]  # by the name in lower case


@dataclass(slots=True)
class HeaderValues:
    """What the headers of a message say: values by attribute, and what is wrong with the others."""

    values: dict[str, Any] = field(default_factory=dict)
    flaws: list[tuple[Control, InvalidValue]] = field(default_factory=list)


def _text(limit: int) -> Reader:
    read = line(limit)
    return lambda text, _choices: read(" ".join(text.split()))


def _title(text: str, _choices: Choices) -> str:
    return " ".join(text.split())[:MAX_TITLE]


def _word(read: Callable[[str], Any]) -> Reader:
    return lambda text, _choices: read(text)


def _yes(text: str) -> bool:
    return one_of("yes", "true", "1", "no", "false", "0")(text) in ("yes", "true", "1")


def _entry(noun: str, entries: Callable[[Choices], Sequence[Any]]) -> Reader:
    """A reader of the name of one of ``entries``."""

    def read(text: str, choices: Choices) -> str:
        entry = named(entries(choices), text)
        if entry is None:
            raise InvalidValue(f"is “{text}”, which is no {noun}")
        return str(getattr(entry, "name", entry))

    return read


def _person(people: Callable[[Choices], Sequence[Person]]) -> Reader:
    """A reader of an ID."""

    def read(text: str, choices: Choices) -> str:
        person = numbered(people(choices), whole_number(1, 10**11)(text))
        if person is None:
            raise InvalidValue(f"is “{text}”, an ID that nobody has")
        return person.name

    return read


def _queue(text: str, choices: Choices) -> QueueRef:
    same = [queue for queue in choices.queues if queue.name.casefold() == text.casefold()]
    if not same:
        raise InvalidValue(f"is “{text}”, which is no valid queue")
    return next((queue for queue in same if queue.name == text), same[0])


def _moment(text: str, choices: Choices) -> datetime:
    """``YYYY-MM-DD hh:mm:ss`` where the service desk is, or ``+N`` with s, m, h or d from now."""
    try:
        if after := _AFTER.fullmatch(text):
            return choices.moment + timedelta(**{_UNITS[after[2].lower()]: int(after[1])})
        return datetime.strptime(text, _MOMENT).replace(tzinfo=choices.time_zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidValue(f"is “{text}”, which is neither YYYY-MM-DD hh:mm:ss nor +N with s, m, h or d") from None


HEADERS: tuple[Header, ...] = (
    Header("Queue", "queue", _queue, "dispatched by account or address; a follow-up stays",
           "Queue of the ticket, by its whole name, as in Sales::Orders."),
    Header("State", "state", _entry("state", lambda choices: choices.states),
           "PostmasterDefaultState; a closed or pending ticket gets PostmasterFollowUpState by a follow-up",
           "State of the ticket, one of Ticket::States."),
    Header("State-PendingTime", "pending_time", _moment, "none",
           "How long a pending state lasts: YYYY-MM-DD hh:mm:ss, or +N with s, m, h or d, as in +3d. Only with such "
           "a state."),
    Header("Priority", "priority", _entry("priority", lambda choices: choices.priorities),
           "PostmasterDefaultPriority", "Priority of the ticket, one of Ticket::Priorities."),
    Header("Type", "type", _entry("type", lambda choices: choices.types), "Ticket::Type::Default",
           "Type of the ticket, one of Ticket::Types."),
    Header("Service", "service", _entry("service", lambda choices: choices.services), "none",
           "Service that the ticket is about, one of Ticket::Services."),
    Header("SLA", "sla", _entry("SLA", lambda choices: choices.slas), "none",
           "Service level agreement of the ticket, one of Ticket::SLAs."),
    Header("Lock", "lock", _word(one_of("lock", "unlock")), "unlock", "Whether the ticket is locked: lock or unlock."),
    Header("Owner", "owner", _entry("owner", lambda choices: choices.owners), "none",
           "Who owns the ticket, one of Ticket::Owners."),
    Header("OwnerID", "owner", _person(lambda choices: choices.owners), "none",
           "The same by the ID in Ticket::Owners: the number after =, or the place in the list. Owner comes first."),
    Header("Responsible", "responsible", _entry("responsible", lambda choices: choices.responsibles), "none",
           "Who is responsible for the ticket, one of Ticket::Responsibles."),
    Header("ResponsibleID", "responsible", _person(lambda choices: choices.responsibles), "none",
           "The same by the ID in Ticket::Responsibles. Responsible comes first."),
    Header("CustomerNo", "customer_id", _text(320), "the sender's address", "Number of the customer."),
    Header("CustomerUser", "customer_user", _text(320), "the sender's address", "Name of the customer."),
    Header("Title", "title", _title, "the subject", "Title of the ticket."),
    Header("SenderType", "sender_type", _word(member(SenderType)), "customer",
           "Who the article is from: agent, system or customer."),
    Header("IsVisibleForCustomer", "visible", _word(lambda text: one_of("0", "1")(text) == "1"), "1",
           "Whether customers may see the article: 0 or 1."),
    Header(DYNAMIC_FIELD, "dynamic_fields", _text(MAX_FIELD), "none",
           "Value of the dynamic field NAME, one of Ticket::DynamicFields."),
    Header("Ignore", "ignore", _word(_yes), "no",
           "yes or true: the message is dropped. Its row stays in the ledger.", about_message=True),
    Header("Loop", "loop", _word(_yes), "as the other headers tell",
           "yes or no: whether the message counts as automatic.", about_message=True),
    Header("State-Keep", "keep_state", _word(_yes), "no",
           "yes: a follow-up does not change the state.", on_new=False),
)  # fmt: skip

_DYNAMIC_PREFIX = DYNAMIC_FIELD.removesuffix("NAME").lower()
_BY_NAME = {name.lower(): name for header in HEADERS for late in (False, True) for name in header.names(followup=late)}


def as_otrs(name: str) -> str:
    """``name`` with the prefix ``X-OTRS-`` if it has OTOBO's, in any case."""
    return PREFIX + name[len(OTOBO_PREFIX) :] if name[: len(OTOBO_PREFIX)].lower() == OTOBO_PREFIX.lower() else name


def known_header(name: str) -> str | None:
    """``name`` in its usual spelling if it is an X-OTRS header that something comes of, else None."""
    name = as_otrs(name)
    if usual := _BY_NAME.get(name.lower()):
        return usual if not usual.endswith(DYNAMIC_FIELD) else None
    for prefix in (FOLLOWUP_PREFIX, PREFIX):
        rest = name.lower().removeprefix(prefix.lower())
        if rest != name.lower() and rest.startswith(_DYNAMIC_PREFIX) and len(rest) > len(_DYNAMIC_PREFIX):
            return prefix + DYNAMIC_FIELD.removesuffix("NAME") + name[len(prefix) + len(_DYNAMIC_PREFIX) :]
    return None


def own_controls(headers: Iterable[tuple[str, str]]) -> dict[str, Control]:
    """The X-OTRS headers that a message brings along; the first of each name counts."""
    found: dict[str, Control] = {}
    for written, value in headers:
        name = as_otrs(written)
        if name[: len(PREFIX)].lower() == PREFIX.lower():
            found.setdefault(name.lower(), Control(name, value, "the message"))
    return found


_NOTHING = HeaderValues()


def parse_headers(controls: Controls, choices: Choices, *, followup: bool) -> HeaderValues:
    """The values of ``controls`` for a follow-up, or for a new ticket. Invalid ones are left out, and said."""
    if not controls:
        return _NOTHING
    reading = HeaderValues()
    for header in HEADERS:
        if header.name == DYNAMIC_FIELD:
            _read_dynamic(header, controls, choices, reading, followup=followup)
        elif header.attribute not in reading.values:
            given = (controls.get(name.lower()) for name in header.names(followup=followup))
            for control in filter(None, given):
                _read_one(header.attribute, header, control, choices, reading)
                break
    return reading


def _read_one(attribute: str, header: Header, control: Control, choices: Choices, reading: HeaderValues) -> None:
    text = control.value.strip()
    try:
        if not text:
            raise InvalidValue("is empty")
        reading.values[attribute] = header.read(text, choices)
    except InvalidValue as flaw:
        reading.flaws.append((control, flaw))


def _read_dynamic(
    header: Header, controls: Controls, choices: Choices, reading: HeaderValues, *, followup: bool
) -> None:
    values = HeaderValues(flaws=reading.flaws)
    for name, control in _dynamic(controls, followup=followup):
        field_name = named(choices.dynamic_fields, name)
        if field_name is None:
            reading.flaws.append((control, InvalidValue("names no dynamic field of Ticket::DynamicFields")))
        else:
            _read_one(field_name, header, control, choices, values)
    if values.values:
        reading.values[header.attribute] = values.values


def _dynamic(controls: Controls, *, followup: bool) -> Iterator[tuple[str, Control]]:
    prefix = (FOLLOWUP_PREFIX if followup else PREFIX).lower() + _DYNAMIC_PREFIX
    for key, control in controls.items():
        if key.startswith(prefix):
            yield key.removeprefix(prefix), control
