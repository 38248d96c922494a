"""What the form of a filter asks of the server while it is filled in. Nothing here changes a filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.models import MailAccount
from postmaster.database import read_session
from postmaster.errors import InputError, NotFoundError
from postmaster.ledger.filter_trial import Experiment, checked_of, source_of, try_out
from postmaster.pipeline.decision import Rules
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.service import NAME, FilterService
from postmaster.pipeline.rules import present_rules
from postmaster.pipeline.verdict import NO_VERDICT, SenderVerdict
from postmaster.resources.fields import InvalidFieldsError
from postmaster.resources.numbers import NO_ID
from postmaster.web.access import current_user, for_admins
from postmaster.web.asked import asked_id
from postmaster.web.context import Context
from postmaster.web.filters.form import FilterForm, filter_form
from postmaster.web.filters.resource import FILTER_PAGES, FilterBeside, blueprint, filter_beside
from postmaster.web.lists import wants_fragment
from postmaster.web.resource_forms import form_route, render_form
from postmaster.web.resources import Resource, existing

UNPROCESSABLE = 422

# What a filter without a name is called while it is tried; where it comes in the order is not known yet.
NAMELESS = "(this filter)"

# What of the form is renewed.
PARTS = ("filters/_conditions.html", "filters/_settings.html", "filters/_trial.html")


@dataclass(frozen=True, kw_only=True)
class FilterPartContext(Context, templates=PARTS, others=(FilterBeside,)):
    """A part of the form that is renewed."""

    resource: Resource
    form: FilterForm


def _opened(session: Session, number: int | None) -> tuple[FilterForm, PostmasterFilter | None, FilterService]:
    service = FilterService(session, current_user().name)
    record = None if number is None else existing(service, number)
    return filter_form(service, FILTER_PAGES.helps, record), record, service


def _shown(form: FilterForm, part: str, beside: FilterBeside) -> str:
    """The part that changed for htmx, the whole form without scripts."""
    if wants_fragment():
        return FilterPartContext(resource=FILTER_PAGES, form=form).render(f"filters/{part}.html", beside)
    label = str(form[NAME.name].data or "") if form.number else ""
    return render_form(FILTER_PAGES, form, label, beside)


@form_route(blueprint, "rows/<any(condition, setting):what>", methods=["POST"])
@for_admins
def rows(what: str, number: int | None = None) -> ResponseReturnValue:
    """One row more to fill in."""
    with read_session() as session:
        form, _, _ = _opened(session, number)
        form.blanks = {**form.blanks, what: form.blanks[what] + 1}
        return _shown(form, f"_{what}s", replace(filter_beside(session), focus=what))


@form_route(blueprint, "try", methods=["POST"])
@for_admins
def try_it(number: int | None = None) -> ResponseReturnValue:
    """Hold a message against the filter as it is entered, and the saved ones."""
    experiment, problem = None, ""
    with read_session() as session:
        form, record, service = _opened(session, number)
        try:
            experiment = _try(session, service, form, record)
        except InvalidFieldsError as error:
            form.refuse(error.errors)
            problem = " ".join(str(each) for each in error.errors.values())
        except (InputError, NotFoundError) as error:
            problem = str(error)
        page = _shown(form, "_trial", replace(filter_beside(session), experiment=experiment, problem=problem))
    return page, UNPROCESSABLE if problem and not wants_fragment() else 200


def _try(session: Session, service: FilterService, form: FilterForm, record: PostmasterFilter | None) -> Experiment:
    texts = form.texts()
    row = service.draft({**texts, NAME.name: texts[NAME.name].strip() or NAMELESS})
    row.id, row.all_accounts = record.id if record else 0, not texts["account"].strip()
    account = session.get(MailAccount, asked_id("origin") or NO_ID)
    rules = present_rules(session, account.id) if account else Rules()  # of a pipe, if of no account
    return try_out(session, row, *_message(session), rules, config.current().time_zone)


def _message(session: Session) -> tuple[bytes, SenderVerdict]:
    """The message, and what was found out here about its sender when it came."""
    if pasted := request.form.get("message", "").strip():
        return pasted.replace("\r\n", "\n").encode("utf-8", "replace"), NO_VERDICT
    if (picked := asked_id("recent")) is not None:
        return source_of(session, picked), checked_of(session, picked)
    raise InputError(
        "Message", "There is no message to try it with.", "Paste one, or pick a recent one.", "missing-field"
    )
