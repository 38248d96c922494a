"""What tickets can be given, with the defaults that service desks know (docs/glossary.md#system-configuration).

Each list is a setting: one entry after the other, separated by semicolons or line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from postmaster.resources.numbers import read_id
from postmaster.resources.readers import InvalidValue, alternatives, line

LIST_SEPARATOR = "; "
MAX_NAME = 100

_DIVIDED = re.compile(r"[;\n]")
_FIELD_NAME = re.compile(r"[a-z0-9]{1,60}", re.IGNORECASE)


class StateKind(StrEnum):
    """What a state means to the rules about follow-ups and pending times."""

    NEW = "new"
    OPEN = "open"
    PENDING_REMINDER = "pending reminder"
    PENDING_AUTO = "pending auto"
    CLOSED = "closed"
    MERGED = "merged"
    REMOVED = "removed"

    @property
    def is_pending(self) -> bool:
        """Whether a ticket in it waits for a moment."""
        return self in (StateKind.PENDING_REMINDER, StateKind.PENDING_AUTO)

    @property
    def is_closed(self) -> bool:
        """Whether nobody works on a ticket in it any more."""
        return self in (StateKind.CLOSED, StateKind.MERGED, StateKind.REMOVED)

    @property
    def heeds_policy(self) -> bool:
        """Whether the queue's policy decides about follow-ups. One that was merged by hand, into none, takes them."""
        return self in (StateKind.CLOSED, StateKind.REMOVED)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a ticket can be given, entered as ``name`` or ``name=ID``. Headers such as X-OTRS-OwnerID use the ID."""

    name: str
    id: int | None = None

    def __str__(self) -> str:
        return self.name if self.id is None else f"{self.name}={self.id}"


@dataclass(frozen=True, slots=True)
class State:
    """A state of tickets, entered as ``name=kind`` or ``name=kind=ID``. The usual ones have IDs without being asked."""

    name: str
    kind: StateKind
    id: int | None = None

    def __str__(self) -> str:
        text = f"{self.name}={self.kind}"
        return text if self.id == USUAL_STATE_IDS.get(self.name.casefold()) else f"{text}={self.id}"


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A part of the entries of a list: its name in forms, and the words that it takes, if it takes only some."""

    name: str
    label: str
    choices: tuple[str, ...] = ()


NAMES = (ListColumn("name", "Name"),)
NUMBERED = (*NAMES, ListColumn("id", "ID"))
WITH_KIND = (*NAMES, ListColumn("kind", "Kind", tuple(StateKind)), ListColumn("id", "ID"))


def parts_of(entry: object) -> tuple[str, ...]:
    """What an entry is made of, column by column."""
    if isinstance(entry, State):
        usual = entry.id == USUAL_STATE_IDS.get(entry.name.casefold())
        return entry.name, entry.kind.value, "" if usual or entry.id is None else str(entry.id)
    if isinstance(entry, Entry):
        return entry.name, "" if entry.id is None else str(entry.id)
    return (str(entry),)


def join_entries(rows: Iterable[Sequence[str]]) -> str:
    """The text of a list whose entries have these parts; one without a name is none."""
    return LIST_SEPARATOR.join("=".join(part for part in parts if part) for parts in rows if parts[0])


# The IDs that OTRS, Znuny and OTOBO are installed with, whatever their order in the list.
USUAL_STATE_IDS = {
    "new": 1,
    "closed successful": 2,
    "closed unsuccessful": 3,
    "open": 4,
    "removed": 5,
    "pending reminder": 6,
    "pending auto close+": 7,
    "pending auto close-": 8,
    "merged": 9,
}

STATES = tuple(
    State(name, kind, USUAL_STATE_IDS[name])
    for name, kind in (
        ("new", StateKind.NEW),
        ("open", StateKind.OPEN),
        ("pending reminder", StateKind.PENDING_REMINDER),
        ("pending auto close+", StateKind.PENDING_AUTO),
        ("pending auto close-", StateKind.PENDING_AUTO),
        ("closed successful", StateKind.CLOSED),
        ("closed unsuccessful", StateKind.CLOSED),
        ("merged", StateKind.MERGED),
        ("removed", StateKind.REMOVED),
    )
)

PRIORITIES = tuple(map(Entry, ("1 very low", "2 low", "3 normal", "4 high", "5 very high")))

DEFAULT_TYPES = (Entry("Unclassified"),)

EntryT = TypeVar("EntryT")


def name_of(entry: object) -> str:
    """What an entry is called."""
    return entry.name if isinstance(entry, State | Entry) else str(entry)


def named(entries: Iterable[EntryT], name: str) -> EntryT | None:
    """The entry of that name, case-insensitively."""
    wanted = name.casefold()
    return next((entry for entry in entries if name_of(entry).casefold() == wanted), None)


def numbered(entries: Iterable[EntryT], number: int) -> EntryT | None:
    """The entry with that ID, if there is one."""
    return next((entry for place, entry in enumerate(entries, 1) if _id_of(entry, place) == number), None)


def _id_of(entry: object, place: int) -> int | None:
    """The ID that was entered with the name; without one, the ``place`` in the list, which says nothing of a state."""
    if isinstance(entry, State):
        return entry.id
    return (entry.id or place) if isinstance(entry, Entry) else None


def read_names(text: str) -> tuple[str, ...]:
    """Names, each once."""
    return _read(text, _name, str.casefold)


def read_field_names(text: str) -> tuple[str, ...]:
    """Names of dynamic fields, which stand in names of headers."""
    return _read(text, _field_name, str.casefold)


def read_states(text: str) -> tuple[State, ...]:
    """States with their kinds."""
    return _with_own_ids(_read(text, _state, _key))


def read_entries(text: str) -> tuple[Entry, ...]:
    """Entries, each with another name and another ID. What is no number after the last ``=`` belongs to the name."""
    return _with_own_ids(_read(text, _entry, _key))


def read_people(text: str) -> tuple[Entry, ...]:
    """People, each with another name and another ID."""
    return _with_own_ids(_read(text, _person, _key))


def _key(entry: object) -> str:
    return name_of(entry).casefold()


def _with_own_ids(entries: tuple[EntryT, ...]) -> tuple[EntryT, ...]:
    """``entries``, no two of which have the same ID."""
    numbers = [_id_of(entry, place) for place, entry in enumerate(entries, 1)]
    for entry, number in zip(entries, numbers, strict=True):
        if number is not None and numbers.count(number) > 1:
            name = name_of(entry)
            raise InvalidValue(f"gives the ID {number} twice, also to “{name}”", "Give IDs to all, or to none.")
    return entries


def _read(text: str, read: Callable[[str], EntryT], key: Callable[[EntryT], Hashable]) -> tuple[EntryT, ...]:
    entries = [read(part.strip()) for part in _DIVIDED.split(text) if part.strip()]
    seen: set[Hashable] = set()
    for entry in entries:
        if key(entry) in seen:
            raise InvalidValue(f"has “{name_of(entry)}” twice", "Leave one of them out.")
        seen.add(key(entry))
    return tuple(entries)


def _name(text: str) -> str:
    if len(text) > MAX_NAME:
        raise InvalidValue(f"has “{text[:20]}…”, which is longer than {MAX_NAME} characters")
    return line(MAX_NAME)(text)


def _field_name(text: str) -> str:
    if not _FIELD_NAME.fullmatch(text):
        raise InvalidValue(f"has “{text}”, but names of dynamic fields are letters and digits")
    return text


def _state(text: str) -> State:
    rest, _, number = (part.strip() for part in text.rpartition("="))
    entered = read_id(number) if "=" in rest else None
    name, equals, kind = (part.strip() for part in (text if entered is None else rest).rpartition("="))
    if not equals or kind not in list(StateKind) or not name:
        kinds = alternatives(tuple(StateKind))
        raise InvalidValue(f"has “{text}”, which has no kind of state", f"Enter name=kind; kinds are {kinds}.")
    return State(_name(name), StateKind(kind), entered or USUAL_STATE_IDS.get(name.casefold()))


def _entry(text: str) -> Entry:
    name, _, number = (part.strip() for part in text.rpartition("="))
    entered = read_id(number) if name else None
    return Entry(_name(text)) if entered is None else Entry(_name(name), entered)


def _person(text: str) -> Entry:
    entry = _entry(text)
    if entry.id is None and "=" in text:
        raise InvalidValue(f"has “{text}”, whose ID is no number", "Enter name, or name=ID.")
    return entry
