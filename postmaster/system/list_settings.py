"""What tickets can be given, and the settings that name an entry (docs/glossary.md#system-configuration)."""

from __future__ import annotations

from postmaster.resources.readers import line
from postmaster.system.lists import (
    DEFAULT_TYPES,
    NUMBERED,
    PRIORITIES,
    STATES,
    WITH_KIND,
    Entry,
    State,
    read_entries,
    read_field_names,
    read_people,
    read_states,
)
from postmaster.system.setting import ListSetting, OptionalSetting, Setting

STATE_LIST: ListSetting[State] = ListSetting(
    "Ticket::States",
    STATES,
    "States of tickets, each as name=kind or name=kind=ID, separated by semicolons.",
    read_states,
    columns=WITH_KIND,
)
PRIORITY_LIST: ListSetting[Entry] = ListSetting(
    "Ticket::Priorities",
    PRIORITIES,
    "Priorities of tickets, each as name or name=ID, separated by semicolons.",
    read_entries,
    columns=NUMBERED,
)
TYPE_LIST: ListSetting[Entry] = ListSetting(
    "Ticket::Types",
    DEFAULT_TYPES,
    "Types of tickets, each as name or name=ID, separated by semicolons.",
    read_entries,
    columns=NUMBERED,
)
SERVICE_LIST: ListSetting[Entry] = ListSetting(
    "Ticket::Services",
    (),
    "Services that tickets may be about, each as name or name=ID, separated by semicolons.",
    read_entries,
    columns=NUMBERED,
)
SLA_LIST: ListSetting[Entry] = ListSetting(
    "Ticket::SLAs",
    (),
    "Service level agreements of tickets, each as name or name=ID, separated by semicolons.",
    read_entries,
    columns=NUMBERED,
)
OWNER_LIST: ListSetting[Entry] = ListSetting(
    "Ticket::Owners",
    (),
    "Who may own tickets, each as name or name=ID, separated by semicolons.",
    read_people,
    columns=NUMBERED,
)
RESPONSIBLE_LIST: ListSetting[Entry] = ListSetting(
    "Ticket::Responsibles",
    (),
    "Who may be responsible for tickets, each as name or name=ID, separated by semicolons.",
    read_people,
)
DYNAMIC_FIELD_LIST: ListSetting[str] = ListSetting(
    "Ticket::DynamicFields", (), "Names of further fields of tickets, separated by semicolons.", read_field_names
)
ARTICLE_FIELD_LIST: ListSetting[str] = ListSetting(
    "Article::DynamicFields", (), "Names of further fields of articles, separated by semicolons.", read_field_names
)
DEFAULT_PRIORITY = Setting(
    "PostmasterDefaultPriority", "3 normal", "Priority of new tickets.", line(100), among=PRIORITY_LIST
)
DEFAULT_STATE = Setting("PostmasterDefaultState", "new", "State of new tickets.", line(100), among=STATE_LIST)
DEFAULT_TYPE = Setting("Ticket::Type::Default", "Unclassified", "Type of new tickets.", line(100), among=TYPE_LIST)
FOLLOWUP_STATE = Setting(
    "PostmasterFollowUpState",
    "open",
    "State that a ticket gets by a follow-up, unless it is new.",
    line(100),
    among=STATE_LIST,
)
FOLLOWUP_STATE_CLOSED = OptionalSetting(
    "PostmasterFollowUpStateClosed",
    "",
    "State that a closed ticket gets by a follow-up; empty: that of PostmasterFollowUpState.",
    line(100),
    among=STATE_LIST,
)
