"""What the form of a mail account asks of the server while it is filled in. Nothing here changes an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from postmaster.database import reading
from postmaster.web.access import for_admins
from postmaster.web.accounts.form import AccountForm, account_form
from postmaster.web.accounts.resource import RESOURCE, blueprint
from postmaster.web.lists import with_parameter
from postmaster.web.resources import existing, render_form


def form_route(path: str, **options: Any) -> Callable[[Any], Any]:
    """A route below the form of a new account, and the same below that of each account."""

    def decorate(view: Any) -> Any:
        for prefix in ("/add", "/<int:number>"):
            blueprint.route(f"{prefix}/{path}", **options)(view)
        return view

    return decorate


def opened(number: int | None, **options: Any) -> tuple[AccountForm, str]:
    """The form as the request has it, and what the account is called; nothing for a new one."""
    with reading() as session:
        service = RESOURCE.serve(session)
        account = None if number is None else existing(service, number)
        form = account_form(service, RESOURCE.helps, account, **options)
        return form, service.label(account) if account else ""


@form_route("fields", methods=["GET", "POST"])
@for_admins
def fields(number: int | None = None) -> ResponseReturnValue:
    """The fields that the chosen type calls for: those alone for htmx, the whole form without scripts."""
    if request.method == "POST":
        form, label = opened(number)
        return render_form(RESOURCE, form, label)
    form, _ = opened(number, formdata=request.args)
    return render_template("accounts/_fields.html", resource=RESOURCE, form=form)


@form_route("credential", methods=["POST"])
@for_admins
def credential(number: int | None = None) -> ResponseReturnValue:
    """Go to the form of a new credential, and come back with what was entered here, and the new one selected."""
    form, _ = opened(number)
    here = RESOURCE.url("add" if number is None else "edit", number=number)
    back = with_parameter(here, "draft", form.keep())
    return redirect(url_for("credentials.add", next=back), 303)
