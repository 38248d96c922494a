"""The operations of the ledger: hand a message in, and find what became of any that was taken."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.accounts.models import Trust
from postmaster.api.articles import BYTES_ABOUT, MESSAGE, Taken, give
from postmaster.api.lists import PAGING, TEXT, page, read_cursor
from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.schemas import COUNT, ID, MOMENT, list_of, obj, or_null
from postmaster.api.schemas import TEXT as TEXT_SCHEMA
from postmaster.database import read_session
from postmaster.desk.models import Queue, Ticket
from postmaster.desk.queues import Queues
from postmaster.errors import InputError, NotFoundError, PostMasterError
from postmaster.extensions import Json
from postmaster.fetching.posted import MAX_MAIL, take_posted
from postmaster.ledger.mail_requests import RequestKey
from postmaster.ledger.mail_source import mail_source
from postmaster.ledger.search import MailFilter, find_mail
from postmaster.ledger.trace import MailTrace, no_mail, trace_mail
from postmaster.pipeline.decision import Rules
from postmaster.pipeline.outcome import RECORDED, Outcome
from postmaster.pipeline.verdict import Finding
from postmaster.resources.fields import Field, InvalidFieldsError
from postmaster.resources.numbers import MAX_ID
from postmaster.resources.readers import line, member, moment
from postmaster.system.models import Scope
from postmaster.system.settings import MAX_EMAIL_SIZE, get_setting
from postmaster.system.tokens import Caller

MESSAGE_TYPE = "message/rfc822"


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
QUEUE = Field(
    "queue", "Queue", read=line(200), metavar="NAME", help="Queue of a new ticket; without it the addresses decide."
)
TRUST = Field(
    "trust",
    "Trust",
    read=member(Trust),
    metavar="|".join(Trust),
    help="Whether X-OTRS headers of the message count. Other than no, the token needs the scope admin, too.",
)
KEY = Field("idempotency_key", "Idempotency-Key", metavar="KEY")

_KEY = re.compile(r'"?([!-~]{1,255}?)"?')

_MAIL_EXAMPLE: Json = {
    "id": 42,
    "recorded": "2026-11-23T08:12:00+00:00",
    "account": "orders@imap.example.com",
    "sender": "ada@example.net",
    "sender_name": "Ada Lovelace",
    "recipients": ["orders@example.com"],
    "subject": "Where is my order?",
    "message_id": "17@example.net",
    "verdict": None,
    "outcome": "new",
    "reason": "dispatched-to-queue",
    "ticket": "2026112300012",
    "quarantine": None,
}
_MAIL: dict[str, Json] = {
    "id": ID,
    "recorded": MOMENT,
    "account": TEXT_SCHEMA,
    "sender": TEXT_SCHEMA,
    "sender_name": TEXT_SCHEMA,
    "recipients": {"type": "array", "items": TEXT_SCHEMA},
    "subject": TEXT_SCHEMA,
    "message_id": TEXT_SCHEMA,
    "verdict": or_null({"type": "string", "enum": list(Finding)}),
    "outcome": {"type": "string", "enum": [row.outcome.value for row in RECORDED]},
    "reason": TEXT_SCHEMA,
    "ticket": or_null(TEXT_SCHEMA),
    "quarantine": or_null(ID),
}
_OBJECT: Json = {"type": ["object", "null"]}
_ONE = obj(
    {
        **_MAIL,
        "explanation": TEXT_SCHEMA,
        "account_id": or_null(ID),
        "mailbox": _OBJECT,
        "run": _OBJECT,
        "identity": TEXT_SCHEMA,
        "size": COUNT,
        "sha256": TEXT_SCHEMA,
        "deletion": TEXT_SCHEMA,
        "deleted": or_null(MOMENT),
        "trace": {"type": "array", "items": {"type": "object"}},
    }
)
_ONE_EXAMPLE: Json = {
    **_MAIL_EXAMPLE,
    "explanation": "The account puts all its mail into one queue.",
    "account_id": 3,
    "mailbox": {"host": "imap.example.com", "login": "orders", "folder": "INBOX"},
    "run": {"id": 18, "started_by": "schedule", "started": "2026-11-23T08:11:58+00:00"},
    "identity": "imap:1700000000:17",
    "size": 4711,
    "sha256": "0" * 64,
    "deletion": "confirmed",
    "deleted": "2026-11-23T08:12:01+00:00",
    "trace": [],
}
_TAKEN_EXAMPLE: Json = {
    "mail": 42,
    "outcome": "new",
    "reason": "dispatched-to-default",
    "ticket": "2026112300012",
    "queue": "Raw",
    "quarantine": None,
}
_TAKEN = obj(
    {
        "mail": or_null({**ID, "description": "Its id in the ledger."}),
        "outcome": {"type": "string", "enum": list(Outcome)},
        "reason": TEXT_SCHEMA,
        "ticket": or_null(
            {**TEXT_SCHEMA, "description": "Null if it is in none, or in one that the token may not see."}
        ),
        "queue": or_null(TEXT_SCHEMA),
        "quarantine": or_null(ID),
    }
)


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


def _sees(session: Session, found: MailTrace, caller: Caller) -> bool:
    """Whether the token sees the message: by its ticket."""
    return caller.queue_ids is None or caller.sees(
        session.scalar(select(Ticket.queue_id).where(Ticket.id == found.mail.ticket_id))
    )


def _visible(session: Session, mail_id: int, caller: Caller) -> MailTrace:
    """The message with that id, if the token sees it. Raises NotFoundError."""
    found = trace_mail(session, mail_id)
    if not _sees(session, found, caller):
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


def _take(call: Call) -> Answer:
    key = _request_key(call)
    with read_session() as session:
        _check_size(session, call.raw)
        rules = Rules(_trust(call), _queue_id(session, call.query["queue"], call.caller))
    posted = take_posted(call.raw, call.actor, rules, key)
    with read_session() as session:
        return Answer(_describe(session, posted.mail_id, call.caller, earlier=posted.earlier))


def _trust(call: Call) -> Trust:
    """Whose headers count. They choose queues, states and owners, so not every program may have them evaluated."""
    trust = Trust(call.query["trust"] or Trust.NO)
    if trust is not Trust.NO:
        call.caller.require(Scope.ADMIN)
    return trust


def _request_key(call: Call) -> RequestKey | None:
    text = call.headers.get("Idempotency-Key")
    if text is None:
        return None
    form = _KEY.fullmatch(text.strip())
    if form is None:
        advice = "Send 1 to 255 characters of ASCII without blanks, such as a UUID."
        raise InvalidFieldsError({KEY.name: KEY.refuse("is no key", advice)})
    return RequestKey.of(call.caller.token_id, form[1])


def _check_size(session: Session, raw: bytes) -> None:
    limit = get_setting(session, MAX_EMAIL_SIZE)
    if len(raw) > limit * 1024:
        message = f"The message has {len(raw)} bytes, and {limit} KB are allowed ({MAX_EMAIL_SIZE.name})."
        raise PostMasterError("too-large", message, "Have the setting raised, or send less.")
    if not raw:
        raise PostMasterError("no-message", "The request has no message.", "Send it as the body.")


def _queue_id(session: Session, name: str | None, caller: Caller) -> int | None:
    """The queue that the message shall go to. A token that is limited to queues has to name one of them."""
    if not name:
        if caller.queue_ids is not None:
            flaw = InputError(
                QUEUE.label, "Queue is missing.", "The token is limited to queues: name one.", "missing-field"
            )
            raise InvalidFieldsError({QUEUE.name: flaw})
        return None
    queue = Queues(session).find_valid(name)
    if not caller.sees(queue.id):
        raise NotFoundError("unknown-queue", f"There is no queue “{name}”.", "Look for it in the list of queues.")
    return queue.id


def _describe(session: Session, mail_id: int | None, caller: Caller, *, earlier: bool) -> Json:
    nothing: Json = {"ticket": None, "queue": None, "quarantine": None}
    before: Json = {"outcome": Outcome.ALREADY_RECORDED.value, "reason": "piped-before"}
    if mail_id is None:
        return {"mail": None, **before, **nothing}
    found = trace_mail(session, mail_id)
    told: Json = before if earlier else {"outcome": found.mail.outcome.value, "reason": found.mail.reason}
    if found.mail.ticket_id is None or not _sees(session, found, caller):
        return {"mail": mail_id, **told, **nothing, "quarantine": found.quarantine_id}
    in_queue = select(Queue.name).join(Ticket, Ticket.queue_id == Queue.id).where(Ticket.id == found.mail.ticket_id)
    return {"mail": mail_id, **told, **nothing, "ticket": found.ticket, "queue": session.scalar(in_queue)}


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
        reply=Reply({"items": [_MAIL_EXAMPLE], "next": None}, list_of(obj(_MAIL))),
        errors=("invalid-value",),
        limited=True,
    ),
    Operation(
        name="takeMail",
        method="POST",
        path="/mail",
        scope=Scope.MAIL_WRITE,
        tag="mail",
        summary="Hand a message in, as flask read takes it",
        description=(
            "It is stored durably before the answer. A request with an Idempotency-Key is done once, however often "
            "it is sent. Without one, the same bytes within 24 hours are the same delivery tried again: the outcome is "
            "already-recorded, and the ticket the first one."
        ),
        parameters=(QUEUE, TRUST),
        body=Body("Subject: hello\r\n\r\nhello\r\n", media_type=MESSAGE_TYPE, limit=MAX_MAIL),
        run=_take,
        reply=Reply(_TAKEN_EXAMPLE, _TAKEN, description="Taken; what became of it."),
        errors=("no-message", "unknown-queue", "queue-invalid", "missing-field", "key-reused"),
        limited=True,
        idempotent=True,
    ),
    Operation(
        name="getMail",
        method="GET",
        path="/mail/{id}",
        scope=Scope.READ,
        tag="mail",
        summary="Get what became of a message, and why",
        run=_get,
        reply=Reply(_ONE_EXAMPLE, _ONE),
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
