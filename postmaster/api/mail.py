"""The operations of the ledger: hand a message in, and find what became of any that was taken."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy.orm import Session

from postmaster.api.articles import BYTES_ABOUT, MESSAGE, Taken, give
from postmaster.api.lists import PAGING, TEXT, page, read_cursor
from postmaster.api.mail_schemas import MAIL, MAIL_EXAMPLE, ONE, ONE_EXAMPLE
from postmaster.api.mail_taking import TAKE_MAIL, sees
from postmaster.api.operation import Answer, Call, Operation, Reply
from postmaster.api.schemas import list_of, obj
from postmaster.database import read_session
from postmaster.ledger.mail_source import mail_source
from postmaster.ledger.search import MailFilter, find_mail
from postmaster.ledger.trace import MailTrace, no_mail, trace_mail
from postmaster.pipeline.outcome import RECORDED, Outcome
from postmaster.pipeline.verdict import Finding
from postmaster.resources.fields import Field
from postmaster.resources.numbers import MAX_ID
from postmaster.resources.readers import line, member, moment
from postmaster.system.models import Scope
from postmaster.system.tokens import Caller


def _words(name: str, help_: str) -> Field:
    return Field(name, name.replace("_", " ").capitalize(), read=line(320), empty="", metavar="WORDS", help=help_)


SEARCHED = (
    _words("sender", "Address, domain or name of the sender."),
    _words("recipient", "Address or domain it was sent to."),
    _words("subject", "Words of the subject, in any order."),
    _words("message_id", "Message-ID, with or without angle brackets."),
    _words("account", "Account that it was fetched for, by its id or label."),
    _words("ticket", "Number of the ticket that it belongs to."),
)
OUTCOME = Field(
    "outcome",
    "Outcome",
    read=member(Outcome),
    metavar="|".join(row.outcome.value for row in RECORDED),
    help="What became of it.",
)
VERDICT = Field(
    "verdict", "Verdict", read=member(Finding), metavar="|".join(Finding), help="What was found out about its sender."
)
SINCE = Field("since", "Since", read=moment(UTC), metavar="MOMENT", help="Recorded then, or later (ISO 8601, UTC).")
UNTIL = Field("until", "Until", read=moment(UTC, end_of_day=True), metavar="MOMENT", help="Recorded before then.")


def _list(call: Call) -> Answer:
    asked: Any = call.query
    [before] = read_cursor(call) or [MAX_ID]
    wanted = MailFilter(
        text=asked["q"],
        **{field.name: asked[field.name] for field in SEARCHED},
        outcome=asked["outcome"],
        verdict=asked["verdict"],
        since=asked["since"],
        until=asked["until"],
        before=before,
        queue_ids=call.caller.queue_ids,
    )
    with read_session() as session:
        found = find_mail(session, wanted)
    rows = found.rows[: asked["limit"]]
    following = rows[-1].mail.id if len(rows) < len(found.rows) else found.next
    return page(call, [row.as_json() for row in rows], None if following is None else [following])


def _visible(session: Session, mail_id: int, caller: Caller) -> MailTrace:
    """The message with that id, if the token sees it. Raises NotFoundError."""
    found = trace_mail(session, mail_id)
    if not sees(session, found, caller):
        raise no_mail(mail_id)
    return found


def _get(call: Call) -> Answer:
    with read_session() as session:
        return Answer(_visible(session, call.id, call.caller).details())


def _source(call: Call) -> Answer:
    with read_session() as session:
        _visible(session, call.id, call.caller)
        content = mail_source(session, call.id)
    return give(call, content, f"mail-{call.id}.eml", Taken("download-source", "mail", str(call.id)))


OPERATIONS = (
    Operation(
        name="findMail",
        method="GET",
        path="/mail",
        scope=Scope.READ,
        tag="mail",
        summary="Where is my mail? Find any message that was taken, the newest first",
        description="Whole words count. A page may have fewer messages than there are, and yet a next one.",
        parameters=(TEXT, *SEARCHED, OUTCOME, VERDICT, SINCE, UNTIL, *PAGING),
        run=_list,
        reply=Reply({"items": [MAIL_EXAMPLE], "next": None}, list_of(obj(MAIL))),
        errors=("invalid-value",),
        limited=True,
    ),
    TAKE_MAIL,
    Operation(
        name="getMail",
        method="GET",
        path="/mail/{id}",
        scope=Scope.READ,
        tag="mail",
        summary="Get what became of a message, and why",
        run=_get,
        reply=Reply(ONE_EXAMPLE, ONE),
        errors=("unknown-mail",),
        limited=True,
    ),
    Operation(
        name="getMailSource",
        method="GET",
        path="/mail/{id}/source",
        scope=Scope.READ,
        tag="mail",
        summary="Get a message as it came, wherever it is kept",
        description=BYTES_ABOUT,
        run=_source,
        reply=MESSAGE,
        errors=("unknown-mail", "unknown-source", "range-not-satisfiable"),
        limited=True,
    ),
)
