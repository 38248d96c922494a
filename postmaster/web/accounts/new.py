"""The way to a new account: where the mailbox is, and what was found out about its server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from flask import redirect, request
from flask.typing import ResponseReturnValue

from postmaster.accounts.fields import TYPE
from postmaster.accounts.types import ACCOUNT_TYPES, HOST, PORT
from postmaster.accounts.with_credential import NEW_USERNAME
from postmaster.extensions import Json
from postmaster.operations.server_checks import read_report
from postmaster.web.access import for_admins
from postmaster.web.accounts.form import AccountForm
from postmaster.web.accounts.places import PLACES, Place
from postmaster.web.accounts.resource import ACCOUNT_PAGES, AccountBeside, blueprint
from postmaster.web.accounts.views import FieldsContext, opened
from postmaster.web.context import Context
from postmaster.web.lists import wants_fragment
from postmaster.web.resource_forms import render_form
from postmaster.web.resources import Resource


@dataclass(frozen=True, kw_only=True)
class PlacesContext(Context, templates=("accounts/where.html",)):
    """The places that there are."""

    resource: Resource
    places: Mapping[str, Place]


@blueprint.get("/where")
@for_admins
def where() -> str:
    """Ask where the mailbox is."""
    return PlacesContext(resource=ACCOUNT_PAGES, places=PLACES).render()


@blueprint.post("/add/found/<key>")
@for_admins
def use_server(key: str) -> ResponseReturnValue:
    """Enter the server that was found. With ``by=itself`` only where no host was entered meanwhile."""
    form, label = opened(None)
    report = read_report("discovery", key)
    found: Json | None = report.result.get("found") if report else None
    if report is None or not found or (request.args.get("by") == "itself" and form.entered()[HOST.name]):
        return ("", HTTPStatus.NO_CONTENT) if wants_fragment() else redirect(ACCOUNT_PAGES.url("add"), 303)
    _enter(form, found, report.result["address"])
    beside = AccountBeside(reports={report.kind: report}, used=True)
    if not wants_fragment():
        return render_form(ACCOUNT_PAGES, form, label, beside)
    return FieldsContext(resource=ACCOUNT_PAGES, form=form).render("", beside)


def _enter(form: AccountForm, found: Json, address: str) -> None:
    kind = ACCOUNT_TYPES[found["type"]]
    values = {TYPE: kind.name, HOST: found["host"], PORT: "" if found["port"] == kind.port else str(found["port"])}
    if found["username"] != address and not form.entered()[NEW_USERNAME.name]:
        values[NEW_USERNAME] = found["username"]
    for field, text in values.items():
        form[field.name].data = text
    form.doubtful = bool(found["error"])
