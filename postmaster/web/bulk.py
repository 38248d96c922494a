"""What is done with the records that are selected in a list, and taken back: one view for all actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, abort, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.errors import InputError, PostMasterError
from postmaster.resources.bulk import MAX_BULK, undo
from postmaster.resources.fields import Field, FieldErrors, InvalidFieldsError
from postmaster.resources.numbers import read_id
from postmaster.web.access import current_user, for_admins
from postmaster.web.bulk_actions import BulkAction, Told, told
from postmaster.web.context import Context
from postmaster.web.field_forms import FieldForm, field_form
from postmaster.web.resources import Resource

# Of the selected records, how many the page that asks names.
MAX_NAMED = 20

# What the parameter ``all`` says if more is selected than the page shows.
FOUND = "found"

# The category of a message with a way to undo what it tells of begins so, and goes on with its address.
UNDO = "undo "


class BulkForm(FieldForm):
    """The fields of an action, all of which are wanted."""

    def is_mandatory(self, field: Field) -> bool:
        """Each is."""
        return True


@dataclass(frozen=True, kw_only=True)
class BulkContext(Context, templates=("resources/bulk.html",)):
    """The question before an action: the ``labels`` of some of the ``ids`` that it is about."""

    resource: Resource
    action: BulkAction
    ids: Sequence[int]
    labels: Sequence[str]
    form: FieldForm


def selected_ids() -> list[int]:
    """The ids that the request says are selected, each once, as far as they are ids."""
    found = (read_id(text) for text in request.values.getlist("id")[: MAX_BULK + 1])
    return list(dict.fromkeys(number for number in found if number is not None))


def is_selected(number: int) -> bool:
    """Whether a row of the list is to be shown as selected."""
    return "all" in request.args or str(number) in request.values.getlist("id")


def add_bulk(blueprint: Blueprint, resource: Resource) -> None:
    """The views of what is done with what is selected."""
    actions = {action.name: action for action in resource.bulk}

    @blueprint.post("/bulk/<press>")
    @for_admins
    def bulk(press: str) -> ResponseReturnValue:
        """Do it; or ask first, what for or whether at all."""
        action = actions.get(press) or abort(404)
        try:
            ids = _wanted_ids(resource)
            if action.asks_first:
                return _asked(resource, action, ids)
            tell(resource, action.run(ids, {}, current_user().name))
        except PostMasterError as error:
            flash(str(error), "fail")
        return redirect(resource.url(), 303)

    @blueprint.post("/undo/<batch>")
    @for_admins
    def take_back(batch: str) -> ResponseReturnValue:
        """Undo what one press did."""
        try:
            result = undo(resource.serve, batch, resource.ways_back)
        except PostMasterError as error:
            flash(str(error), "fail")
        else:
            found = told(resource.service, "Undone", result, final=True)
            tell(resource, found if result.done or result.refusals else Told("", "There is nothing to undo."))
        return redirect(resource.url(), 303)


def _wanted_ids(resource: Resource) -> Sequence[int]:
    """The ids of what is selected, or of all that the filter finds. Raises InputError if there are none or too many."""
    ids: Sequence[int] = selected_ids()
    if request.form.get("all") == FOUND:
        with read_session() as session:
            ids = resource.listing.ids(session, resource.wanted(), MAX_BULK + 1)
    if not ids:
        raise InputError(resource.noun, f"No {resource.name} is selected.", "Tick some in the list first.")
    if len(ids) > MAX_BULK:
        message = f"More than {MAX_BULK:,} {resource.plural} are selected."
        raise InputError(resource.noun, message, "Narrow the filter, and do it in parts.")
    return ids


def _asked(resource: Resource, action: BulkAction, ids: Sequence[int]) -> ResponseReturnValue:
    """Ask; do it if that was answered."""
    with read_session() as session:
        form = field_form(BulkForm, resource.serve(session), {}, None, action.fields)
        labels = _labels(session, resource, ids[:MAX_NAMED])
    context = BulkContext(resource=resource, action=action, ids=ids, labels=labels, form=form)
    if request.form.get("confirmed") != "yes":
        return context.render()
    try:
        texts = form.texts()
        _check(action.fields, texts)
        tell(resource, action.run(ids, texts, current_user().name))
    except InvalidFieldsError as error:
        form.refuse(error.errors)
        return context.render(), 422
    return redirect(resource.url(), 303)


def _labels(session: Session, resource: Resource, ids: Sequence[int]) -> Sequence[str]:
    service = resource.serve(session)
    found = session.execute(resource.listing.query.where(resource.listing.key.in_(ids)).order_by(resource.listing.key))
    return [service.label(row[0]) for row in found]


def _check(fields: Sequence[Field], texts: Mapping[str, str]) -> None:
    """Raises InvalidFieldsError naming what was not entered, or cannot be."""
    errors = FieldErrors()
    for field in fields:
        with errors.catching(field):
            if not texts.get(field.name, "").strip():
                raise InputError(field.label, f"{field.label} is missing.", code="missing-field")
            field.parse(texts[field.name])
    errors.raise_if_any(fields)


def tell(resource: Resource, result: Told) -> None:
    """Say what was done, with a way to undo it, and what was not."""
    if result.done:
        kind = UNDO + resource.url("take_back", batch=result.batch) if result.batch else "ok"
        flash(result.done, kind)
    if result.refused:
        flash(result.refused, "fail")
    for words in result.warnings:
        flash(words, "warn")


def init_app(app: Flask) -> None:
    """Give the templates what rows and messages ask."""
    app.jinja_env.globals.update(is_selected=is_selected, UNDO=UNDO)
