"""Export and import of resources as JSON or TOML: without secrets, and so that importing twice changes nothing.

A document holds the resources as a list under the name of their kind, each with its fields by name:
``{"queue": [{"name": "Sales", …}]}``, or ``[[queue]]`` tables. On import a field that is left out keeps its value,
or has its default in a new resource; an empty one is cleared.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal

import tomli_w
from sqlalchemy.orm import Session

from postmaster.database import transaction
from postmaster.errors import InputError, PostMasterError
from postmaster.resources.fields import InvalidFieldsError, Value
from postmaster.resources.service import RecordT, Service

ImportOutcome = Literal["created", "changed", "unchanged"]


class InvalidItemsError(PostMasterError):
    """Resources that are refused, and so all of them: ``refusals`` holds a sentence for each flaw."""

    def __init__(self, refusals: list[str]) -> None:
        super().__init__("import-refused", "Nothing was imported.", "Correct what is said above, and import again.")
        self.refusals = refusals

    def sentences(self) -> list[str]:
        """One for each flaw, and that nothing was imported."""
        return [*self.refusals, *super().sentences()]


@dataclass(frozen=True)
class Imported:
    """What became of one resource; ``changed`` names the fields that were."""

    outcome: ImportOutcome
    id: int
    label: str
    changed: tuple[str, ...] = ()


def exported(service: Service[RecordT], form: str) -> Iterator[str]:
    """Pieces of a document in ``form`` (json or toml) with all resources, never all in memory."""
    items = (_item(service.values(record)) for record in service.stream())
    if form == "toml":
        for item in items:
            yield f"[[{service.noun}]]\n{tomli_w.dumps(item)}\n"
        return
    separator = ""
    yield f'{{"{service.noun}": ['
    for item in items:
        yield f"{separator}\n  {json.dumps(item, ensure_ascii=False)}"
        separator = ","
    yield "\n]}\n"


def _item(values: Mapping[str, Value]) -> dict[str, str | int | bool | tuple[str, ...]]:
    return {name: "" if value is None else value for name, value in values.items()}


def read_document(data: bytes, noun: str) -> list[dict[str, str]]:
    """The resources of a document in JSON or TOML, their values as they would be typed. Raises InputError."""
    document = _parse(data)
    items = document.get(noun) if isinstance(document, dict) else document
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _refuse(f"holds no list of resources under “{noun}”", f"Compare it with: flask {noun} export")
    return [{name: _typed(value, name, place) for name, value in item.items()} for place, item in enumerate(items, 1)]


def _parse(data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refuse("is not UTF-8", "Save it in UTF-8.") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as json_error:
        try:
            return tomllib.loads(text)
        except (ValueError, RecursionError) as toml_error:
            flaw = f"is neither JSON ({json_error}) nor TOML ({toml_error})"
            raise _refuse(flaw, "Correct it at the place that is named.") from None


def _typed(value: object, name: str, place: int) -> str:
    """``value`` as it would be typed on the command line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str() | int():
            return str(value)
        case list() if all(isinstance(line, str) and "\n" not in line for line in value):
            return "\n".join(value)
    raise _refuse(f"has a value for “{name}” in item {place} that is neither text, number, yes or no, nor lines", "")


def _refuse(flaw: str, advice: str) -> InputError:
    return InputError("Document", f"The document {flaw}.", advice, code="bad-document")


def import_items(
    make: Callable[[Session], Service[RecordT]], items: list[dict[str, str]], *, rehearse: bool = False
) -> tuple[list[Imported], list[str]]:
    """Import ``items`` by the service that ``make`` makes, in a transaction of their own; returns what became of each,
    and what whoever imports should know. Raises InvalidItemsError.

    With ``rehearse`` nothing stays: it is what would become of them.
    """
    with transaction() as session:
        service = make(session)
        results = Importer(service).run(items)
        if rehearse:
            session.rollback()
    return results, [] if rehearse else service.warnings()


class Importer(Generic[RecordT]):
    """Brings resources in line with a document, all or none: the caller rolls back when it raises."""

    def __init__(self, service: Service[RecordT]) -> None:
        self._service = service
        self._known: dict[Hashable, list[RecordT]] = defaultdict(list)
        for record in service.stream():
            self._known[service.identity(record)].append(record)

    def run(self, items: list[dict[str, str]]) -> list[Imported]:
        """Import ``items`` in their order. Raises InvalidItemsError with everything that is wrong."""
        results, refusals = [], []
        for place, item in enumerate(items, 1):
            try:
                results.append(self._import(item))
            except InvalidFieldsError as error:
                refusals += [f"item {place}: {flaw} [{flaw.code}]" for flaw in error.errors.values()]
        if refusals:
            raise InvalidItemsError(refusals)
        return results

    def _import(self, item: dict[str, str]) -> Imported:
        service = self._service
        self._refuse_unknown_fields(item)
        draft = service.draft(item, secrets=False)
        record = self.counterpart(draft, item)
        if record is None:
            record = service.add(item, secrets=False)
            return Imported("created", record.id, service.label(record))
        changes = service.change(record, item)
        return Imported("changed" if changes else "unchanged", record.id, service.label(record), tuple(changes))

    def _refuse_unknown_fields(self, item: Mapping[str, str]) -> None:
        known = [field.name for field in self._service.fields if not field.secret]
        advice = f"Known are {', '.join(known)}; passwords are never imported."
        unknown = [name for name in item if name not in known]
        if unknown:
            raise InvalidFieldsError(
                {name: InputError(name, f"There is no field “{name}”.", advice, "unknown-field") for name in unknown}
            )

    def counterpart(self, draft: RecordT, item: Mapping[str, str]) -> RecordT | None:
        """What ``item`` means: of those with its identity, and not taken yet, the one that is most like it."""
        service = self._service
        things = self._known[service.identity(draft)]
        wanted = {name: value for name, value in service.values(draft).items() if name in item}.items()
        if not things:
            return None
        best = max(things, key=lambda record: len(wanted & service.values(record).items()))
        things.remove(best)
        return best
