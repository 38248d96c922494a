"""The form of an outlet: events and queues are ticked, and are lines to the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict
from wtforms import Field as FormField

from postmaster.outlets.fields import EVENTS, QUEUES
from postmaster.web.field_forms import FieldForm, field_form

PICKED = (EVENTS, QUEUES)
ALL = {
    EVENTS.name: "All that happens if none is selected.",
    QUEUES.name: "Only what happens in these queues; everything if none is selected, also what is in no queue.",
}


@dataclass(frozen=True)
class Picker:
    """A field of which any number of ``choices`` may be ticked: values, and what is shown for them."""

    input: FormField
    help: str
    choices: Mapping[str, str]
    chosen: Sequence[str]


class OutletForm(FieldForm):
    """The form of an outlet. ``names`` are what can be ticked, by field."""

    apart = PICKED
    names: Mapping[str, Sequence[str]]

    @property
    def pickers(self) -> list[Picker]:
        """The fields that stand apart."""
        return [self._picker(field.name) for field in PICKED]

    def _picker(self, name: str) -> Picker:
        chosen = [line for line in str(self[name].data or "").splitlines() if line.strip()]
        choices = {each: each for each in [*self.names[name], *chosen]}
        return Picker(self[name], ALL[name], choices, chosen)


def outlet_form(service: Any, helps: Mapping[str, str], record: Any = None) -> OutletForm:
    """The form for an outlet, or for a new one."""
    options = {"formdata": _as_lines()} if request.method == "POST" else {}
    form = field_form(OutletForm, service, helps, record, service.fields, **options)
    form.names = {field.name: service.names_of(field) for field in PICKED}
    return form


def _as_lines() -> MultiDict[str, str]:
    """What was sent, with what is ticked as lines."""
    sent: MultiDict[str, str] = MultiDict(request.form)
    for field in PICKED:
        sent[field.name] = "\n".join(request.form.getlist(field.name))
    return sent
