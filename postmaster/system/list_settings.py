"""The lists of what tickets can be given, and the settings that name one of their entries (REFERENCE section 2)."""

from __future__ import annotations

from postmaster.resources.readers import line
from postmaster.system.lists import (
    DEFAULT_TYPES,
    PRIORITIES,
    STATES,
    Person,
    State,
    read_field_names,
    read_names,
    read_people,
    read_states,
)
from postmaster.system.setting import ListSetting, Setting

STATE_LIST: ListSetting[State] = ListSetting(
    "Ticket::States", STATES, "States of tickets, each as name=kind, separated by semicolons.", read_states
)
PRIORITY_LIST: ListSetting[str] = ListSetting(
    "Ticket::Priorities", PRIORITIES, "Priorities of tickets, separated by semicolons.", read_names
)
TYPE_LIST: ListSetting[str] = ListSetting(
    "Ticket::Types", DEFAULT_TYPES, "Types of tickets, separated by semicolons.", read_names
)
SERVICE_LIST: ListSetting[str] = ListSetting(
    "Ticket::Services", (), "Services that tickets may be about, separated by semicolons.", read_names
)
SLA_LIST: ListSetting[str] = ListSetting(
    "Ticket::SLAs", (), "Service level agreements of tickets, separated by semicolons.", read_names
)
OWNER_LIST: ListSetting[Person] = ListSetting(
    "Ticket::Owners", (), "Who may own tickets, each as name or name=ID, separated by semicolons.", read_people
)
RESPONSIBLE_LIST: ListSetting[Person] = ListSetting(
    "Ticket::Responsibles",
    (),
    "Who may be responsible for tickets, each as name or name=ID, separated by semicolons.",
    read_people,
)
DYNAMIC_FIELD_LIST: ListSetting[str] = ListSetting(
    "Ticket::DynamicFields", (), "Names of further fields of tickets, separated by semicolons.", read_field_names
)
DEFAULT_PRIORITY = Setting(
    "PostmasterDefaultPriority", "3 normal", "Priority of new tickets.", line(100), among=PRIORITY_LIST
)
DEFAULT_STATE = Setting("PostmasterDefaultState", "new", "State of new tickets.", line(100), among=STATE_LIST)
DEFAULT_TYPE = Setting("Ticket::Type::Default", "Unclassified", "Type of new tickets.", line(100), among=TYPE_LIST)
FOLLOWUP_STATE = Setting(
    "PostmasterFollowUpState",
    "open",
    "State that a closed or pending ticket gets by a follow-up.",
    line(100),
    among=STATE_LIST,
)
