"""Forms made from tables of fields, as options of commands are: labels, help, asterisks and choices come from there.

The rules stay in the service: a form hands over texts, and shows what the service refuses beside each field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from flask import request
from markupsafe import Markup, escape
from wtforms import Field as FormField
from wtforms import HiddenField, PasswordField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.widgets import Select

from postmaster.errors import InputError
from postmaster.extensions import Json
from postmaster.resources.fields import Field, Value, typed
from postmaster.resources.models import AuditEvent
from postmaster.resources.readers import paragraph
from postmaster.resources.service import Service, differences
from postmaster.resources.uses import Use
from postmaster.web.forms import Form

KEEPS = "Leave it empty to keep the one there is."
AGAIN = "Enter it again: what you entered was not saved."

# A field, its input, and what is said to help.
FormPart = tuple[Field, FormField, str]


@dataclass(frozen=True)
class Meanwhile:
    """What somebody else changed while a form was open: fields as ``[old, new]``, and the event that says who."""

    changes: Json
    event: AuditEvent | None


class ManyOptions(Select):
    """A list to choose from as WTForms writes it, in a fifth of the time: there may be ten thousand credentials."""

    @classmethod
    def render_option(cls, choice: Any, **_more: Any) -> Markup:
        """One option; none of ours has attributes of its own."""
        selected = "selected " if choice.selected else ""
        value, label = escape(choice.value), escape(choice.label or choice.value)
        return Markup(f'<option {selected}value="{value}">{label}</option>')  # noqa: S704 - both are escaped


class FieldForm(Form):
    """A form for the ``fields`` of one resource. ``seen`` holds what its fields said when it was opened.

    ``uses`` are what would name something that is not there, if what was entered were saved.
    """

    apart: ClassVar[tuple[Field, ...]] = ()
    """Those of the fields that have a place of their own in the form."""
    fields: Sequence[Field]
    helps: Mapping[str, str]
    editing: bool
    seen = HiddenField()
    meanwhile: Meanwhile | None = None
    uses: Sequence[Use] = ()

    @property
    def shown(self) -> Sequence[Field]:
        """The fields that what was entered so far calls for. The others are neither required nor saved."""
        return self.fields

    @property
    def parts(self) -> list[FormPart]:
        """The fields that are shown, with their inputs and what is said to help."""
        return [(field, self[field.name], self.help_of(field)) for field in self.shown]

    @property
    def plain(self) -> list[FormPart]:
        """The parts that follow each other, an input each."""
        return [part for part in self.parts if part[0] not in self.apart]

    @property
    def refused(self) -> list[FormField]:
        """The inputs that are refused."""
        return [self[field.name] for field in self.shown if self[field.name].errors]

    def entered(self) -> dict[str, str]:
        """What was entered, by field, shown or not."""
        return {field.name: text_of(self[field.name].data) for field in self.fields}

    def help_of(self, field: Field) -> str:
        """The help of ``field``."""
        words = self.helps.get(field.name, field.help)
        if field.secret and self[field.name].data:  # it was sent, but is not sent back
            return f"{words} {AGAIN}"
        return f"{words} {KEEPS}" if field.secret and self.editing else words

    def is_mandatory(self, field: Field) -> bool:
        """Whether ``field`` must be filled in: a secret that is there already need not be."""
        return field.mandatory and not (self.editing and (field.secret or field.fixed))

    def texts(self) -> dict[str, str]:
        """What was entered in the fields that are shown. When editing, fixed ones and empty secrets are left out."""
        given = self.entered()
        return {
            field.name: text
            for field, text in ((field, given[field.name]) for field in self.shown)
            if not (self.editing and (field.fixed or (field.secret and not text)))
        }

    def add(self, service: Service[Any]) -> Any:
        """Add what was entered; returns the record. Raises InvalidFieldsError."""
        return service.add(self.texts())

    def refuse(self, errors: Mapping[str, InputError]) -> None:
        """Show ``errors`` beside their fields, with the focus on the first."""
        for name, error in errors.items():
            self[name].errors = (str(error),)
        self.focus_first_refused()

    @property
    def revision(self) -> int | None:
        """The revision that was seen; one that nothing has if the form came back mangled."""
        return self._seen()[0] if self.editing else None

    def tell(self, revision: int, values: Mapping[str, Value], event: AuditEvent | None) -> None:
        """Show what somebody else changed meanwhile: what was not touched here follows, what was stays as entered."""
        _, before = self._seen()
        now = {name: _shown(value) for name, value in values.items()}
        self.meanwhile = Meanwhile(differences(before, now), event)
        for name, text in now.items():
            if text_of(self[name].data) == before.get(name):
                self[name].data = text
        self.seen.data = remembered(revision, values)

    def _seen(self) -> tuple[int, dict[str, Value]]:
        try:
            revision, values = json.loads(self.seen.data or "")
            return int(revision), {str(name): str(value) for name, value in values.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            return -1, {}


class SecretLinesField(TextAreaField):
    """A secret of several lines, which is never sent back."""

    def _value(self) -> str:
        return ""


FormT = TypeVar("FormT", bound=FieldForm)


def resource_form(service: Service[Any], helps: Mapping[str, str], record: Any = None) -> FieldForm:
    """The form for ``record``, or for a new one."""
    fields = service.fields_of(record) if record is not None else service.fields_for(request.values)
    return field_form(FieldForm, service, helps, record, fields)


def field_form(
    base: type[FormT],
    service: Service[Any],
    helps: Mapping[str, str],
    record: Any,
    fields: Sequence[Field],
    **options: Any,
) -> FormT:
    """A form of the kind ``base`` with ``fields`` for ``record``, or a new one; ``options`` are those of WTForms."""
    made = {field.name: _input(field, service.choices(field, record), record is not None) for field in fields}
    members = {"fields": fields, "helps": helps, "editing": record is not None}
    form_class = type(base.__name__, (base,), {**made, **members})
    if record is None:
        form: FormT = form_class(data={field.name: initial(field) for field in fields}, **options)
        form.seen.data = ""
        return form
    values = service.values(record)
    given = {name: _shown(value) for name, value in values.items()}
    form = form_class(data={**given, "seen": remembered(record.revision, values)}, **options)
    for field in fields:
        if field.fixed:
            form[field.name].data = given[field.name]  # whatever was sent
    return form


def initial(field: Field) -> str:
    """What a new form says in ``field``: its default, or what leaving it empty means, where that is yes or no."""
    return field.default or _shown(field.empty)


def remembered(revision: int, values: Mapping[str, Value]) -> str:
    """What a form holds of the state it was opened on."""
    return json.dumps([revision, {name: _shown(value) for name, value in values.items()}])


def _input(field: Field, choices: Sequence[str] | None, editing: bool) -> Any:
    """The WTForms field for ``field``."""
    attributes: dict[str, Any] = {"autocomplete": "off"}
    if field.mandatory and not (editing and field.secret):
        attributes["required"] = True
    if field.fixed and editing:
        return StringField(field.label, render_kw={"readonly": True})
    if field.secret and field.lines:
        options = {**attributes, "rows": 4, "spellcheck": "false"}
        return SecretLinesField(field.label, render_kw=options)  # type: ignore[no-untyped-call]
    if field.secret:
        return PasswordField(field.label, render_kw={**attributes, "autocomplete": "new-password"})
    if choices is not None:
        blank = [] if initial(field) else [SelectChoice("", "Choose one" if field.mandatory else "–")]
        words = [*blank, *(SelectChoice(word) for word in choices)]
        widget = ManyOptions()  # type: ignore[no-untyped-call]
        return SelectField(field.label, choices=words, widget=widget, validate_choice=False, render_kw=attributes)
    kind: Callable[..., Any] = StringField
    if field.read is paragraph:
        kind, attributes = TextAreaField, {**attributes, "rows": 2}
    return kind(field.label, render_kw={**attributes, "spellcheck": "true" if kind is TextAreaField else "false"})


def text_of(data: object) -> str:
    """What was typed, with line breaks as they are stored."""
    return "" if data is None else str(data).replace("\r\n", "\n")


def _shown(value: Value) -> str:
    """``value`` as a form shows it."""
    return text_of(typed(value))
