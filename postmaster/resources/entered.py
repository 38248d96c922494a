"""What somebody entered for a resource, read into values: between the form and the table, and written to neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from postmaster.resources.fields import Field, FieldErrors

RecordT = TypeVar("RecordT", bound=Any)


class EnteredValues(Generic[RecordT]):
    """What ``form_values`` mean for ``record``, or for a new one (None).

    ``attributes`` are what it is to hold from then on, ``errors`` what is refused. ``draft`` is the record as it would
    be, for the rules to look at; it never gets into a session.
    """

    def __init__(
        self, model: type[RecordT], fields: Sequence[Field], form_values: Mapping[str, str], record: RecordT | None
    ) -> None:
        self.form_values = form_values
        self.record = record
        self.attributes: dict[str, Any] = {}
        self.errors = FieldErrors()
        self.draft: RecordT = model()
        if record is not None:
            for name in ("id", *(field.attribute for field in fields)):
                setattr(self.draft, name, getattr(record, name))

    def given(self, field: Field) -> str:
        """What was entered in ``field``; empty if nothing was."""
        return self.form_values.get(field.name, "")

    def set(self, field: Field, value: Any) -> None:
        """Set ``field`` of the record to ``value``."""
        self.set_attribute(field.attribute, value)

    def set_attribute(self, name: str, value: Any) -> None:
        """Set an attribute of the record that is not a field."""
        self.attributes[name] = value
        setattr(self.draft, name, value)

    def changes(self, *fields: Field) -> bool:
        """Whether one of ``fields`` gets another value than it has; never in a new record."""
        if self.record is None:
            return False
        names = [field.attribute for field in fields]
        return any(getattr(self.record, name) != getattr(self.draft, name) for name in names)
