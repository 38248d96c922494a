"""What the help says: made from the tables that the code itself works with, so that it cannot say anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from postmaster.accounts.fields import ACCOUNT_FIELDS
from postmaster.accounts.health import HEALTH_LABELS
from postmaster.accounts.kinds import CREDENTIAL_FIELDS, CREDENTIAL_KINDS
from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from postmaster.desk.addresses import AddressService
from postmaster.desk.api_tokens import FIELDS as TOKEN_FIELDS
from postmaster.desk.queues import QueueService
from postmaster.errors import FAULTS, Fault
from postmaster.oauth.error_codes import GOOGLE, MICROSOFT, STANDARD, Meaning
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.target_service import TargetService
from postmaster.outbox.models import EventType
from postmaster.outlets.health import HEALTHS, OutletHealth
from postmaster.outlets.kinds import EVENTS, OUTLET_KINDS
from postmaster.outlets.service import OutletService
from postmaster.pipeline.decision import REASONS
from postmaster.pipeline.filters.patterns import EMAIL_ADDRESS
from postmaster.pipeline.filters.pseudo_headers import PSEUDO_HEADERS
from postmaster.pipeline.filters.service import FilterService
from postmaster.pipeline.x_otrs_headers import HEADERS
from postmaster.refusals import REFUSALS
from postmaster.resources.fields import Field
from postmaster.system.setting_table import SETTINGS
from postmaster.system.users import FIELDS as USER_FIELDS
from postmaster.web.help_commands import command_sections
from postmaster.web.help_entry import Entry, HelpSection, Topic, named_facts

_ENCRYPTION = {"none": "not encrypted", "STARTTLS": "encrypted by STARTTLS", "implicit": "encrypted from the start"}


def _field_entry(field: Field, **facts: str) -> Entry:
    return Entry(
        field.label,
        field.help,
        named_facts(
            mandatory="yes" if field.mandatory else "",
            one_of=", ".join(field.choices),
            default=field.default,
            **facts,
            option=f"{field.option}-stdin" if field.secret else f"{field.option} {field.metavar}",
        ),
    )


def _fields(fields: Iterable[Field]) -> HelpSection:
    lead = "As they are called on the page, with their options on the command line."
    return HelpSection("Fields", lead, [_field_entry(field) for field in fields])


def _customer_sections() -> Iterator[HelpSection]:
    lead = "In UTF-8, separated by commas or semicolons. A file replaces the directory as a whole, or not at all."
    yield HelpSection(
        "Columns",
        lead,
        [
            Entry("address", "An address; *@example.com stands for all of that domain without an entry of their own."),
            Entry("login", "The customer user of the ticket, unless X-OTRS-CustomerUser says otherwise."),
            Entry("number", "Its customer number, unless X-OTRS-CustomerNo does; the sender's address if it is empty."),
        ],
    )


def _account_sections() -> Iterator[HelpSection]:
    types = [
        Entry(
            kind.name,
            f"{kind.protocol}, {_ENCRYPTION[kind.tls]}.",
            named_facts(port=str(kind.port), own_fields=", ".join(field.label for field in kind.fields)),
        )
        for kind in ACCOUNT_TYPES.values()
    ]
    yield HelpSection("Types", "The type decides which of the fields an account has.", types)
    lead = "Fields that only some types have name them."
    yield HelpSection("Fields", lead, [_field_entry(field, only=_types_with(field)) for field in ACCOUNT_FIELDS])
    states = [Entry(label.capitalize(), "", (), health.value) for health, label in HEALTH_LABELS.items()]
    yield HelpSection("Health", "How an account is doing, in a word; with its word in JSON.", states)


def _types_with(field: Field) -> str:
    if field not in TYPE_FIELDS:
        return ""
    return ", ".join(kind.name for kind in ACCOUNT_TYPES.values() if kind.has(field))


def _credential_sections() -> Iterator[HelpSection]:
    kinds = [
        Entry(
            spec.label,
            spec.purpose,
            named_facts(own_fields=", ".join(field.label for field in spec.own), grants=", ".join(spec.grants)),
            spec.kind.value,
        )
        for spec in CREDENTIAL_KINDS.values()
    ]
    yield HelpSection("Kinds", "How a credential signs in. It is chosen first and cannot be changed.", kinds)
    lead = "Fields that only some kinds have name them."
    yield HelpSection("Fields", lead, [_field_entry(field, only=_kinds_with(field)) for field in CREDENTIAL_FIELDS])


def _kinds_with(field: Field) -> str:
    having = [spec.label for spec in CREDENTIAL_KINDS.values() if spec.has(field)]
    return ", ".join(having) if len(having) < len(CREDENTIAL_KINDS) else ""


def _filter_sections() -> Iterator[HelpSection]:
    yield _fields(FilterService.fields)
    yield HelpSection("How conditions and values are written", "One example each.", [*EXAMPLES])
    pseudo = [Entry(row.name, row.help) for row in PSEUDO_HEADERS.values()]
    yield HelpSection(
        "What conditions can test besides headers", "These are not headers of the message itself.", pseudo
    )


def _header_sections() -> Iterator[HelpSection]:
    entries = [
        Entry(
            header.name,
            header.help,
            named_facts(
                on_new_tickets=", ".join(header.names(followup=False)),
                on_follow_ups=", ".join(header.names(followup=True)),
                without_it=header.default,
            ),
        )
        for header in HEADERS
    ]
    yield HelpSection("X-OTRS headers", "An invalid value counts as if it had not been given, and is noted.", entries)


def _outlet_sections() -> Iterator[HelpSection]:
    kinds = [Entry(spec.label, spec.meaning, code=spec.kind.value) for spec in OUTLET_KINDS.values()]
    yield HelpSection("Kinds", "How events are handed over.", kinds)
    yield _fields(OutletService.fields)
    yield HelpSection(
        "Events", "What an outlet can be told of.", [Entry(each.value, EVENTS[each]) for each in EventType]
    )
    yield HelpSection("Health", "How an outlet stands.", [Entry(each.value, HEALTHS[each]) for each in OutletHealth])


def _operation_sections() -> Iterator[HelpSection]:
    yield _fields(TargetService.fields)
    entries = [Entry(condition.title, "", (), condition.name) for condition in CONDITIONS]
    yield HelpSection("Conditions", "What a target can be told of, with its word on the command line.", entries)


# The syntax of filters. A test reads each example as a filter does.
EXAMPLES = (
    Entry("A word", "Found anywhere in the header, case-insensitively.", (), "Subject=invoice"),
    Entry("A pattern", "A regular expression; what it has in brackets is captured.", (), r"Subject=order\s+(\d{4,})"),
    Entry("A name for what is captured", "For use in values.", (), r"Subject=order\s+(?P<number>\d+)"),
    Entry("An address", "The bare address of From, To or Cc, whatever name is with it. In values: [** \\email **].", (),
          f"From={EMAIL_ADDRESS}boss@example.com"),
    Entry("The text of the message", "As it is shown in the ticket.", (), "Body=unsubscribe"),
    Entry("A value", "A header to set, for new tickets.", (), "X-OTRS-Queue=Junk"),
    Entry("A value for follow-ups", "They have headers of their own.", (), "X-OTRS-FollowUp-State=open"),
    Entry("A value with what was captured", "The first capture of the last match.", (), "X-OTRS-Title=Order [***]"),
    Entry("A value with a named capture", "By its name.", (), r"X-OTRS-DynamicField-Order=[** \number **]"),
)  # fmt: skip


def _settings_sections() -> Iterator[HelpSection]:
    entries = [
        Entry(spec.name, spec.description, named_facts(default=spec.show(spec.default), one_of=", ".join(spec.choices)))
        for spec in SETTINGS.values()
    ]
    yield HelpSection("Settings", "Changed on the page, or by: flask setting set NAME VALUE", entries)


def _error_sections() -> Iterator[HelpSection]:
    faults = [Entry(fault.code, _blanks(fault.message), _fault_facts(fault)) for fault in FAULTS.values()]
    yield HelpSection("Fetching", "What can keep mail from being fetched, by its code.", faults)
    refusals = [Entry(code, text, named_facts(what_to_do=advice)) for code, (text, advice) in REFUSALS.items()]
    yield HelpSection(
        "Refusals", "What can be wrong with what was entered. NOUN stands for account, queue and so on.", refusals
    )


def _provider_sections() -> Iterator[HelpSection]:
    yield _meanings("Microsoft", "AADSTS", MICROSOFT)
    yield _meanings("Google", "Google ", GOOGLE)
    yield _meanings("All others", "", STANDARD)


def _meanings(title: str, prefix: str, meanings: Mapping[str, Meaning]) -> HelpSection:
    entries = [
        Entry(
            f"{prefix}{code}",
            f"{meaning.what[0].upper()}{meaning.what[1:]}.",
            named_facts(what_to_do=meaning.todo, code=meaning.fault),
        )
        for code, meaning in meanings.items()
    ]
    return HelpSection(title, "Its error codes, and the ones that they lead to here.", entries)


def _fault_facts(fault: Fault) -> list[tuple[str, str]]:
    waits = "the next run tries again by itself" if fault.temporary else "somebody has to change something first"
    return named_facts(what_to_do=_blanks(fault.advice), then=waits, stage=fault.stage)


def _blanks(sentence: str) -> str:
    """``sentence`` with an ellipsis where a detail would stand."""
    return re.sub(r"\{\w+\}", "…", sentence)


def _reason_sections() -> Iterator[HelpSection]:
    entries = [Entry(code, sentence) for code, sentence in REASONS.items()]
    yield HelpSection("Reason codes", "Why a message was handled as it was, in traces and in JSON.", entries)


TOPICS: Mapping[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "accounts",
            "Mail accounts",
            "A mailbox that is fetched: its messages become tickets, and are deleted on the server.",
            _account_sections,
            ("accounts", "runs", "status"),
        ),
        Topic(
            "credentials",
            "Credentials",
            "What accounts sign in with. Secrets are sealed, and never shown again.",
            _credential_sections,
            ("credentials",),
        ),
        Topic(
            "addresses",
            "Email addresses",
            "Which queue takes the mail that is sent to an address, in accounts that dispatch by the To: field.",
            lambda: [_fields(AddressService.fields)],
            ("addresses",),
        ),
        Topic(
            "queues",
            "Queues",
            "Where tickets wait, nested by their names.",
            lambda: [_fields(QueueService.fields)],
            ("queues", "tickets"),
        ),
        Topic(
            "customers",
            "Customer directory",
            "A CSV file with the columns address, login and number says who the customer of a new ticket is.",
            _customer_sections,
            ("customers",),
        ),
        Topic(
            "filters",
            "Postmaster filters",
            "Conditions on a message, and headers that are set if all of them match; in ASCII order of their names.",
            _filter_sections,
            ("filters",),
        ),
        Topic(
            "outlets",
            "Outlets",
            "Other programs are told what happens: at least once, each event under one id, in the order of its ticket.",
            _outlet_sections,
            ("outlets",),
        ),
        Topic(
            "headers",
            "X-OTRS headers",
            "What a message is told to become: by a filter, or by itself if its account is trusted.",
            _header_sections,
        ),
        Topic(
            "settings",
            "System configuration",
            "System-wide settings. Changes apply from the next message.",
            _settings_sections,
            ("settings",),
        ),
        Topic(
            "operation",
            "Operation",
            "What is wrong is told once to each target of alerts, and once when it is over.",
            _operation_sections,
            ("operation", "targets"),
        ),
        Topic(
            "users",
            "Users",
            "Who may sign in to the pages. An admin changes things, a lead looks at them.",
            lambda: [_fields(USER_FIELDS)],
            ("users",),
        ),
        Topic(
            "tokens",
            "API tokens",
            "What programs sign in to the API with, by the header Authorization: Bearer TOKEN. They open no page.",
            lambda: [_fields(TOKEN_FIELDS)],
            ("tokens", "programs"),
        ),
        Topic(
            "reasons",
            "Why a message ended up where it did",
            "Each message that was taken has a trace: which stage decided what, and by which rule.",
            _reason_sections,
            ("articles", "mail", "quarantine", "why"),
        ),
        Topic(
            "errors",
            "Errors, and what to do",
            "Each error has a code that stays the same, on pages, in commands and in the log.",
            _error_sections,
        ),
        Topic(
            "providers",
            "What identity providers say",
            "Their error codes, in what happened and what to do. All others are shown in the provider's own words.",
            _provider_sections,
        ),
        Topic(
            "commands",
            "Command line",
            "Everything that the pages do, and more, for scripts and cron jobs.",
            command_sections,
        ),
    )
}
