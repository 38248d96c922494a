"""What the form of a mail account asks of the server while it is filled in. Nothing here changes an account.

Each button works with htmx, which gets the part of the page that changes, and without scripts, where the whole form
comes back as it was entered, with what was found out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from postmaster.accounts.fields import AUTHSERV_IDS, CREDENTIAL, DISPATCHING, QUEUE, TRUSTED, TYPE
from postmaster.accounts.service import AccountService
from postmaster.accounts.types import EMAIL_ADDRESS, TYPE_FIELDS
from postmaster.accounts.validation import check_dispatching
from postmaster.accounts.with_credential import (
    ALL_NEW_FIELDS,
    MAILBOX,
    NEW_KIND,
    NEW_PASSWORD,
    draft_account,
    wants_credential,
)
from postmaster.database import read_session
from postmaster.errors import PostMasterError
from postmaster.limits import limited
from postmaster.operations.server_checks import COMMANDS, CheckReport, read_report, start, wait_for
from postmaster.resources.fields import FieldErrors, InvalidFieldsError
from postmaster.web.access import current_user, for_admins, polling
from postmaster.web.accounts.form import AccountForm, account_form
from postmaster.web.accounts.resource import ACCOUNT_PAGES, AccountBeside, PreviewWords, blueprint
from postmaster.web.asked import asked_number
from postmaster.web.context import Context
from postmaster.web.field_forms import FormPart
from postmaster.web.lists import wants_fragment, with_parameter
from postmaster.web.resource_forms import form_route, render_form
from postmaster.web.resources import Resource, existing

# What it takes to reach a mailbox, and what more to preview its mail.
CONNECTION = (TYPE, CREDENTIAL, *TYPE_FIELDS, MAILBOX, NEW_KIND, *ALL_NEW_FIELDS)
DECISION = (TRUSTED, AUTHSERV_IDS, DISPATCHING, QUEUE)

# Seconds that a browser without scripts is kept waiting; then it has a button to ask again.
TEST_SECONDS = 20

# Where what was found out is shown.
CHECK_TEMPLATES = {kind: f"accounts/_{kind}.html" for kind in COMMANDS}

KINDS = f"<any({', '.join(COMMANDS)}):kind>"
AUTHORISE_FIRST = "Save, and authorise it in the list of accounts. Then test the connection."
FORGOTTEN = "The result is no longer kept. Try again."


@dataclass(frozen=True, kw_only=True)
class FieldsContext(Context, templates=("accounts/_fields.html",), others=(AccountBeside,)):
    """The sections of the form."""

    resource: Resource
    form: AccountForm


@dataclass(frozen=True, kw_only=True)
class CheckContext(PreviewWords, templates=tuple(CHECK_TEMPLATES.values())):
    """What was found out for the account with the id ``number``, or for a new one."""

    resource: Resource
    report: CheckReport
    number: int | None


@dataclass(frozen=True, kw_only=True)
class UsedContext(Context, templates=("accounts/_used.html",)):
    """A field with what was found entered in it."""

    resource: Resource
    form: AccountForm
    part: FormPart


def opened(number: int | None, **options: Any) -> tuple[AccountForm, str]:
    """The form as the request has it, and what the account is called; nothing for a new one."""
    with read_session() as session:
        service = ACCOUNT_PAGES.serve(session)
        account = None if number is None else existing(service, number)
        form = account_form(service, ACCOUNT_PAGES.helps, account, **options)
        return form, service.label(account) if account else ""


@form_route(blueprint, "fields", methods=["GET", "POST"])
@for_admins
def fields(number: int | None = None) -> ResponseReturnValue:
    """The fields that the chosen type calls for: those alone for htmx, the whole form without scripts."""
    if request.method == "POST":
        form, label = opened(number)
        return render_form(ACCOUNT_PAGES, form, label, AccountBeside())
    form, _ = opened(number, formdata=request.args)
    return FieldsContext(resource=ACCOUNT_PAGES, form=form).render("", AccountBeside())


@form_route(blueprint, "credential", methods=["POST"])
@for_admins
def credential(number: int | None = None) -> ResponseReturnValue:
    """Go to the form of a new credential, and come back with what was entered here, and the new one selected."""
    form, _ = opened(number)
    here = ACCOUNT_PAGES.url("add" if number is None else "edit", number=number)
    back = with_parameter(here, "draft", form.keep())
    return redirect(url_for("credentials.add", next=back), 303)


@form_route(blueprint, KINDS, methods=["POST"])
@for_admins
@limited("60 per minute")
def look(kind: str, number: int | None = None) -> ResponseReturnValue:
    """Start looking at the server with what is entered, saved or not."""
    form, label = opened(number)
    try:
        token = start(kind, _checked(form, kind), current_user().name, number)
    except InvalidFieldsError as error:
        form.refuse(error.errors)
        report = CheckReport(kind, "", running=False, lines=[], trouble=f"Correct this first: {error}")
        return _show(report, form, label), HTTPStatus.UNPROCESSABLE_ENTITY
    except PostMasterError as error:
        return _show(CheckReport(kind, "", running=False, lines=[], trouble=str(error)), form, label)
    return _show(wait_for(kind, token, 0 if wants_fragment() else TEST_SECONDS), form, label)


@form_route(blueprint, f"{KINDS}/<key>", methods=["GET", "POST"])
@polling
@for_admins
def report(kind: str, key: str, number: int | None = None) -> ResponseReturnValue:
    """How far it has got. htmx asks again and again, and hears nothing as long as there is nothing new."""
    if request.method == "POST":
        form, label = opened(number)
        return _show(wait_for(kind, key, TEST_SECONDS), form, label)
    if not wants_fragment():
        return redirect(ACCOUNT_PAGES.url("add" if number is None else "edit", number=number))
    found = read_report(kind, key) or CheckReport(kind, "", running=False, lines=[], trouble=FORGOTTEN)
    if found.running and asked_number("seen", 0) == len(found.lines):
        return "", HTTPStatus.NO_CONTENT
    return _render(found, number)


@form_route(blueprint, "use/<any(folder, ssl_fingerprint, authserv_ids):field>", methods=["POST"])
@for_admins
def use(field: str, number: int | None = None) -> ResponseReturnValue:
    """Enter in ``field`` what was found on the server."""
    form, label = opened(number)
    form[field].data = request.form.get("found", "")
    if not wants_fragment():
        return render_form(ACCOUNT_PAGES, form, label, AccountBeside())
    part = next((part for part in form.parts if part[0].name == field), None)
    if part is None:  # the type that was chosen meanwhile has no such field
        return "", HTTPStatus.NO_CONTENT
    form[field].render_kw = {**form[field].render_kw, "autofocus": True}
    return UsedContext(resource=ACCOUNT_PAGES, form=form, part=part).render()


def _checked(form: AccountForm, kind: str) -> dict[str, str]:
    """What was entered in the fields that ``kind`` is about. Raises InvalidFieldsError."""
    wanted = (*CONNECTION, *DECISION) if kind == "preview" else (*CONNECTION, AUTHSERV_IDS)
    texts = {name: text for name, text in form.texts().items() if name in {field.name for field in wanted}}
    if kind == "discovery":
        return {EMAIL_ADDRESS.name: _address(form)}
    if kind != "certificate" and wants_credential(texts) and not texts.get(NEW_PASSWORD.name):
        raise PostMasterError("credential-unauthorised", "The new credential is not authorised yet.", AUTHORISE_FIRST)
    with read_session() as session:
        service = AccountService(session, current_user().name)
        draft, errors = draft_account(service, texts), FieldErrors()
        check_dispatching(draft, draft.queue_id, texts.get(QUEUE.name, ""), service.queues, errors)
        if kind == "preview":
            errors.raise_if_any(service.fields)
    return texts


def _address(form: AccountForm) -> str:
    """The address whose server is looked for. Raises InvalidFieldsError."""
    text, errors = form.entered()[MAILBOX.name].strip(), FieldErrors()
    with errors.catching(MAILBOX):
        replace(MAILBOX, mandatory=True).parse(text)
    errors.raise_if_any((MAILBOX,))
    return text


def _show(found: CheckReport | None, form: AccountForm, label: str) -> str:
    """What is known, in its place for htmx, else on the page with the form."""
    if found is None:
        found = CheckReport("test", "", running=False, lines=[], trouble=FORGOTTEN)
    if wants_fragment():
        return _render(found, form.number)
    return render_form(ACCOUNT_PAGES, form, label, AccountBeside(reports={found.kind: found}))


def _render(found: CheckReport, number: int | None) -> str:
    return CheckContext(resource=ACCOUNT_PAGES, report=found, number=number).render(CHECK_TEMPLATES[found.kind])
