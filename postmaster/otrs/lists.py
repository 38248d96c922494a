"""What tickets can be given: states, priorities, types, services, SLAs, people and dynamic fields of a dump.

Each table becomes the setting that lists such things here. Entries keep the ids that they had, since headers such as
X-OTRS-StateID name them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from postmaster.desk.configuration import change_setting
from postmaster.otrs.names import Names, known_kind, refuse
from postmaster.otrs.report import Taken
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.upsert import Result
from postmaster.resources.models import Validity
from postmaster.resources.readers import InvalidValue
from postmaster.system.list_settings import (
    ARTICLE_FIELD_LIST,
    DYNAMIC_FIELD_LIST,
    OWNER_LIST,
    PRIORITY_LIST,
    RESPONSIBLE_LIST,
    SERVICE_LIST,
    SLA_LIST,
    STATE_LIST,
    TYPE_LIST,
)
from postmaster.system.lists import Entry, State, name_of, named
from postmaster.system.setting import ListSetting
from postmaster.system.settings import get_setting

FIELD_LISTS = {"Ticket": DYNAMIC_FIELD_LIST, "Article": ARTICLE_FIELD_LIST}


@dataclass(frozen=True)
class ListTable:
    """A table whose rows become entries of ``lists``; ``column`` has their names, ``noun`` is what one is called."""

    table: str
    noun: str
    lists: Sequence[ListSetting[Any]]
    column: str = "name"


LIST_TABLES = (
    ListTable("ticket_state", "state", [STATE_LIST]),
    ListTable("ticket_priority", "priority", [PRIORITY_LIST]),
    ListTable("ticket_type", "type", [TYPE_LIST]),
    ListTable("service", "service", [SERVICE_LIST]),
    ListTable("sla", "SLA", [SLA_LIST]),
    ListTable("users", "user", [OWNER_LIST, RESPONSIBLE_LIST], "login"),
    ListTable("dynamic_field", "dynamic field", [*FIELD_LISTS.values()]),
)


class _Draft:
    """A list as it is to be. ``is_new``: nobody has entered one here, so the dump may say what is in it."""

    def __init__(self, session: Session, spec: ListSetting[Any]) -> None:
        self.spec = spec
        before = get_setting(session, spec)
        self.is_new = before == spec.default
        self.entries = [_with_id(entry, place) for place, entry in enumerate(before, 1)]
        self.changed = False

    def bring(self, entry: Any) -> tuple[Taken, str]:
        """Add an entry, or let the one of its name follow; returns what became of it, and what to know."""
        there = named(self.entries, name_of(entry))
        if there is None:
            self.entries.append(self._free(entry))
            self.changed = True
            return Taken.CREATED, self._renumbered(entry, self.entries[-1])
        if there == entry or isinstance(entry, str):
            return Taken.UNCHANGED, ""
        if not self.is_new:
            return Taken.UNCHANGED, f"{self.spec.name} has it as “{there}”, in the dump it is “{entry}”: it stays."
        self.entries[self.entries.index(there)] = self._free(replace(entry, name=there.name), but=there)
        self.changed = self.changed or there != entry
        return (Taken.CHANGED if there != entry else Taken.UNCHANGED), ""

    def _renumbered(self, entry: Any, taken: Any) -> str:
        """What to know of an entry that could not keep its ID."""
        if taken == entry:
            return ""
        other = next(each for each in self.entries if each.id == entry.id)
        noun = self.spec.name.partition("::")[2]
        return f"Its ID {entry.id} is that of “{other.name}” in {noun} here, so it has {taken.id}: headers name it so."

    def _free(self, entry: Any, but: Any = None) -> Any:
        """``entry``, whose id nobody else has: of a list that is new, the other one gets another."""
        numbers = {each.id: each for each in self.entries if not isinstance(each, str) and each is not but}
        if isinstance(entry, str) or entry.id not in numbers:
            return entry
        unused = max(number for number in (*numbers, entry.id) if number) + 1
        if not self.is_new:
            return replace(entry, id=unused)
        self.entries[self.entries.index(numbers[entry.id])] = replace(numbers[entry.id], id=unused)
        return entry


def _with_id(entry: Any, place: int) -> Any:
    """An entry with the id that it has without having been given one."""
    return Entry(entry.name, entry.id or place) if isinstance(entry, Entry) else entry


class ListTaker:
    """Takes the rows of one table; ``finish`` enters the lists that they make."""

    def __init__(self, session: Session, names: Names, kind: ListTable, actor: str) -> None:
        self._session = session
        self._names = names
        self._kind = kind
        self._actor = actor
        self._drafts = {spec.name: _Draft(session, spec) for spec in kind.lists}

    def called(self, row: DumpRow) -> str:
        """What a row is called in the report."""
        return f"{self._kind.noun} “{row.get(self._kind.column)}”"

    def take(self, row: DumpRow) -> Result:
        """Take one. Raises InputError if a list cannot hold it."""
        name = row.get(self._kind.column).strip()
        drafts = self._drafts_of(row)
        if isinstance(drafts, Result):
            return drafts
        if self._names.validity(row) != Validity.VALID:
            return _invalid(name, drafts)
        entry = self._entry(row, name)
        results = [draft.bring(_checked(draft.spec, entry)) for draft in drafts]
        detail = " ".join(dict.fromkeys(words for _, words in results if words))
        return Result(results[0][0], detail, by_hand=bool(detail)).adding(*self._lacks(row))

    def finish(self) -> None:
        """Enter the lists."""
        for draft in self._drafts.values():
            if draft.changed:
                change_setting(self._session, draft.spec.name, draft.spec.show(tuple(draft.entries)), self._actor)

    def _drafts_of(self, row: DumpRow) -> list[_Draft] | Result:
        if self._kind.table != "dynamic_field":
            return [*self._drafts.values()]
        about = row.get("object_type") or "Ticket"
        if about not in FIELD_LISTS:
            return Result(Taken.PASSED_OVER, f"It is a field of {about}, which no mail sets.")
        if row.get("internal_field") == "1":
            return Result(Taken.PASSED_OVER, "It belongs to the other system itself.")
        return [self._drafts[FIELD_LISTS[about].name]]

    def _entry(self, row: DumpRow, name: str) -> Any:
        number = int(row.get("id")) if row.get("id").isdecimal() else None
        if self._kind.table == "dynamic_field":
            return name
        if self._kind.table == "ticket_state":
            return State(name, known_kind(self._names.kind_of_state(row.get("type_id"))), number)
        return Entry(name, number)

    def _lacks(self, row: DumpRow) -> Iterator[str]:
        if self._kind.table == "ticket_state":
            kind = self._names.kind_of_state(row.get("type_id"))
            if (known := known_kind(kind)) != kind:
                yield f"Its kind “{kind}” is not known here: it counts as “{known}”."


def _checked(spec: ListSetting[Any], entry: Any) -> Any:
    """``entry`` as the list would read it. Raises InputError if it would read something else."""
    try:
        read = spec.read(str(entry))
    except InvalidValue as error:
        advice = error.advice or "Enter it under another name."
        raise refuse(spec.name, error.flaw, advice, "bad-setting") from None
    if len(read) != 1 or name_of(read[0]) != name_of(entry):
        flaw = f"cannot hold “{name_of(entry)}”, because of its semicolon or line break"
        raise refuse(spec.name, flaw, "Give it another name there, or enter it here under another one.", "bad-setting")
    return entry


def _invalid(name: str, drafts: Sequence[_Draft]) -> Result:
    listed = [draft.spec.name for draft in drafts if named(draft.entries, name)]
    if not listed:
        return Result(Taken.PASSED_OVER, "It is not valid there.")
    return Result(Taken.UNCHANGED, f"It is not valid there; here {listed[0]} has it, so that headers can name it.")
