"""The X-OTRS headers as data (docs/glossary.md#x-otrs-headers): what each sets, how it is read, what holds without it.

They count if the account is trusted, or if a filter sets them. Help pages and filters read the same table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from postmaster.desk.models import SenderType
from postmaster.pipeline.choices import (
    LISTED,
    Choices,
    Reader,
    entry_of,
    id_of,
    owners,
    priorities,
    read_date,
    read_moment,
    read_queue,
    read_queue_id,
    read_text,
    read_title,
    read_yes,
    responsibles,
    services,
    slas,
    states,
    types,
    word,
)
from postmaster.resources.readers import InvalidValue, member, one_of
from postmaster.system.lists import named

DYNAMIC_FIELD = "DynamicField-NAME"
PREFIX = "X-OTRS-"
FOLLOWUP_PREFIX = "X-OTRS-FollowUp-"
# What OTOBO writes for it; both mean the same, everywhere.
OTOBO_PREFIX = "X-OTOBO-"

# Dynamic fields of tickets and of articles, as values of headers and in ``Choices``.
TICKET_FIELDS, ARTICLE_FIELDS = "dynamic_fields", "article_fields"

# Characters of a dynamic field.
MAX_FIELD = 4000

# How the name of a header that stands for many ends: with the name of a field, or with a number.
_OPEN_END = re.compile(r"NAME|N$")
_NUMBER = re.compile(r"[1-9][0-9]?")


@dataclass(frozen=True)
class Header:
    """A header without its prefix. ``read`` makes the value of ``attribute``, and raises InvalidValue if it cannot.

    ``default`` says in words what holds without it, or if its value is invalid. One ``about_message`` counts under
    either prefix; one that is not ``on_new`` has the prefix of follow-ups only. A name that ends in NAME or N stands
    for many headers: each sets the dynamic field that is called ``field`` and what stands in that place, if one of the
    lists in ``fields`` has it.
    """

    name: str
    attribute: str
    read: Reader
    default: str
    help: str
    on_new: bool = True
    about_message: bool = False
    fields: tuple[str, ...] = ()
    field: str = ""

    def names(self, *, followup: bool) -> tuple[str, ...]:
        """The whole names under which it counts for a follow-up, or for a new ticket."""
        new, late = f"{PREFIX}{self.name}", f"{FOLLOWUP_PREFIX}{self.name}"
        if self.about_message:
            return (late, new) if followup else (new,)
        return (late,) if followup else ((new,) if self.on_new else ())

    @property
    def stem(self) -> str:
        """Its name up to the NAME or N that it ends in."""
        return _OPEN_END.sub("", self.name)

    def end_of(self, name: str, *, followup: bool) -> str | None:
        """What stands for NAME or N in ``name``; None if that is no such header."""
        prefix = f"{FOLLOWUP_PREFIX if followup else PREFIX}{self.stem}"
        if not self.fields or name[: len(prefix)].lower() != prefix.lower():
            return None
        end = name[len(prefix) :]
        return end if (end if self.name.endswith("NAME") else _NUMBER.fullmatch(end)) else None


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


# Of two headers for one thing the first counts whose value is valid: the ID before the name, but with people the name.
HEADERS: tuple[Header, ...] = (
    Header("QueueID", "queue", read_queue_id, "Queue",
           "Queue of the ticket by its field Queue ID, or else by the id that it has here. Comes before Queue."),
    Header("Queue", "queue", read_queue, "dispatched by account or address; a follow-up stays",
           "Queue of the ticket, by its whole name, as in Sales::Orders."),
    Header("StateID", "state", id_of("state", states), "State",
           "State of the ticket by its ID in Ticket::States; the usual states have those of OTRS. Comes before State."),
    Header("State", "state", entry_of("state", states),
           "PostmasterDefaultState; a follow-up gives PostmasterFollowUpState, unless the ticket is new",
           "State of the ticket, one of Ticket::States."),
    Header("State-PendingTime", "pending_time", read_moment, "none",
           "How long a pending state lasts: YYYY-MM-DD hh:mm:ss, with a zone if that is not the service desk's, or a "
           "number with s, m, h, d or w from now, as in +3d; seconds without a letter. Only with such a state."),
    Header("PriorityID", "priority", id_of("priority", priorities), "Priority",
           "Priority of the ticket by its ID in Ticket::Priorities: the number after =, or the place in the list. "
           "Comes before Priority."),
    Header("Priority", "priority", entry_of("priority", priorities), "PostmasterDefaultPriority",
           "Priority of the ticket, one of Ticket::Priorities."),
    Header("TypeID", "type", id_of("type", types), "Type",
           "Type of the ticket by its ID in Ticket::Types. Comes before Type."),
    Header("Type", "type", entry_of("type", types), "Ticket::Type::Default",
           "Type of the ticket, one of Ticket::Types."),
    Header("ServiceID", "service", id_of("service", services), "Service",
           "Service that the ticket is about by its ID in Ticket::Services. Comes before Service."),
    Header("Service", "service", entry_of("service", services), "none",
           "Service that the ticket is about, one of Ticket::Services."),
    Header("SLAID", "sla", id_of("SLA", slas), "SLA",
           "Service level agreement of the ticket by its ID in Ticket::SLAs. Comes before SLA."),
    Header("SLA", "sla", entry_of("SLA", slas), "none",
           "Service level agreement of the ticket, one of Ticket::SLAs."),
    Header("Lock", "lock", word(one_of("lock", "unlock")), "unlock", "Whether the ticket is locked: lock or unlock."),
    Header("Owner", "owner", entry_of("owner", owners), "OwnerID, or none",
           "Who owns the ticket, one of Ticket::Owners."),
    Header("OwnerID", "owner", id_of("owner", owners), "none",
           "The same by the ID in Ticket::Owners: the number after =, or the place in the list. Owner comes first."),
    Header("Responsible", "responsible", entry_of("responsible", responsibles), "ResponsibleID, or none",
           "Who is responsible for the ticket, one of Ticket::Responsibles."),
    Header("ResponsibleID", "responsible", id_of("responsible", responsibles), "none",
           "The same by the ID in Ticket::Responsibles. Responsible comes first."),
    Header("CustomerNo", "customer_id", read_text(320),
           "the sender's address, unless PostMaster::NewTicket::AutoAssignCustomerIDForUnknownCustomers is no",
           "Number of the customer."),
    Header("CustomerUser", "customer_user", read_text(320), "the sender's address", "Name of the customer."),
    Header("Title", "title", read_title, "the subject, without ticket numbers", "Title of the ticket."),
    Header("SenderType", "sender_type", word(member(SenderType)), "customer",
           "Who the article is from: agent, system or customer."),
    Header("IsVisibleForCustomer", "visible", word(lambda text: one_of("0", "1")(text) == "1"), "1",
           "Whether customers may see the article: 0 or 1."),
    Header(DYNAMIC_FIELD, "dynamic_fields", read_text(MAX_FIELD), "none",
           "Value of the dynamic field NAME, one of Ticket::DynamicFields or Article::DynamicFields.",
           fields=(TICKET_FIELDS, ARTICLE_FIELDS)),
    Header("TicketKeyN", "dynamic_fields", read_text(MAX_FIELD), "none",
           "Value of the dynamic field TicketFreeKeyN, with a number in place of N; comes before DynamicField-NAME.",
           fields=(TICKET_FIELDS,), field="TicketFreeKey"),
    Header("TicketValueN", "dynamic_fields", read_text(MAX_FIELD), "none",
           "Value of the dynamic field TicketFreeTextN.", fields=(TICKET_FIELDS,), field="TicketFreeText"),
    Header("TicketTimeN", "dynamic_fields", read_date, "none",
           "Value of the dynamic field TicketFreeTimeN: YYYY-MM-DD hh:mm:ss.",
           fields=(TICKET_FIELDS,), field="TicketFreeTime"),
    Header("ArticleKeyN", "article_fields", read_text(MAX_FIELD), "none",
           "Value of the dynamic field ArticleFreeKeyN of the article, one of Article::DynamicFields.",
           fields=(ARTICLE_FIELDS,), field="ArticleFreeKey"),
    Header("ArticleValueN", "article_fields", read_text(MAX_FIELD), "none",
           "Value of the dynamic field ArticleFreeTextN of the article.",
           fields=(ARTICLE_FIELDS,), field="ArticleFreeText"),
    Header("Ignore", "ignore", word(read_yes), "no",
           "yes or true: the message is dropped. Its row stays in the ledger.", about_message=True),
    Header("Loop", "loop", word(read_yes), "as the other headers tell",
           "yes or no: whether the message counts as automatic.", about_message=True),
    Header("State-Keep", "keep_state", word(read_yes), "no",
           "yes: a follow-up does not change the state.", on_new=False),
)  # fmt: skip

_MANY = tuple(header for header in HEADERS if header.fields)
_BY_NAME = {
    name.lower(): name
    for header in HEADERS
    if not header.fields
    for late in (False, True)
    for name in header.names(followup=late)
}


def as_otrs(name: str) -> str:
    """``name`` with the prefix ``X-OTRS-`` if it has OTOBO's, case-insensitively."""
    return PREFIX + name[len(OTOBO_PREFIX) :] if name[: len(OTOBO_PREFIX)].lower() == OTOBO_PREFIX.lower() else name


def known_header(name: str) -> str | None:
    """``name`` in its usual spelling if it is an X-OTRS header that something comes of, else None."""
    name = as_otrs(name)
    if usual := _BY_NAME.get(name.lower()):
        return usual
    for header in _MANY:
        for late, prefix in ((True, FOLLOWUP_PREFIX), (False, PREFIX)):
            if end := header.end_of(name, followup=late):
                return f"{prefix}{header.stem}{end}"
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
        if header.fields:
            _read_fields(header, controls, choices, reading, followup=followup)
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


def _read_fields(
    header: Header, controls: Controls, choices: Choices, reading: HeaderValues, *, followup: bool
) -> None:
    """Read the dynamic fields that headers of that name set; one that another header has set is set again."""
    for control in controls.values():
        if end := header.end_of(control.name, followup=followup):
            wanted = {kind: named(getattr(choices, kind), header.field + end) for kind in header.fields}
            found = {kind: name for kind, name in wanted.items() if name}
            if found:
                _read_field(found, header, control, choices, reading)
            else:
                lists = " or ".join(LISTED[kind].name for kind in header.fields)
                reading.flaws.append(
                    (control, InvalidValue(f"sets {header.field}{end}, which is not a field of {lists}"))
                )


def _read_field(
    found: Mapping[str, str], header: Header, control: Control, choices: Choices, reading: HeaderValues
) -> None:
    value = HeaderValues(flaws=reading.flaws)
    _read_one("value", header, control, choices, value)
    for kind, name in found.items() if value.values else ():
        reading.values[kind] = {**reading.values.get(kind, {}), name: value.values["value"]}
