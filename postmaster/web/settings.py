"""The system configuration: each setting with its meaning, its value and its default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import HiddenField, SelectField, StringField, TextAreaField

from postmaster.database import read_session, transaction
from postmaster.desk.configuration import change_setting, setting_choices
from postmaster.errors import InputError
from postmaster.resources.service import ConflictError
from postmaster.resources.uses import StillNamedError, Use
from postmaster.system.setting import ListSetting, Setting
from postmaster.system.settings import SETTINGS, find_setting, shown_settings
from postmaster.web.access import current_user, for_admins
from postmaster.web.context import Context
from postmaster.web.forms import Form
from postmaster.web.lists import counted, list_state, wanted
from postmaster.web.resource_forms import is_confirmed

blueprint = Blueprint("settings", __name__, url_prefix="/settings")

# Somebody else was faster.
CONFLICT = 409


@dataclass(frozen=True)
class SettingLine:
    """A setting with its value and its default, as they are entered."""

    spec: Setting[Any]
    value: str

    @property
    def default(self) -> str:
        """What it is unless somebody changes it."""
        return self.spec.show(self.spec.default)

    @property
    def default_in_words(self) -> str:
        """The default, with what a number counts."""
        return f"{self.default or 'empty'} {self.spec.unit}".rstrip()

    @property
    def changed(self) -> bool:
        """Whether somebody has changed it."""
        return self.value != self.default

    def matches(self, words: list[str]) -> bool:
        """Whether each of ``words`` stands in what is shown of it."""
        text = " ".join((self.spec.name, self.spec.description, self.value, "changed" if self.changed else ""))
        return all(word in text.casefold() for word in words)


class SettingForm(Form):
    """A value, and the one that was seen when the form was opened."""

    seen = HiddenField()
    value = StringField("Value", render_kw={"autocomplete": "off", "spellcheck": "false", "required": True})


@dataclass(frozen=True, kw_only=True)
class SettingsContext(Context, templates=("settings/page.html", "settings/_list.html")):
    """The list: ``text`` is what it is filtered by, ``state`` what its links keep."""

    lines: Sequence[SettingLine]
    text: str
    count: str
    state: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SettingContext(Context, templates=("settings/form.html",)):
    """The form of one; ``conflict`` says that somebody else was faster, ``uses`` what names what would be gone."""

    form: SettingForm
    line: SettingLine
    conflict: str
    uses: Sequence[Use]
    state: Mapping[str, Any]


@blueprint.get("")
@for_admins
def page() -> str:
    """The list, or the part of it that a filter changes."""
    with read_session() as session:
        values = shown_settings(session)
    text = wanted().text
    lines = [SettingLine(spec, values[spec.name]) for spec in SETTINGS.values()]
    found = [line for line in lines if line.matches(text.casefold().split())]
    count = counted(len(found), len(lines), "setting", "settings")
    return SettingsContext(lines=found, text=text, count=count, state=list_state()).render()


@blueprint.route("/<name>", methods=["GET", "POST"])
@for_admins
def edit(name: str) -> ResponseReturnValue:
    """Give a setting another value."""
    spec = find_setting(name)
    with read_session() as session:
        line = SettingLine(spec, shown_settings(session)[spec.name])
        form = _form(line, setting_choices(session, spec))
    status, conflict = form.status(), ""
    uses: Sequence[Use] = ()
    if form.was_sent_well():
        try:
            with transaction() as session:
                text, actor = str(form.value.data or ""), current_user().name
                change_setting(session, spec.name, text, actor, form.seen.data, confirmed=is_confirmed())
        except StillNamedError as error:
            form.value.errors, uses = tuple(map(str, error.beside_list.values())), error.uses
            form.focus_first_refused()
        except InputError as error:
            form.value.errors = (str(error),)
            form.focus_first_refused()
        except ConflictError as error:
            status, conflict, form.seen.data = CONFLICT, error.message, line.value
        else:
            flash(f"{spec.name} is saved.", "ok")
            stay = request.form.get("then") == "stay"
            return redirect(url_for(".edit" if stay else ".page", **_state(spec, stay)), 303)
    context = SettingContext(form=form, line=line, conflict=conflict, uses=uses, state=list_state())
    return context.render(), status


@blueprint.post("/<name>/reset")
@for_admins
def reset(name: str) -> ResponseReturnValue:
    """Give a setting its default again."""
    spec = find_setting(name)
    try:
        with transaction() as session:
            change_setting(session, spec.name, spec.show(spec.default), current_user().name)
    except (InputError, StillNamedError) as error:
        flash(str(error), "fail")
    else:
        flash(f"{spec.name} has its default again, {spec.show(spec.default) or 'which is empty'}.", "ok")
    return redirect(url_for(".page", **list_state()), 303)


def _form(line: SettingLine, choices: Any) -> SettingForm:
    """The form for a setting: a selection where it takes only some words, more room for a list."""
    members: dict[str, Any] = {}
    attributes = {"autocomplete": "off", "spellcheck": "false"}
    if isinstance(line.spec, ListSetting):
        members["value"] = TextAreaField("Value", render_kw={**attributes, "rows": 4})
    elif line.spec.may_be_empty:
        members["value"] = StringField("Value", render_kw=attributes)
    if choices:
        words = list(dict.fromkeys([line.value, *choices])) if line.value not in choices else list(choices)
        members["value"] = SelectField(
            "Value", choices=words, validate_choice=False, render_kw={"required": "" not in words}
        )
    form: SettingForm = type("SettingForm", (SettingForm,), members)(data={"seen": line.value, "value": line.value})
    return form


def _state(spec: Setting[Any], stay: bool) -> dict[str, Any]:
    return {**list_state(), "name": spec.name} if stay else list_state()
