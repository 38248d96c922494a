"""Why not? What stood against a queue, a filter or a ticket, and what did not match a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.database import read_session
from postmaster.desk.queues import Queues
from postmaster.errors import NotFoundError
from postmaster.ledger.missed import missed
from postmaster.ledger.models import InboundMail
from postmaster.ledger.obstacles import Obstacle
from postmaster.ledger.trace import trace_mail
from postmaster.ledger.why_not import QUESTIONS, WhyNot, why_not
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.web.access import for_leads
from postmaster.web.context import Context

blueprint = Blueprint("why", __name__, url_prefix="/mail")

UNPROCESSABLE = 422


@dataclass(frozen=True, kw_only=True)
class WhyContext(Context, templates=("mail/why.html", "mail/_why.html")):
    """The form, with what was ``asked``, and the answer; ``problem`` says why there is none."""

    mail: InboundMail
    queues: Sequence[str]
    filters: Sequence[str]
    asked: Mapping[str, str]
    answer: WhyNot | None
    problem: str


@dataclass(frozen=True, kw_only=True)
class MissedContext(Context, templates=("mail/missed.html", "mail/_missed.html")):
    """What did not match; None if the source of the message is not kept."""

    mail: InboundMail
    obstacles: Sequence[Obstacle] | None


def why_form(
    session: Session,
    mail: InboundMail,
    asked: Mapping[str, str] | None = None,
    answer: WhyNot | None = None,
    problem: str = "",
) -> WhyContext:
    """The form for ``mail``, with what was asked and the answer, if something was."""
    filters = session.scalars(select(PostmasterFilter.name).order_by(PostmasterFilter.name)).all()
    queues = Queues(session).names()
    return WhyContext(mail=mail, queues=queues, filters=filters, asked=asked or {}, answer=answer, problem=problem)


@blueprint.get("/<id:number>/why")
@for_leads
def page(number: int) -> ResponseReturnValue:
    """The form, and the answer to what was asked: for the button that was pressed, or all there is."""
    asked = {what: request.args[what].strip() for what in QUESTIONS if request.args.get(what, "").strip()}
    what = request.args.get("ask", "") or next(iter(asked), "")
    answer, problem = None, ""
    with read_session() as session:
        mail = trace_mail(session, number).mail
        try:
            if what in asked:
                answer = why_not(session, number, what, asked[what], config.current().time_zone)
            elif what:
                problem = "Choose a queue or a filter, or enter the number of a ticket first."
        except NotFoundError as error:
            problem = error.message
        shown = why_form(session, mail, asked, answer, problem).render()
    return shown, UNPROCESSABLE if problem else 200


@blueprint.get("/<id:number>/missed")
@for_leads
def did_not_match(number: int) -> str:
    """What did not match the message: filters, tickets, and queues that came too late."""
    with read_session() as session:
        mail = trace_mail(session, number).mail
        return MissedContext(mail=mail, obstacles=missed(session, mail, config.current().time_zone)).render()
