"""Bringing one thing over: it is added, or follows the dump as long as nobody has changed it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from postmaster.errors import InputError
from postmaster.otrs.report import Taken
from postmaster.resources.fields import InvalidFieldsError, Value
from postmaster.resources.import_export import Importer
from postmaster.resources.models import AuditEvent
from postmaster.resources.service import Service, differences

T = TypeVar("T")

# How the actor of an import begins in the audit log: what it changed last, the next dump may change again.
IMPORT = "import otrs"


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

    def bring(self, item: Mapping[str, str], instead: Mapping[str, str] | None = None) -> Result:
        """Add what ``item`` describes, or change what is there. Raises InvalidFieldsError.

        Fields of ``instead`` have the value that stands there, if theirs is refused; the result says which were.
        """
        service, spare = self._service, instead or {}
        draft = service.draft(item, secrets=False)
        record = self._there.counterpart(draft, item)
        if record is None:
            added, lacks = _yielding(item, spare, lambda texts: service.add(texts, secrets=False))
            return Result(Taken.CREATED, record=added).adding(*lacks)
        wanted = {name: value for name, value in service.values(draft).items() if name in item}
        here = {name: value for name, value in service.values(record).items() if name in wanted}
        changes = differences(here, wanted)
        if not changes:
            return Result(Taken.UNCHANGED, record=record)
        if self._is_changed_here(record):
            told = (f"{name} is {_shown(old)}, in the dump {_shown(new)}" for name, (old, new) in changes.items())
            return Result(Taken.UNCHANGED, f"It was changed here, and stays: {'; '.join(told)}.", record)
        entered = {name: item[name] for name in changes}
        made, lacks = _yielding(entered, spare, lambda texts: service.change(record, texts))
        taken = Result(Taken.CHANGED, f"{', '.join(made)}.", record) if made else Result(Taken.UNCHANGED, record=record)
        return taken.adding(*lacks)

    def _is_changed_here(self, record: Any) -> bool:
        """Whether anybody but an import has changed it since it was added."""
        return record.revision > 1 and not by_import(self._service.last_change(record))


def by_import(event: AuditEvent | None) -> bool:
    """Whether a change was made by an import. One that nobody has noted was not."""
    return event is not None and event.actor.startswith(IMPORT)


def _yielding(
    item: Mapping[str, str], instead: Mapping[str, str], store: Callable[[Mapping[str, str]], T]
) -> tuple[T, list[str]]:
    """What ``store`` makes of ``item``; fields of ``instead`` that are refused have those values, and are told."""
    try:
        return store(item), []
    except InvalidFieldsError as refused:
        if not refused.errors.keys() <= instead.keys():
            raise
        return store({**item, **{name: instead[name] for name in refused.errors}}), [
            _without(error) for error in refused.errors.values()
        ]


def _without(error: InputError) -> str:
    return f"{error.message} It was taken without it."


def _shown(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return {None: "empty", True: "yes", False: "no"}[value]
    return f"“{'; '.join(value) if isinstance(value, tuple) else value}”"
