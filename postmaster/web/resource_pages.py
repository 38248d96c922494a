"""All pages of a resource, put together: its list, its forms, and what is done with what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect
from flask.typing import ResponseReturnValue

from postmaster.database import read_session, transaction
from postmaster.errors import PostMasterError
from postmaster.resources.bulk import AnyService
from postmaster.web.access import for_admins
from postmaster.web.bulk import add_bulk
from postmaster.web.context import Context
from postmaster.web.resource_forms import add_add, add_edit
from postmaster.web.resources import (
    FieldRow,
    Resource,
    add_page,
    existing,
    line_of,
    missing,
)
from postmaster.web.saved_views import add_views
from postmaster.web.transfer import add_transfer


@dataclass(frozen=True, kw_only=True)
class DeleteContext(Context, templates=("resources/delete.html", "resources/_asks.html")):
    """The question whether to delete one; or, in ``refusal``, what still uses it."""

    resource: Resource
    line: FieldRow
    refusal: str


def resource_blueprint(resource: Resource, name: str) -> Blueprint:
    """The blueprint of the resource's pages."""
    path = f"/{resource.within}/{resource.plural}" if resource.within else f"/{resource.plural}"
    blueprint = Blueprint(resource.plural, name, url_prefix=path)
    if not resource.within:
        add_page(blueprint, resource)
    for add_view in (add_add, add_edit, add_transfer, add_views):
        add_view(blueprint, resource)
    if resource.bulk:
        add_bulk(blueprint, resource)
    if resource.deletable:
        _confirm(blueprint, resource)
        _delete(blueprint, resource)
    return blueprint


def _confirm(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.get("/<id:number>/delete")
    @for_admins
    def confirm_delete(number: int) -> str:
        """Ask whether to delete one, or say what still uses it: in its row, or on a page of its own."""
        with read_session() as session:
            service = resource.serve(session)
            row = resource.listing.row(session, number)
            if row is None:
                raise missing(service)
            line, refusal = line_of(service, row), _refusal(service, row[0])
            cells = resource.cells(session, [line.record])
        return DeleteContext(resource=resource, line=line, refusal=refusal).render("", cells)


def _refusal(service: AnyService, record: Any) -> str:
    try:
        service.check_deletable(record)
    except PostMasterError as error:
        return str(error)
    return ""


def _delete(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.post("/<id:number>/delete")
    @for_admins
    def delete(number: int) -> ResponseReturnValue:
        """Delete one, and show the list again."""
        try:
            with transaction() as session:
                service = resource.serve(session)
                record = existing(service, number)
                service.delete(record)
        except PostMasterError as error:
            flash(str(error), "fail")
        else:
            flash(f"The {resource.name} “{service.label(record)}” is deleted.", "ok")
        return redirect(resource.url(), 303)
