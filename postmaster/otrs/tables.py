"""The tables of OTRS, Znuny and OTOBO that concern mail: those that are taken, and what to do without the others."""

from __future__ import annotations

from dataclasses import dataclass

from postmaster.otrs.sql import Wanted

# How accounts sign in, where the package Znuny4OTRS-AdvancedMailAccount kept it apart: columns of ``mail_account``.
ACCOUNT_ADDITIONS = "z4o_mail_account"

# In the order of the report, which is that in which they need each other.
_TAKEN = (
    "valid",
    "follow_up_possible",
    "ticket_state_type",
    "ticket_state",
    "ticket_priority",
    "ticket_type",
    "service",
    "sla",
    "users",
    "dynamic_field",
    "queue",
    "system_address",
    "oauth2_token_config",
    "oauth2_token",
    ACCOUNT_ADDITIONS,
    "mail_account",
    "postmaster_filter",
    "sysconfig_modified",
)

# Columns that some installations call otherwise: those of OTRS Community Edition since 6.0.37.
RENAMED = {
    "mail_account": {"auth_method": "authentication_type"},
    "oauth2_token": {"config_id": "token_config_id"},
}

# Those whose rows only say what numbers in the others mean.
MEANINGS = {"valid": "validity", "follow_up_possible": "follow-up policy", "ticket_state_type": "kind of state"}


TAKEN_TABLES = frozenset(_TAKEN)


@dataclass(frozen=True)
class Dropped:
    """A table that nothing is taken of: what to do instead. With a ``name`` column each row has a line, else all one.

    ``by_hand``: somebody has to do it, or something is missing afterwards.
    """

    instead: str
    name: str = ""
    by_hand: bool = False


_ANSWERS = "PostMaster sends no mail"
_CONVERSATION = "The mail of tickets stays there. For follow-ups to them: flask import otrs --conversations"
_LOOK_THERE = "keep the other system to look it up, as long as you need it."
_KEYS = "Nothing is decrypted here; signed mail is read without checking who signed."

DROPPED = {
    "auto_response": Dropped(
        f"{_ANSWERS}: let the mail server or the service desk behind it acknowledge what comes in.",
        "name",
        by_hand=True,
    ),
    "queue_auto_response": Dropped("Which queue sends which automatic answer: see auto_response."),
    "auto_response_type": Dropped("When automatic answers are sent: see auto_response."),
    "salutation": Dropped(f"{_ANSWERS}, so it needs none."),
    "signature": Dropped(f"{_ANSWERS}, so it needs none."),
    "notification_event": Dropped(
        f"{_ANSWERS} to agents and customers; alerts about fetching: docs/monitoring.md.", "name"
    ),
    "queue_preferences": Dropped("Preferences of queues have no counterpart; look through them, if you set any."),
    "service_customer_user": Dropped(
        "Which customer may use which service: here X-OTRS-Service takes any of the list."
    ),
    "service_sla": Dropped("Which SLA belongs to which service: here X-OTRS-SLA takes any of the list."),
    "customer_user": Dropped(
        "Customers by their addresses come from a CSV file: export login, email and customer_id there.", by_hand=True
    ),
    "standard_template": Dropped(f"{_ANSWERS}, so it needs no templates for it."),
    "queue_standard_template": Dropped("Which queue has which templates: see standard_template."),
    "sendmail_config": Dropped(f"{_ANSWERS}: what sends answers keeps its own way out.", by_hand=True),
    "article_data_mime_send_error": Dropped(f"Which answers could not be sent: {_LOOK_THERE}"),
    "communication_log": Dropped(f"What was fetched and sent until now: {_LOOK_THERE}"),
    "smime_keys": Dropped(_KEYS),
    "smime_signer_cert_relations": Dropped(_KEYS),
    "customer_company": Dropped("Companies of customers have no counterpart; their numbers come with the customers."),
    "customer_user_customer": Dropped(
        "Further numbers of a customer: here each has one, that of the CSV file with customers."
    ),
    "auth_token": Dropped(
        "Tokens of the package MailAccount-OAuth2: add an OAuth2 credential, and run flask credential authorise.",
        by_hand=True,
    ),
    "mail_queue": Dropped(
        "Outgoing mail that waits: let the other system send it before it is switched off.", by_hand=True
    ),
    "ticket_loop_protection": Dropped("It counts automatic answers, and none are sent here."),
    "ticket_number_counter": Dropped("Numbers here are the day and a counter of their own; none is given out twice."),
    "generic_agent_jobs": Dropped("Jobs that change tickets by the clock have no counterpart here.", by_hand=True),
    "ticket": Dropped(_CONVERSATION),
    "article": Dropped(_CONVERSATION),
    "article_data_mime": Dropped(_CONVERSATION),
    "article_data_mime_plain": Dropped(_CONVERSATION),
    "article_data_mime_attachment": Dropped(_CONVERSATION),
    "article_version": Dropped("Earlier versions of articles stay there."),
    "dynamic_field_value": Dropped("Fields of tickets come with them: flask import otrs --conversations"),
}


@dataclass(frozen=True)
class DroppedColumns:
    """Columns of a table that is taken which have no counterpart; ``instead``: what holds here."""

    table: str
    columns: tuple[str, ...]
    instead: str


DROPPED_COLUMNS = (
    DroppedColumns("queue", ("system_address_id", "salutation_id", "signature_id"), f"{_ANSWERS}."),
    DroppedColumns("queue", ("calendar_name",), "Nothing escalates here, so no calendar is needed."),
    DroppedColumns(
        "queue",
        ("group_id",),
        "Who sees its tickets: here all who are signed in.",
    ),
    DroppedColumns(
        "sla",
        ("first_response_time", "update_time", "solution_time", "calendar_name"),
        "Nothing escalates here: an agreement is a name that tickets can have.",
    ),
    DroppedColumns("dynamic_field", ("config",), "Which values a field may have is not checked here: it takes any."),
)

TABLES: Wanted = {
    **dict.fromkeys(_TAKEN),
    **{table: (dropped.name,) if dropped.name else () for table, dropped in DROPPED.items()},
    "customer_user": ("login", "email"),  # for --compare
}
