"""The quarantine: messages that could not become tickets, and what an admin does about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.desk.queues import Queues
from postmaster.errors import InputError, NotFoundError
from postmaster.ledger.models import Quarantine
from postmaster.ledger.quarantine import Handled, find_quarantined, handle, raw_source
from postmaster.ledger.quarantine_list import (
    QuarantineFilter,
    QuarantineGroup,
    newest_quarantined,
    quarantine_groups,
    quarantine_listing,
    quarantined_accounts,
)
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.arrival import read_arrival
from postmaster.pipeline.decision import REASONS, STORM
from postmaster.resources.listing import Page
from postmaster.resources.uses import enumeration
from postmaster.web.access import current_user, for_admins, for_leads, polling
from postmaster.web.articles import as_download, record_reading
from postmaster.web.asked import asked_id, asked_words
from postmaster.web.context import Context
from postmaster.web.lists import counted, list_state, wanted, wants_fragment
from postmaster.web.news import GrowingList, news_of
from postmaster.web.pulse import Pulse
from postmaster.web.quarantine_actions import QUARANTINE_ACTIONS, ChosenMailForm
from postmaster.web.source import Source, shown_source, shown_text

blueprint = Blueprint("quarantine", __name__, url_prefix="/quarantine")

GROWING = GrowingList("quarantine", "message", "messages", "shield-alert")

# What an address says when all that the filter finds are chosen, not only those on the page.
FOUND = "found"

# Seconds that one request may spend on messages; the page asks for the rest by itself.
ACTION_SECONDS = 4.0

# Messages that are named before they are deleted.
MAX_NAMED = 50


def _url(view: str = "page", **values: Any) -> str:
    """The address of a page of the quarantine, which keeps the state of the list."""
    state = list_state() | asked_words(("account", "like"))
    return url_for(f"quarantine.{view}", **{**state, **values})


@dataclass(frozen=True, kw_only=True)
class QuarantineContext(Context):
    """What each page of the quarantine needs: the addresses of the others."""

    url: Callable[..., str] = _url


@dataclass(frozen=True, kw_only=True)
class RowsContext(QuarantineContext):
    """What the rows need: what is ``ticked`` or chosen with all, and what the row that was pressed asks."""

    queues: Sequence[str]
    ticked: Collection[int] = ()
    reasons: Mapping[str, str] = field(default_factory=lambda: REASONS)
    all_chosen: bool = field(default_factory=lambda: "all" in request.args)
    all_found: bool = field(default_factory=lambda: request.args.get("all") == FOUND)
    ask: str = field(default_factory=lambda: request.args.get("ask", ""))


@dataclass(frozen=True, kw_only=True)
class QuarantineListContext(RowsContext, templates=("quarantine/page.html", "quarantine/_list.html")):
    """The list: of the ``account``, if one is chosen; ``newest`` is the id of the newest message there is."""

    page: Page
    sort: str
    text: str
    page_url: Callable[[int], str]
    account: str
    accounts: Sequence[str]
    newest: int
    count: str
    chosen_queue: str
    groups: Sequence[QuarantineGroup]
    like: int | None
    pulse: Pulse
    storm: str = STORM


@dataclass(frozen=True, kw_only=True)
class QuarantinedContext(RowsContext, templates=("quarantine/show.html", "quarantine/_row.html")):
    """One message as it reads, if it can be read, with its source; or its line of the list."""

    row: Quarantine
    source: Source
    message: ParsedMessage | None
    text: str


@dataclass(frozen=True, kw_only=True)
class DeleteMailContext(QuarantineContext, templates=("quarantine/delete.html",)):
    """The question whether to delete messages: their ``numbers``, and the first of them as ``rows``."""

    rows: Sequence[Quarantine]
    numbers: Sequence[int]
    form: ChosenMailForm


@dataclass(frozen=True, kw_only=True)
class GoingContext(QuarantineContext, templates=("quarantine/going.html", "quarantine/_going.html")):
    """How far it got with all that the filter finds: what is done, in ``form``, and how many are ``left``."""

    form: ChosenMailForm
    left: int


@blueprint.get("")
@for_leads
def page() -> str:
    """The list, or the part of it that a filter changes."""
    return _list()


def _list(ticked: Collection[int] = (), queue: str = "", *, every: bool = False) -> str:
    """The list, with what was ``ticked`` and the ``queue`` that was chosen before a refusal; or with ``every`` one."""
    account, like = request.args.get("account", ""), asked_id("like")
    listing = quarantine_listing(account, like)
    with read_session() as session:
        newest = newest_quarantined(session)
        found = listing.page(session, wanted())
        accounts = quarantined_accounts(session)
        queues = Queues(session).valid_names()
        groups = quarantine_groups(session) if like is None else []
    context = QuarantineListContext(
        page=found,
        sort=listing.sorted_by(wanted().sort),
        text=wanted().text,
        page_url=lambda number: _url(page=number),
        account=account,
        accounts=accounts,
        queues=queues,
        newest=newest,
        count=counted(found.found, found.total, "message", "messages"),
        ticked=ticked,
        chosen_queue=queue,
        groups=groups,
        like=like,
        pulse=GROWING.pulse(like=like),
    )
    return (replace(context, all_chosen=True, all_found=True) if every else context).render()


@blueprint.get("/news")
@polling
@for_leads
def news() -> str:
    """A beat, with how many messages came that the list, which begins with the oldest, does not show yet."""
    like = asked_id("like")
    found = QuarantineFilter(wanted().text, request.args.get("account", ""), like=like)
    return news_of(GROWING, found.count_newer, _url(sort="-received", page=None), like=like)


def _refused(form: ChosenMailForm, numbers: Collection[int]) -> ResponseReturnValue:
    """The list again, with what was chosen still chosen, so that it takes one press to do it right."""
    every = form.newest.data is not None
    return _list(numbers, form.queue.data or "", every=every), HTTPStatus.UNPROCESSABLE_ENTITY


@blueprint.get("/<id:mail>")
@for_leads
def show(mail: int) -> str:
    """One message, with its source; or its line of the list, which may ask what to do."""
    with read_session() as session:
        row = _existing(session, mail)
        queues = Queues(session).valid_names()
        raw = b"" if wants_fragment() else raw_source(session, row)
    if raw:
        record_reading("look-at-source", "quarantine", str(mail))
    message = read_arrival(raw, b"", "", 0).message if raw else None
    text = shown_text(message.text) if message else ""
    return QuarantinedContext(row=row, queues=queues, source=shown_source(raw), message=message, text=text).render()


@blueprint.get("/<id:mail>/download")
@for_leads
def download(mail: int) -> Response:
    """Its source, as a file."""
    with read_session() as session:
        raw = raw_source(session, _existing(session, mail))
    record_reading("download-source", "quarantine", str(mail))
    return as_download(raw, f"quarantine-{mail}.eml")


def _existing(session: Session, mail: int) -> Quarantine:
    try:
        return find_quarantined(session, mail)
    except NotFoundError as error:
        advice = "Somebody may have dealt with it already: check the list or the audit log."
        raise NotFoundError(error.code, error.message.removesuffix("."), advice) from None


@blueprint.post("/change")
@for_admins
def change() -> ResponseReturnValue:
    """Do something with chosen messages; one that is refused does not keep the others from it."""
    form = ChosenMailForm()
    try:
        numbers = _chosen(form)
        if form.action.data == "delete" and not form.confirmed.data:
            return _ask_to_delete(form, numbers)
        return _change(form, numbers)
    except InputError as error:
        flash(error.message, "fail")
    return _refused(form, set(form.mail.data or ()))


def _chosen(form: ChosenMailForm) -> Sequence[int]:
    with read_session() as session:
        numbers = form.numbers(session)
    if not numbers and not form.after.data:
        raise InputError("message", "Choose at least one message first.")
    return numbers


def _ask_to_delete(form: ChosenMailForm, numbers: Sequence[int]) -> str:
    named = select(Quarantine).where(Quarantine.id.in_(numbers[:MAX_NAMED])).order_by(Quarantine.id)
    with read_session() as session:
        rows = session.scalars(named).all()
    return DeleteMailContext(rows=rows, numbers=numbers, form=form).render()


def _change(form: ChosenMailForm, numbers: Sequence[int]) -> ResponseReturnValue:
    """Carry it out, and report on each message; with more than fit into a request, how far it got."""
    action = QUARANTINE_ACTIONS.get(form.action.data or "")
    if action is None:
        raise InputError("action", "Choose what to do with them.")
    if form.action.data == "deliver" and not form.queue.data:
        raise InputError("queue", "Choose the queue first.")
    actor, every = current_user().name, form.newest.data is not None
    seconds = ACTION_SECONDS if every else math.inf
    handled = list(handle(numbers, lambda session, row: action.run(session, row, form, actor), seconds))
    form.count(handled)
    if left := len(numbers) - len(handled):
        return GoingContext(form=form, left=left).render()
    if every:
        _tell_of_all(form, action.done)
    else:
        _tell(handled, action.done)
        if refused := {each.number for each in handled if each.error is not None}:
            return _refused(form, refused)
    return redirect(_url(like=None), 303)


def _tell_of_all(form: ChosenMailForm, done: str) -> None:
    if form.done.data:
        flash(f"{counted(form.done.data, form.done.data, 'message', 'messages')} {done}.", "ok")
    if form.kept.data:
        kept = counted(form.kept.data, form.kept.data, "message", "messages")
        flash(f"Still in quarantine: {kept}. Try one of them to see what keeps it there.", "fail")


def _tell(handled: Sequence[Handled], done: str) -> None:
    if results := [each.done for each in handled if each.error is None]:
        flash(f"{counted(len(results), len(handled), 'message', 'messages')} {done}: {enumeration(results)}.", "ok")
    if refusals := [f"Message {each.number}: {each.error.message}" for each in handled if each.error is not None]:
        flash(f"Still in quarantine. {enumeration(refusals)}", "fail")
