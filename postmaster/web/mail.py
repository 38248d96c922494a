"""Where is my mail? Any message that was taken, what became of it, and why."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from postmaster.database import read_session
from postmaster.ledger.search import MailFilter, find_mail
from postmaster.ledger.trace import trace_mail
from postmaster.web.access import for_leads
from postmaster.web.asked import asked_before
from postmaster.web.badges import OUTCOME_BADGES, SENDER_BADGES
from postmaster.web.lists import cursor_links, wants_fragment
from postmaster.web.steps import steps_of
from postmaster.web.times import asked_moment

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
MAIL_FILTERS = ("q", *PARTS, "outcome", "verdict", "from", "to")


@blueprint.get("")
@for_leads
def page() -> str:
    """The newest messages, or those that are searched for."""
    state: dict[str, Any] = {name: request.args[name] for name in MAIL_FILTERS if request.args.get(name, "").strip()}
    with read_session() as session:
        found = find_mail(session, _wanted())
    return render_template(
        "mail/_list.html" if wants_fragment() else "mail/page.html",
        found=found,
        **cursor_links(state, found.next),
        state=state,
        parts=PARTS,
        looks=OUTCOME_BADGES,
        verdicts=SENDER_BADGES,
    )


def _wanted() -> MailFilter:
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
        **{name: asked.get(name, "") for name in PARTS},
    )


@blueprint.get("/<id:number>")
@for_leads
def show(number: int) -> str:
    """One message: who wrote it, what became of it, and how it came to that."""
    with read_session() as session:
        trace = trace_mail(session, number)
    return render_template(
        "mail/show.html",
        trace=trace,
        mail=trace.mail,
        steps=list(steps_of(trace)),
        looks=OUTCOME_BADGES,
        verdicts=SENDER_BADGES,
    )
