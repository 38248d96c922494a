"""Resources that have a unique name, by which they are found and recognised."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import ClassVar

from sqlalchemy import func, select

from postmaster.errors import NotFoundError
from postmaster.resources.entered import EnteredValues
from postmaster.resources.fields import VALIDITY, Field
from postmaster.resources.models import Validity
from postmaster.resources.service import RecordT, Service
from postmaster.resources.uses import Use


class NamedService(Service[RecordT]):
    """A service of resources with a unique name, which ``key`` is the field of."""

    key: ClassVar[Field]

    def find(self, text: str) -> RecordT:
        """The one of that name, or of that id."""
        wanted = printable(text).strip()
        record = self.named(wanted) or self.numbered(wanted)
        if record is None:
            raise self.unknown(wanted)
        return record

    def named(self, name: str) -> RecordT | None:
        """The one of that name, compared case-insensitively; an exact match comes first."""
        column = getattr(self.model, self.key.attribute)
        records = self.session.scalars(select(self.model).where(func.lower(column) == func.lower(name))).all()
        return next((record for record in records if self.label(record) == name), records[0] if records else None)

    def losing(self, values: EnteredValues[RecordT]) -> tuple[Field, str, Sequence[Use]] | None:
        """What uses a record that is set invalid, or what holds the old name of one that is renamed."""
        record = values.record
        if record is None:
            return None
        label, was = self.label(record), getattr(record, VALIDITY.attribute)
        now = getattr(values.draft, VALIDITY.attribute)
        if was is Validity.VALID and now is not Validity.VALID:
            uses = [use for use in self.users(record) if not use.keeps]
            return VALIDITY, f"The {self.noun} “{label}” would be {now}", uses
        if values.changes(self.key):
            change = f"The {self.noun} “{label}” would be called “{self.label(values.draft)}”"
            return self.key, change, [use for use in self.users_by_name(record) if use.by_name]
        return None

    def users_by_name(self, record: RecordT) -> Iterator[Use]:
        """What uses it, or anything whose name follows its name."""
        return self.users(record)

    def unknown(self, text: str) -> NotFoundError:
        """The error that nothing is called ``text``."""
        return unknown(self.noun, text)

    def label(self, record: RecordT) -> str:
        """Its name."""
        return str(getattr(record, self.key.attribute))

    def identity(self, record: RecordT) -> Hashable:
        """Its name, folded to lower case."""
        return self.label(record).lower()

    def validate(self, values: EnteredValues[RecordT]) -> None:
        """No two have the same name."""
        if self.key in values.errors or self.key.name not in values.form_values:
            return
        label = self.label(values.draft)
        other = self.named(label)
        if other is not None and other is not values.record:
            flaw = f"is “{label}”, which is already the name of {self.noun} {other.id}"
            values.errors.add(self.key.name, self.key.refuse(flaw, "Choose another one.", code="name-taken"))


def unknown(noun: str, text: str) -> NotFoundError:
    """The error that nothing of the kind ``noun`` is called ``text``."""
    return NotFoundError(f"unknown-{noun}", f"There is no {noun} “{text}”.", f"Run: flask {noun} list")


def printable(text: str) -> str:
    """``text`` as any database takes it: without NUL, and halves of surrogate pairs (bytes that are not UTF-8)."""
    return text.encode(errors="replace").decode().replace("\0", "�")
