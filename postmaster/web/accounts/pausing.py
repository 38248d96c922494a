"""Pause and resume one account, on its page: the same as is done with several in the list."""

from __future__ import annotations

from collections.abc import Mapping

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from postmaster.accounts.pause import REASON
from postmaster.database import read_session
from postmaster.errors import InputError
from postmaster.web.access import current_user, for_admins
from postmaster.web.accounts.bulk import PAUSE, RESUME
from postmaster.web.accounts.resource import ACCOUNT_PAGES, blueprint
from postmaster.web.bulk import tell
from postmaster.web.bulk_actions import BulkAction
from postmaster.web.resources import existing


@blueprint.post("/<id:number>/pause")
@for_admins
def pause_one(number: int) -> ResponseReturnValue:
    """Pause it; the form says why."""
    reason = request.form.get(REASON.name, "")
    try:
        REASON.parse(reason)
    except InputError as error:
        flash(str(error), "fail")
        return _back(number)
    return _do(PAUSE, number, {REASON.name: reason})


@blueprint.post("/<id:number>/resume")
@for_admins
def resume_one(number: int) -> ResponseReturnValue:
    """Resume it."""
    return _do(RESUME, number, {})


def _do(action: BulkAction, number: int, texts: Mapping[str, str]) -> ResponseReturnValue:
    with read_session() as session:
        existing(ACCOUNT_PAGES.serve(session), number)
    tell(ACCOUNT_PAGES, action.run([number], texts, current_user().name))
    return _back(number)


def _back(number: int) -> ResponseReturnValue:
    return redirect(url_for("accounts.show", number=number), 303)
