"""The system configuration: each setting with its meaning, its value and its default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import HiddenField, SelectField, StringField

from postmaster.database import read_session, transaction
from postmaster.desk.configuration import change_setting, setting_choices
from postmaster.errors import InputError
from postmaster.resources.service import ConflictError
from postmaster.resources.uses import StillNamedError, Use
from postmaster.system.setting import ListSetting, Setting
from postmaster.system.setting_table import SETTING_GROUPS, SETTINGS, find_setting, shown_settings
from postmaster.web.access import current_user, for_admins
from postmaster.web.asked import is_looking
from postmaster.web.context import Context
from postmaster.web.forms import Form
from postmaster.web.lists import counted, list_state, wanted
from postmaster.web.resource_forms import is_confirmed
from postmaster.web.setting_rows import Row, changed_rows, rows_of, sent_rows, sent_value

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
    def entries(self) -> Sequence[str]:
        """The entries of a list, as they are entered."""
        return [str(entry) for entry in self.spec.parse(self.value)] if isinstance(self.spec, ListSetting) else ()

    @property
    def changed(self) -> bool:
        """Whether somebody has changed it."""
        return self.value != self.default

    def matches(self, words: list[str], group: str) -> bool:
        """Whether each of ``words`` stands in what is shown of it, in the ``group`` that it is in."""
        text = " ".join((group, self.spec.name, self.spec.description, self.value, "changed" if self.changed else ""))
        return all(word in text.casefold() for word in words)


class SettingForm(Form):
    """A value, and the one that was seen when the form was opened."""

    seen = HiddenField()
    value = StringField("Value", render_kw={"autocomplete": "off", "spellcheck": "false", "required": True})


@dataclass(frozen=True, kw_only=True)
class SettingsContext(Context, templates=("settings/page.html", "settings/_list.html")):
    """The list, by group: ``text`` is what it is filtered by, ``state`` what its links keep."""

    groups: Mapping[str, Sequence[SettingLine]]
    text: str
    count: str
    state: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SettingContext(Context, templates=("settings/form.html",)):
    """The form of one; ``conflict`` says that somebody else was faster, ``uses`` what names what would be gone. A list
    has ``rows``; the last of them is ``focused`` after it was added.
    """

    form: SettingForm
    line: SettingLine
    conflict: str
    uses: Sequence[Use]
    state: Mapping[str, Any]
    rows: Sequence[Row]
    focused: bool = False


@blueprint.get("")
@for_admins
def page() -> str:
    """The list, or the part of it that a filter changes."""
    with read_session() as session:
        values = shown_settings(session)
    text = wanted().text
    words = text.casefold().split()
    groups = {
        group: [line for spec in specs if (line := SettingLine(spec, values[spec.name])).matches(words, group)]
        for group, specs in SETTING_GROUPS.items()
    }
    found = sum(map(len, groups.values()))
    return SettingsContext(
        groups={group: lines for group, lines in groups.items() if lines},
        text=text,
        count=counted(found, len(SETTINGS), "setting", "settings"),
        state=list_state(),
    ).render()


@blueprint.route("/<name>", methods=["GET", "POST"])
@for_admins
def edit(name: str) -> ResponseReturnValue:
    """Give a setting another value."""
    spec = find_setting(name)
    with read_session() as session:
        line = SettingLine(spec, shown_settings(session)[spec.name])
        form = _form(line, setting_choices(session, spec))
    if isinstance(spec, ListSetting) and not is_looking():
        form.value.data = sent_value(spec)
    status, conflict = form.status(), ""
    uses: Sequence[Use] = ()
    try:
        if form.was_sent_well():
            return _save(spec, form)
    except StillNamedError as error:
        form.value.errors, uses = tuple(map(str, error.beside_list.values())), error.uses
        form.focus_first_refused()
    except InputError as error:
        form.value.errors = (str(error),)
        form.focus_first_refused()
    except ConflictError as error:
        status, conflict, form.seen.data = CONFLICT, error.message, line.value
    rows = _rows(line)
    context = SettingContext(form=form, line=line, conflict=conflict, uses=uses, state=list_state(), rows=rows)
    return context.render(), status


def _save(spec: Setting[Any], form: SettingForm) -> ResponseReturnValue:
    with transaction() as session:
        text, actor = str(form.value.data or ""), current_user().name
        change_setting(session, spec.name, text, actor, form.seen.data, confirmed=is_confirmed())
    flash(f"{spec.name} is saved.", "ok")
    stay = request.form.get("then") == "stay"
    return redirect(url_for(".edit" if stay else ".page", **_state(spec, stay)), 303)


def _rows(line: SettingLine) -> Sequence[Row]:
    """The rows of a list, as they were sent or are; none of anything else."""
    if not isinstance(line.spec, ListSetting):
        return ()
    return (not is_looking() and sent_rows(line.spec)) or rows_of(line.spec, line.value)


@blueprint.post("/<name>/rows")
@for_admins
def rows(name: str) -> str:
    """The form of a list with one row more, or less; nothing is saved."""
    spec = find_setting(name)
    if not isinstance(spec, ListSetting):
        abort(404)
    with read_session() as session:
        line = SettingLine(spec, shown_settings(session)[spec.name])
    shown = changed_rows(spec)
    return SettingContext(
        form=_form(line, ()), line=line, conflict="", uses=(), state=list_state(), rows=shown, focused=True
    ).render("settings/form.html")


@blueprint.post("/<name>/switch")
@for_admins
def switch(name: str) -> ResponseReturnValue:
    """Turn a switch over that was seen on, or off."""
    spec, seen = find_setting(name), request.form.get("seen", "")
    if not spec.is_switch:
        abort(404)
    wanted_value = "no" if seen == "yes" else "yes"
    try:
        with transaction() as session:
            change_setting(session, spec.name, wanted_value, current_user().name, seen)
    except ConflictError as error:
        flash(str(error), "fail")
    else:
        flash(f"{spec.name} is {wanted_value} now.", "ok")
    return redirect(url_for(".page", **list_state()), 303)


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
    """The form for a setting: a selection where it takes only some words. A list has rows instead."""
    members: dict[str, Any] = {}
    attributes = {"autocomplete": "off", "spellcheck": "false"}
    if line.spec.allowed:
        members["value"] = StringField("Value", render_kw={**attributes, "inputmode": "numeric", "required": True})
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
