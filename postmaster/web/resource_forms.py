"""The forms that all resources share: add and edit, made from a service and its fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue

from postmaster.database import read_session, transaction
from postmaster.resources.bulk import AnyService
from postmaster.resources.fields import InvalidFieldsError
from postmaster.resources.models import AuditEvent
from postmaster.resources.service import ConflictError
from postmaster.resources.uses import StillNamedError
from postmaster.web.access import for_admins
from postmaster.web.asked import asked_id, is_looking
from postmaster.web.audit import AuditChange, changes_of
from postmaster.web.context import Context
from postmaster.web.field_forms import FieldForm
from postmaster.web.lists import next_url, with_parameter
from postmaster.web.resources import Resource, existing

# What was done to a record, the newest first; and how much of it its form shows.
Past = Sequence[tuple[AuditEvent, Sequence[AuditChange]]]
SHOWN_CHANGES = 10

# Somebody else was faster.
CONFLICT = 409


@dataclass(frozen=True, kw_only=True)
class ResourceFormContext(Context, templates=("resources/form.html",)):
    """A form, for the one called ``label`` or for a new one; ``back`` is where Cancel leads.

    ``past`` is what was done to it before.
    """

    resource: Resource
    form: FieldForm
    back: str
    label: str
    past: Past


def form_route(blueprint: Blueprint, path: str, **options: Any) -> Callable[[Any], Any]:
    """A route below the form of a new resource, and the same below that of each one."""

    def decorate(view: Any) -> Any:
        for prefix in ("/add", "/<id:number>"):
            blueprint.route(f"{prefix}/{path}", **options)(view)
        return view

    return decorate


def add_add(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.route("/add", methods=["GET", "POST"])
    @for_admins
    def add() -> ResponseReturnValue:
        """Add one."""
        with read_session() as session:
            service = resource.serve(session)
            form = resource.make_form(service, resource.helps, None)
            _begin_with_a_copy(resource, service, form)
            beside = resource.beside(session, None)
        if form.was_sent_well():
            try:
                with transaction() as session:
                    service = resource.serve(session)
                    record = form.add(service)
            except InvalidFieldsError as error:
                form.refuse(error.errors)
            else:
                return _after(resource, service, record, f"The {resource.name} “{service.label(record)}” is added.")
        return render_form(resource, form, "", beside), form.status()


def _begin_with_a_copy(resource: Resource, service: AnyService, form: FieldForm) -> None:
    """Fill in what the one has that the address names (``?like=``)."""
    number = asked_id("like") if resource.copies and is_looking() else None
    if number is not None:
        for name, text in service.copied(existing(service, number)).items():
            form[name].data = text


def add_edit(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.route("/<id:number>", methods=["GET", "POST"])
    @for_admins
    def edit(number: int) -> ResponseReturnValue:
        """Edit one."""
        with read_session() as session:
            service = resource.serve(session)
            record = existing(service, number)
            form, label = resource.make_form(service, resource.helps, record), service.label(record)
            beside = resource.beside(session, record)
            past = [(event, list(changes_of(event))) for event in service.history(record, SHOWN_CHANGES)]
        status = form.status()
        if form.was_sent_well():
            try:
                with transaction() as session:
                    service = resource.serve(session)
                    record = existing(service, number)
                    service.confirmed = is_confirmed()
                    changes = service.change(record, form.texts(), form.revision)
            except StillNamedError as error:
                form.uses = error.uses
                form.refuse(error.beside_list)
            except InvalidFieldsError as error:
                form.refuse(error.errors)
            except ConflictError:
                tell(resource, form, number)
                status = CONFLICT
            else:
                done = "is saved" if changes else "is unchanged"
                return _after(resource, service, record, f"The {resource.name} “{service.label(record)}” {done}.")
        return render_form(resource, form, label, beside, past), status


def render_form(resource: Resource, form: FieldForm, label: str, beside: Context, past: Past = ()) -> str:
    """The page with ``form``, for the one called ``label`` or for a new one."""
    back = next_url() or resource.url()
    context = ResourceFormContext(resource=resource, form=form, back=back, label=label, past=past)
    return context.render(resource.form_template, beside)


def is_confirmed() -> bool:
    """Whether the box is ticked that asks about what still names a thing."""
    return request.form.get("confirmed") == "yes"


def tell(resource: Resource, form: FieldForm, number: int) -> None:
    """Add to ``form`` what somebody else changed meanwhile."""
    with read_session() as session:
        service = resource.serve(session)
        record = existing(service, number)
        form.tell(record.revision, service.values(record), service.last_change(record))


def _after(resource: Resource, service: AnyService, record: Any, sentence: str) -> ResponseReturnValue:
    """Say that it is saved, and go on: to where the form was asked from, back to the list, or to the form."""
    flash(sentence, "ok")
    for words in service.warnings():
        flash(words, "warn")
    if back := next_url():
        return redirect(with_parameter(back, resource.noun, service.label(record)), 303)
    if request.form.get("then") == "stay":
        return redirect(resource.url("edit", number=record.id), 303)
    return redirect(resource.url(), 303)
