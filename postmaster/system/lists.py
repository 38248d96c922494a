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


@dataclass(frozen=True, slots=True)
class State:
    """A state of tickets, entered as ``name=kind``."""

    name: str
    kind: StateKind

    def __str__(self) -> str:
        return f"{self.name}={self.kind}"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom tickets are given to, entered as ``name`` or ``name=ID``."""

    name: str
    id: int | None = None

    def __str__(self) -> str:
        return self.name if self.id is None else f"{self.name}={self.id}"


STATES = (
    State("new", StateKind.NEW),
    State("open", StateKind.OPEN),
    State("pending reminder", StateKind.PENDING_REMINDER),
    State("pending auto close+", StateKind.PENDING_AUTO),
    State("pending auto close-", StateKind.PENDING_AUTO),
    State("closed successful", StateKind.CLOSED),
    State("closed unsuccessful", StateKind.CLOSED),
    State("merged", StateKind.MERGED),
    State("removed", StateKind.REMOVED),
)

PRIORITIES = ("1 very low", "2 low", "3 normal", "4 high", "5 very high")

DEFAULT_TYPES = ("Unclassified",)

EntryT = TypeVar("EntryT")


def name_of(entry: object) -> str:
    """What an entry is called."""
    return entry.name if isinstance(entry, State | Person) else str(entry)


def named(entries: Iterable[EntryT], name: str) -> EntryT | None:
    """The entry of that name, case-insensitively."""
    wanted = name.casefold()
    return next((entry for entry in entries if name_of(entry).casefold() == wanted), None)


def numbered(people: Sequence[Person], number: int) -> Person | None:
    """The person with that ID: the one that was entered with the name, or else the place in the list, from 1."""
    return next((person for place, person in enumerate(people, 1) if (person.id or place) == number), None)


def read_names(text: str) -> tuple[str, ...]:
    """Names, each once."""
    return _read(text, _name, str.casefold)


def read_field_names(text: str) -> tuple[str, ...]:
    """Names of dynamic fields, which stand in names of headers."""
    return _read(text, _field_name, str.casefold)


def read_states(text: str) -> tuple[State, ...]:
    """States with their kinds."""
    return _read(text, _state, lambda state: state.name.casefold())


def read_people(text: str) -> tuple[Person, ...]:
    """People, each with another name and another ID."""
    people = _read(text, _person, lambda person: person.name.casefold())
    numbers = [person.id or place for place, person in enumerate(people, 1)]
    for person, number in zip(people, numbers, strict=True):
        if numbers.count(number) > 1:
            raise InvalidValue(f"gives the ID {number} twice, also to “{person.name}”", "Give IDs to all, or to none.")
    return people


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
    name, equals, kind = (part.strip() for part in text.rpartition("="))
    if not equals or kind not in list(StateKind) or not name:
        kinds = alternatives(tuple(StateKind))
        raise InvalidValue(f"has “{text}”, which has no kind of state", f"Enter name=kind; kinds are {kinds}.")
    return State(_name(name), StateKind(kind))


def _person(text: str) -> Person:
    name, equals, number = (part.strip() for part in text.rpartition("="))
    if not equals:
        return Person(_name(text))
    person = read_id(number)
    if person is None or not name:
        raise InvalidValue(f"has “{text}”, whose ID is no number", "Enter name, or name=ID.")
    return Person(_name(name), person)
