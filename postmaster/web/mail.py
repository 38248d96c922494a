"""Where is my mail? Any message that was ever received, its outcome, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.desk.queues import Queues
from postmaster.errors import NotFoundError
from postmaster.ledger.models import InboundMail
from postmaster.ledger.search import MailFilter, MailPage, count_newer_mail, find_mail, newest_mail
from postmaster.ledger.trace import MailTrace, trace_mail
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.verdict import Finding
from postmaster.web.access import for_leads, polling
from postmaster.web.asked import asked_before, asked_number
from postmaster.web.badges import OUTCOME_BADGES, SENDER_BADGES, Badge
from postmaster.web.context import Context
from postmaster.web.lists import CursorLinks, cursor_links
from postmaster.web.news import GrowingList, news_of
from postmaster.web.pulse import Pulse
from postmaster.web.steps import Step, steps_of
from postmaster.web.times import asked_moment
from postmaster.web.why import WhyContext, why_form

blueprint = Blueprint("mail", __name__, url_prefix="/mail")

# What a message is searched by beside free text, with the labels of the inputs.
PARTS = {
    "sender": "Sender",
    "recipient": "Recipient",
    "subject": "Words of the subject",
    "message_id": "Message-ID",
    "account": "Mail account",
    "ticket": "Ticket number",
}
GROWING = GrowingList("mail", "message", "messages", "mail")
MAIL_FILTERS = ("q", *PARTS, "outcome", "verdict", "queue", "waited", "from", "to")


@dataclass(frozen=True, kw_only=True)
class MailListContext(Context, templates=("mail/page.html", "mail/_list.html")):
    """The search: ``state`` is what is searched for, ``parts`` are the fields to search by, ``newest`` is the id of the
    newest message there was.
    """

    found: MailPage
    links: CursorLinks
    state: Mapping[str, Any]
    newest: int
    pulse: Pulse
    parts: Mapping[str, str]
    looks: Mapping[Outcome, Badge]
    verdicts: Mapping[Finding, Badge]
    queues: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class MailContext(Context, templates=("mail/show.html",), others=(WhyContext,)):
    """One message, and the steps of its way."""

    trace: MailTrace
    mail: InboundMail
    steps: Sequence[Step]
    looks: Mapping[Outcome, Badge]
    verdicts: Mapping[Finding, Badge]


@blueprint.get("")
@for_leads
def page() -> str:
    """The newest messages, or those that are searched for."""
    state = _state()
    with read_session() as session:
        queues, newest = Queues(session), newest_mail(session)
        found, names = find_mail(session, _wanted(queues)), queues.names()
    links = cursor_links(state, found.next)
    context = MailListContext(
        found=found,
        links=links,
        state=state,
        newest=newest,
        pulse=GROWING.pulse(),
        parts=PARTS,
        looks=OUTCOME_BADGES,
        verdicts=SENDER_BADGES,
        queues=names,
    )
    return context.render()


@blueprint.get("/news")
@polling
@for_leads
def news() -> str:
    """A beat, with how many messages came that the list does not show yet."""

    def count(session: Session, after: int) -> int:
        return count_newer_mail(session, _wanted(Queues(session)), after)

    return news_of(GROWING, count, url_for(".page", **_state()))


def _state() -> dict[str, Any]:
    """What is searched for."""
    return {name: request.args[name] for name in MAIL_FILTERS if request.args.get(name, "").strip()}


def _wanted(queues: Queues) -> MailFilter:
    asked = request.args
    outcome = next((outcome for outcome in OUTCOME_BADGES if outcome.value == asked.get("outcome")), None)
    verdict = next((finding for finding in SENDER_BADGES if finding.value == asked.get("verdict")), None)
    return MailFilter(
        text=asked.get("q", ""),
        outcome=outcome,
        verdict=verdict,
        since=asked_moment("from"),
        until=asked_moment("to", end_of_day=True),
        before=asked_before(),
        queue_ids=_queue_ids(queues, asked.get("queue", "")),
        waited=asked_number("waited", 0) or None,
        **{name: asked.get(name, "") for name in PARTS},
    )


def _queue_ids(queues: Queues, name: str) -> Sequence[int] | None:
    """The queue of that name, None for all; one that is not there has no mail."""
    try:
        return [queues.queue_id(name)] if name else None
    except NotFoundError:
        return []


@blueprint.get("/<id:number>")
@for_leads
def show(number: int) -> str:
    """One message: who wrote it, its outcome, and how it came to that."""
    with read_session() as session:
        trace = trace_mail(session, number)
        why = why_form(session, trace.mail)
    context = MailContext(
        trace=trace, mail=trace.mail, steps=list(steps_of(trace)), looks=OUTCOME_BADGES, verdicts=SENDER_BADGES
    )
    return context.render("", why)
