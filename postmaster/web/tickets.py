"""The tickets: the list, and what an admin does with chosen ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import SelectMultipleField, StringField

from postmaster.database import read_session, transaction
from postmaster.desk.models import ImportedTicket, Ticket
from postmaster.desk.queues import Queues
from postmaster.desk.ticket_list import StateGroup, TicketFilter, count_newer_tickets, find_tickets, newest_ticket
from postmaster.desk.ticket_service import TicketChange, TicketService, state_names
from postmaster.desk.ticket_view import ArticlePage, find_ticket, page_of_articles
from postmaster.desk.tickets import LinkedNumbers, TicketAttributes, linked_numbers
from postmaster.errors import InputError, NotFoundError
from postmaster.ledger.merging import merge_tickets
from postmaster.ledger.models import InboundMail
from postmaster.ledger.redispatch import dispatch_again
from postmaster.ledger.trace import MailTrace, traces
from postmaster.outlets.handed_over import HandedOver, handed_over
from postmaster.pipeline.verdict import Finding
from postmaster.resources.keyset import KeysetPage
from postmaster.resources.listing import PAGE_SIZE
from postmaster.resources.uses import enumeration
from postmaster.web.access import current_user, for_admins, for_leads, is_admin, polling
from postmaster.web.asked import asked_before, asked_id, asked_number, asked_words
from postmaster.web.badges import SENDER_BADGES, Badge
from postmaster.web.change_box import ChangeInput, change_inputs, chosen_words, told_changes
from postmaster.web.context import Context
from postmaster.web.forms import Form
from postmaster.web.lists import CursorLinks, counted, cursor_links, next_url
from postmaster.web.news import GrowingList, news_of
from postmaster.web.pulse import Pulse
from postmaster.web.steps import Step, steps_of
from postmaster.web.times import full

blueprint = Blueprint("tickets", __name__, url_prefix="/tickets")

# What the address says of the filter; ``before`` is where the page begins.
TICKET_FILTERS = ("q", "queue", "state", "group")

GROWING = GrowingList("tickets", "ticket", "tickets", "ticket")

# Articles up to which all are open.
OPEN_ARTICLES = 3

LABELS = {"sla": "SLA", "customer_id": "Customer no.", "customer_user": "Customer"}


class ChosenTicketsForm(Form):
    """Chosen tickets, and what to do with them: ``action`` is one of ``TICKET_ACTIONS``."""

    ticket = SelectMultipleField(choices=(), validate_choice=False)
    action = StringField()
    queue = StringField()
    state = StringField()
    into = StringField()


@dataclass(frozen=True)
class TicketAction:
    """Something that is done with chosen tickets. ``needs`` is the field that must be filled in, if there is one;
    ``missing`` says so, if it is nothing to choose from.
    """

    run: Callable[[Session, ChosenTicketsForm, str], Sequence[TicketChange]]
    needs: str
    done: str
    missing: str = ""


TICKET_ACTIONS = {
    "move": TicketAction(
        lambda session, form, actor: TicketService(session, actor).change(form.ticket.data, queue=form.queue.data),
        "queue",
        "moved to “{queue}”",
    ),
    "set-state": TicketAction(
        lambda session, form, actor: TicketService(session, actor).change(form.ticket.data, state=form.state.data),
        "state",
        "set to “{state}”",
    ),
    "set": TicketAction(
        lambda session, form, actor: TicketService(session, actor).change(
            form.ticket.data, form.queue.data or None, form.state.data or None, chosen_words(request.form)
        ),
        "",
        "",
    ),
    "merge": TicketAction(
        lambda session, form, actor: merge_tickets(session, form.ticket.data, form.into.data, actor),
        "into",
        "merged into {into}",
        "Enter the number of the ticket to merge into first.",
    ),
    "dispatch": TicketAction(
        lambda session, form, actor: dispatch_again(session, form.ticket.data, actor), "", "dispatched to another queue"
    ),
}


@dataclass(frozen=True, kw_only=True)
class TicketListContext(Context, templates=("tickets/page.html", "tickets/_list.html")):
    """The list: ``state`` is its filter, ``form`` what is chosen; tickets can be moved to ``valid_queues``.

    ``newest`` is the id of the newest ticket there was.
    """

    found: KeysetPage[Ticket]
    links: CursorLinks
    state: Mapping[str, Any]
    queues: Sequence[str]
    valid_queues: Sequence[str]
    states: Sequence[str]
    groups: Sequence[str]
    all_chosen: bool
    form: ChosenTicketsForm
    newest: int
    pulse: Pulse


@dataclass(frozen=True, kw_only=True)
class TicketContext(Context, templates=("tickets/show.html",)):
    """One ticket: ``many`` articles are closed, ``remote`` is the one whose remote images are shown."""

    ticket: Ticket
    facts: Sequence[tuple[str, str]]
    page: ArticlePage
    many: bool
    remote: int | None
    linked: LinkedNumbers
    outlets: Sequence[HandedOver]
    messages: Sequence[tuple[MailTrace, Sequence[Step]]]
    inputs: Sequence[ChangeInput]
    verdicts: Mapping[Finding, Badge]
    imported: bool
    state: Mapping[str, Any]


@blueprint.get("")
@for_leads
def page() -> str:
    """The list, or the part of it that a filter changes."""
    return _list(ChosenTicketsForm())


def _list(form: ChosenTicketsForm) -> str:
    """The list, with what is chosen in ``form``."""
    wanted = replace(_wanted(), before=asked_before())
    with read_session() as session:
        newest = newest_ticket(session)
        found = find_tickets(session, wanted)
        queues = Queues(session)
        names, valid, states = queues.names(), queues.valid_names(), state_names(session)
    state = filter_state()
    return TicketListContext(
        found=found,
        links=cursor_links(state, found.next),
        state=state,
        queues=names,
        valid_queues=valid,
        states=states,
        groups=list(StateGroup),
        all_chosen="all" in request.args,
        form=form,
        newest=newest,
        pulse=GROWING.pulse(),
    ).render()


def _wanted() -> TicketFilter:
    """What the filter of the list asks for."""
    asked = request.args
    group = next((group for group in StateGroup if group.value == asked.get("group")), None)
    return TicketFilter(asked.get("q", ""), asked.get("queue", ""), asked.get("state", ""), group)


@blueprint.get("/news")
@polling
@for_leads
def news() -> str:
    """A beat, with how many tickets were opened that the list does not show yet."""
    wanted, address = _wanted(), url_for(".page", **filter_state())
    return news_of(GROWING, lambda session, after: count_newer_tickets(session, wanted, after), address)


def filter_state() -> dict[str, Any]:
    """The filter that the request is about, or that it came from and leads back to."""
    return asked_words(TICKET_FILTERS)


@blueprint.get("/<ticket>")
@for_leads
def show(ticket: str) -> str:
    """One ticket: its attributes, its articles, and how its mail got here."""
    with read_session() as session:
        found = find_ticket(session, ticket)
        articles = page_of_articles(session, found.id, asked_number("page", 1))
        messages = traces(session, InboundMail.ticket_id == found.id, limit=PAGE_SIZE)
        linked = linked_numbers(session, found.id)
        outlets = handed_over(session, found.id)
        imported = session.get(ImportedTicket, found.id) is not None
        inputs = list(change_inputs(session, found)) if is_admin() else []
    return TicketContext(
        ticket=found,
        facts=[(label, value) for label, value in _facts(found) if value],
        page=articles,
        imported=imported,
        many=len(articles.articles) > OPEN_ARTICLES,
        remote=asked_id("images"),
        linked=linked,
        outlets=outlets,
        messages=[(message, list(steps_of(message))) for message in messages],
        inputs=inputs,
        state=filter_state(),
        verdicts=SENDER_BADGES,
    ).render()


def _facts(ticket: Ticket) -> Iterator[tuple[str, str | None]]:
    attributes = TicketAttributes.of(ticket).as_row()
    fields = attributes.pop("dynamic_fields")
    pending = attributes.pop("pending_time")
    if attributes["customer_id"] == attributes["customer_user"]:
        del attributes["customer_id"]
    yield "Number", ticket.number
    yield "Queue", ticket.queue.name
    yield from ((LABELS.get(name, name.capitalize()), value) for name, value in attributes.items())
    yield "Pending until", full(pending) if pending else None
    yield from fields.items()


@blueprint.post("/change")
@for_admins
def change() -> ResponseReturnValue:
    """Do something with chosen tickets: with all of them, or, if one is refused, with none."""
    form = ChosenTicketsForm()
    try:
        flash(_change(form), "ok")
    except (InputError, NotFoundError) as error:
        flash(f"Nothing was changed. {error.message}", "fail")
        if next_url() is None:
            return _list(form), HTTPStatus.UNPROCESSABLE_ENTITY
    kept = asked_words((*TICKET_FILTERS, "before"))
    return redirect(next_url() or url_for(".page", **kept), 303)


def _change(form: ChosenTicketsForm) -> str:
    """Carry it out; returns the sentence that says so."""
    action = TICKET_ACTIONS.get(form.action.data or "")
    if action is None:
        raise InputError("action", "Choose what to do with them.")
    if not form.ticket.data:
        raise InputError("ticket", "Choose at least one ticket first.")
    if action.needs and not form[action.needs].data:
        raise InputError(action.needs, action.missing or f"Choose the {action.needs} first.")
    with transaction() as session:
        changes = action.run(session, form, current_user().name)
    if form.action.data == "set":
        return told_changes(changes)
    into = (form.into.data or "").strip()
    done = action.done.format(queue=form.queue.data, state=form.state.data, into=into)
    return _sentence(changes, done)


def _sentence(changes: Sequence[TicketChange], done: str) -> str:
    changed = [change for change in changes if change.changes]
    if not changed:
        return "No changes."
    verb = "was" if len(changed) == 1 else "were"
    moves = enumeration(f"{change.number} from “{next(iter(change.changes.values()))[0]}”" for change in changed)
    return f"{counted(len(changed), len(changes), 'ticket', 'tickets')} {verb} {done}: {moves}."
