"""The tables of OTRS, Znuny and OTOBO that concern mail: those that are taken, and what to do without the others."""

from __future__ import annotations

from dataclasses import dataclass

from postmaster.otrs.sql import Wanted

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
    "mail_account",
    "postmaster_filter",
    "sysconfig_modified",
)

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
    "mail_queue": Dropped(
        "Outgoing mail that waits: let the other system send it before it is switched off.", by_hand=True
    ),
    "ticket_loop_protection": Dropped("It counts automatic answers, and none are sent here."),
    "ticket_number_counter": Dropped("Numbers here are the day and a counter of their own; none is given out twice."),
    "generic_agent_jobs": Dropped("Jobs that change tickets by the clock have no counterpart here.", by_hand=True),
    "ticket": Dropped(_CONVERSATION),
    "article": Dropped(_CONVERSATION),
    "article_data_mime": Dropped(_CONVERSATION),
}

TABLES: Wanted = {
    **dict.fromkeys(_TAKEN),
    **{table: (dropped.name,) if dropped.name else () for table, dropped in DROPPED.items()},
    "customer_user": ("login", "email"),  # for --compare
}
