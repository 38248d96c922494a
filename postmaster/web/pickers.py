"""Forms with fields of which any number of choices may be ticked, which are lines to the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from flask import request
from werkzeug.datastructures import MultiDict
from wtforms import Field as FormField

from postmaster.web.field_forms import FieldForm, field_form


@dataclass(frozen=True)
class Picker:
    """A field of which any number of ``choices`` may be ticked: values, and what is shown for them."""

    input: FormField
    help: str
    choices: Mapping[str, str]
    chosen: Sequence[str]


class PickerForm(FieldForm):
    """A form in which the fields ``apart`` are ticked. ``names`` are what can be, with what is shown for it, by field;
    ``lead`` is what is said above them.
    """

    lead: ClassVar[Mapping[str, str]]
    names: Mapping[str, Mapping[str, str]]

    @property
    def pickers(self) -> list[Picker]:
        """The fields that stand apart."""
        return [self._picker(field.name) for field in self.apart]

    def _picker(self, name: str) -> Picker:
        chosen = [line for line in str(self[name].data or "").splitlines() if line.strip()]
        choices = {**self.names[name], **{each: self.names[name].get(each, each) for each in chosen}}
        return Picker(self[name], self.lead[name], choices, chosen)


PickerT = TypeVar("PickerT", bound=PickerForm)


def picker_form(base: type[PickerT], service: Any, helps: Mapping[str, str], record: Any) -> PickerT:
    """A form of the kind ``base`` for ``record``, or for a new one; the service says what can be ticked."""
    options = {"formdata": _as_lines(base)} if request.method == "POST" else {}
    form = field_form(base, service, helps, record, service.fields, **options)
    form.names = {field.name: service.names_of(field) for field in base.apart}
    return form


def _as_lines(base: type[PickerForm]) -> MultiDict[str, str]:
    """What was sent, with what is ticked as lines."""
    sent: MultiDict[str, str] = MultiDict(request.form)
    for field in base.apart:
        sent[field.name] = "\n".join(request.form.getlist(field.name))
    return sent
