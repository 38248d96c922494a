"""Bringing one thing over: it is added, or follows the dump as long as nobody has changed it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from postmaster.otrs.report import Taken
from postmaster.resources.fields import Value
from postmaster.resources.import_export import Importer
from postmaster.resources.service import Service, differences


@dataclass(frozen=True)
class Result:
    """What became of a row, what to know of it, and what it is now. ``by_hand``: somebody has to see to it."""

    taken: Taken
    detail: str = ""
    record: Any = None
    by_hand: bool = False

    def adding(self, *lacks: str) -> Result:
        """The same, and what somebody has to see to, if there is anything."""
        if not lacks:
            return self
        return replace(self, detail=" ".join(filter(None, (self.detail, *lacks))), by_hand=True)


class Upserter:
    """Brings things over to one service."""

    def __init__(self, service: Service[Any]) -> None:
        self._service = service
        self._there = Importer(service)

    def notes(self) -> list[str]:
        """What the service has to say of what was brought last."""
        said = [*self._service.notes.values()]
        self._service.notes.clear()
        return said

    def warnings(self) -> list[str]:
        """What the commands would say about all that was brought."""
        return self._service.warnings()

    def bring(self, item: Mapping[str, str]) -> Result:
        """Add what ``item`` describes, or change what is there. Raises InvalidFieldsError."""
        service = self._service
        draft = service.draft(item, secrets=False)
        record = self._there.counterpart(draft, item)
        if record is None:
            return Result(Taken.CREATED, record=service.add(item, secrets=False))
        wanted = {name: value for name, value in service.values(draft).items() if name in item}
        here = {name: value for name, value in service.values(record).items() if name in wanted}
        changes = differences(here, wanted)
        if not changes:
            return Result(Taken.UNCHANGED, record=record)
        if record.revision > 1:
            told = (f"{name} is {_shown(old)}, in the dump {_shown(new)}" for name, (old, new) in changes.items())
            return Result(Taken.UNCHANGED, f"It was changed here, and stays: {'; '.join(told)}.", record)
        service.change(record, {name: item[name] for name in changes})
        return Result(Taken.CHANGED, f"{', '.join(changes)}.", record)


def _shown(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return {None: "empty", True: "yes", False: "no"}[value]
    return f"“{'; '.join(value) if isinstance(value, tuple) else value}”"
