"""What all resources that admins manage have in common: find, add, change, delete, each checked and audited.

Pages and commands use the same services, so that a rule cannot hold in one place only. A service works in the
transaction of its session; the caller ends it (``database.transaction``), and rolls it back if anything is raised.

To add or to change is three steps: ``read`` what was entered into values, ``validate`` these, and ``store`` them. Only
the last one touches the record.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from postmaster.errors import InputError, PostMasterError
from postmaster.extensions import Json
from postmaster.resources.audit import audit, events_of, lock_administration
from postmaster.resources.entered import EnteredValues
from postmaster.resources.fields import Field, Value, typed
from postmaster.resources.models import AuditEvent
from postmaster.resources.numbers import read_id
from postmaster.resources.uses import StillNamedError, Use, enumeration


class ConflictError(PostMasterError):
    """Somebody else changed the same record meanwhile; nothing was saved."""


class Record(Protocol):
    """What the tables of resources share."""

    id: Any
    revision: Any
    changed_at: Any


RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True)
class Stored(Generic[RecordT]):
    """A record that was stored; ``changes`` are its changed fields as ``[old, new]``."""

    record: RecordT
    changes: Json


class Service(ABC, Generic[RecordT]):
    """The rules of one kind of resource. ``notes`` collects warnings, by code; ``warnings`` has all of them.

    ``confirmed``: whoever makes the changes has seen what would name something that is not there any more. ``batch``
    is set while several records are changed by one press.
    """

    noun: ClassVar[str]
    plural: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    apart: ClassVar[tuple[Field, ...]] = ()
    """Those that tell one from another, which a copy begins without."""
    model: type[RecordT]

    def __init__(self, session: Session, actor: str) -> None:
        self.session = session
        self.actor = actor
        self.notes: dict[str, str] = {}
        self.confirmed = False
        self.batch: str | None = None

    def stream(self) -> Iterator[RecordT]:
        """All of them in the order of their ids, never all in memory."""
        yield from self.session.scalars(
            select(self.model).order_by(self.model.id).execution_options(yield_per=500),
        )

    def numbered(self, text: str) -> RecordT | None:
        """The one with that id."""
        number = read_id(text)
        return None if number is None else self.session.get(self.model, number)

    @abstractmethod
    def find(self, text: str) -> RecordT:
        """The one that ``text`` names. Raises NotFoundError if none or several answer to it."""

    @abstractmethod
    def label(self, record: RecordT) -> str:
        """What it is called by."""

    @abstractmethod
    def health(self, record: RecordT) -> str:
        """In a word, whether it can be used: ``healthy``, or what keeps it from it."""

    @abstractmethod
    def identity(self, record: RecordT) -> Hashable:
        """What an import recognises it by."""

    def users(self, record: RecordT) -> Iterator[Use]:
        """What uses it, and so keeps it from being deleted."""
        return iter(())

    def losing(self, values: EnteredValues[RecordT]) -> tuple[Field, str, Sequence[Use]] | None:
        """What would name something that is not there any more, if ``values`` were stored: the field, and the change
        as the beginning of a sentence.
        """
        return None

    def fields_of(self, record: RecordT) -> tuple[Field, ...]:
        """The fields that it has."""
        return self.fields

    @classmethod
    def fields_for(cls, form_values: Mapping[str, str]) -> tuple[Field, ...]:
        """The fields that what was entered so far calls for."""
        return cls.fields

    def value(self, record: RecordT, field: Field) -> Value:
        """The field's value, as JSON has it. References are names."""
        value: Any = getattr(record, field.attribute)
        if isinstance(value, date):
            return value.isoformat()
        shown: Value = value.value if isinstance(value, StrEnum) else value
        return shown

    def values(self, record: RecordT) -> dict[str, Value]:
        """What was entered, without secrets."""
        return {field.name: self.value(record, field) for field in self.fields_of(record) if not field.secret}

    def copied(self, record: RecordT) -> dict[str, str]:
        """What a copy of ``record`` begins with, as it is typed: all but its secrets, and what tells it apart."""
        apart = {field.name for field in self.apart}
        return {name: typed(value) for name, value in self.values(record).items() if name not in apart}

    def choices(self, field: Field, record: RecordT | None = None) -> Sequence[str] | None:
        """The words that ``field`` takes, None if it takes any; what ``record`` has now is always one of them."""
        return field.choices or None

    def details(self, record: RecordT) -> Json:
        """What is known about it beyond what was entered."""
        return {}

    def as_json(self, record: RecordT) -> Json:
        """The form that ``list --json`` prints; fields that it does not have are null."""
        blank: dict[str, Value] = {field.name: None for field in self.fields if not field.secret}
        return {
            "id": record.id,
            "label": self.label(record),
            **blank,
            **self.values(record),
            "health": str(self.health(record)),
            "changed": record.changed_at.isoformat(),
        }

    def draft(self, form_values: Mapping[str, str], *, secrets: bool = True) -> RecordT:
        """What ``add`` would make of ``form_values``, outside the database. Raises InvalidFieldsError."""
        values = self.read(self._with_defaults(form_values, secrets))
        values.errors.raise_if_any(self.fields)
        return values.draft

    def add(self, form_values: Mapping[str, str], *, secrets: bool = True) -> RecordT:
        """Add one from what was entered, by field. Raises InvalidFieldsError.

        Without ``secrets``, those may be missing: the new one then says by its health that it needs them.
        """
        lock_administration(self.session)
        values = self.read(self._with_defaults(form_values, secrets))
        self.validate(values)
        values.errors.raise_if_any(self.fields)
        return self.store(values).record

    def change(self, record: RecordT, form_values: Mapping[str, str], revision: int | None = None) -> Json:
        """Enter ``form_values``; returns the changed fields as ``[old, new]``, empty if nothing changed.

        ``revision`` is the one that whoever entered them had seen. Raises InvalidFieldsError, and ConflictError if
        somebody else has changed it since.
        """
        lock_administration(self.session)
        if revision not in (None, record.revision):
            raise self._conflict()
        values = self.read(form_values, record)
        self.validate(values)
        values.errors.raise_if_any(self.fields)
        self._require_confirmation(values)
        return self.store(values).changes

    def _require_confirmation(self, values: EnteredValues[RecordT]) -> None:
        """Raises StillNamedError, unless the change is confirmed."""
        if self.confirmed or (found := self.losing(values)) is None:
            return
        field, change, uses = found
        if uses:
            raise StillNamedError(field.name, field.label, change, uses)

    def last_change(self, record: RecordT) -> AuditEvent | None:
        """Who changed it last, and when."""
        return next(iter(self.history(record, 1)), None)

    def history(self, record: RecordT, limit: int) -> Sequence[AuditEvent]:
        """What was done to it, the newest first, ``limit`` changes at most."""
        return events_of(self.session, self.noun, record.id, limit)

    def delete(self, record: RecordT) -> None:
        """Delete it. Raises InputError naming what still uses it."""
        lock_administration(self.session)
        self.check_deletable(record)
        self.note("delete", record, {name: [value, None] for name, value in self.values(record).items()})
        self.session.delete(record)
        self._flush()

    def check_deletable(self, record: RecordT) -> None:
        """Raises InputError naming what still uses it."""
        if users := list(self.users(record)):
            raise InputError(
                self.noun.capitalize(),
                f"The {self.noun} “{self.label(record)}” is in use: {enumeration(map(str, users))}.",
                "Change what uses it first, or set it invalid.",
                code=f"{self.noun}-in-use",
            )

    def read(self, form_values: Mapping[str, str], record: RecordT | None = None) -> EnteredValues[RecordT]:
        """What ``form_values`` mean for ``record``, or for a new one. What is refused is in its ``errors``."""
        values = EnteredValues(self.model, self.fields, form_values, record)
        self.read_fields(values, self.fields)
        return values

    def read_fields(self, values: EnteredValues[RecordT], fields: Iterable[Field]) -> None:
        """Read those of ``fields`` that were entered."""
        for field in fields:
            if field.name in values.form_values:
                with values.errors.catching(field):
                    values.set(field, self.resolve(field, field.parse(values.given(field))))

    def resolve(self, field: Field, value: Any) -> Any:
        """What the attribute holds for ``value``: another record where it names one. Raises InputError."""
        return value

    def validate(self, values: EnteredValues[RecordT]) -> None:
        """Check the rules that concern several fields or records; what is refused is added to ``values.errors``."""

    def warnings(self) -> list[str]:
        """What whoever made the changes should know. Asked after the transaction, since finding out may take time."""
        return list(self.notes.values())

    def store(self, values: EnteredValues[RecordT]) -> Stored[RecordT]:
        """Write ``values`` into their record, and into the audit log what changed."""
        record = self.model() if values.record is None else values.record
        before = {} if values.record is None else self.values(record)
        secrets = self._secrets(record)
        for name, value in values.attributes.items():
            setattr(record, name, value)
        self.session.add(record)
        self._flush()
        changes = differences(before, self.values(record))
        changes |= {name: "changed" for name, value in self._secrets(record).items() if value != secrets[name]}
        if values.record is None:
            self.note("add", record, changes)
        elif changes:
            self.note("set", record, changes)
        return Stored(record, changes)

    def _with_defaults(self, form_values: Mapping[str, str], secrets: bool) -> dict[str, str]:
        fields = self.fields_for(form_values)
        return {field.name: field.default for field in fields if secrets or not field.secret} | dict(form_values)

    def _secrets(self, record: RecordT) -> dict[str, str]:
        return {field.name: getattr(record, field.attribute) or "" for field in self.fields if field.secret}

    def note(self, action: str, record: RecordT, changes: Json) -> None:
        """Write into the audit log that ``action`` was done to ``record``; ``changes`` as ``audit`` takes them."""
        label = f"{self.label(record)} ({record.id})"
        audit(self.session, self.actor, action, self.noun, label, changes, record.id, self.batch)

    def _flush(self) -> None:
        try:
            self.session.flush()
        except (StaleDataError, IntegrityError) as error:
            raise self._conflict() from error

    def _conflict(self) -> ConflictError:
        return ConflictError(
            "changed-meanwhile",
            f"Somebody else changed the {self.noun} meanwhile, so nothing was saved.",
            "Look at it again, and repeat the change if it is still needed.",
        )


def differences(old: Mapping[str, Value], new: Mapping[str, Value]) -> Json:
    """The fields whose values differ, as ``[old, new]``."""
    names = dict.fromkeys([*old, *new])
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}
