"""The operation that hands a message in."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.accounts.models import Trust
from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.schemas import ID, obj, or_null
from postmaster.api.schemas import TEXT as TEXT_SCHEMA
from postmaster.database import read_session
from postmaster.desk.models import Queue, Ticket
from postmaster.desk.queues import Queues
from postmaster.errors import InputError, NotFoundError, PostMasterError
from postmaster.extensions import Json
from postmaster.fetching.posted import MAX_MAIL, take_posted
from postmaster.ledger.mail_requests import RequestKey
from postmaster.ledger.trace import MailTrace, trace_mail
from postmaster.pipeline.decision import Rules
from postmaster.pipeline.outcome import Outcome
from postmaster.resources.fields import Field, InvalidFieldsError
from postmaster.resources.readers import line, member
from postmaster.system.models import Scope
from postmaster.system.settings import MAX_EMAIL_SIZE, get_setting
from postmaster.system.tokens import Caller

MESSAGE_TYPE = "message/rfc822"

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


def sees(session: Session, found: MailTrace, caller: Caller) -> bool:
    """Whether the token sees the message: by its ticket."""
    return caller.queue_ids is None or caller.sees(
        session.scalar(select(Ticket.queue_id).where(Ticket.id == found.mail.ticket_id))
    )


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
    if found.mail.ticket_id is None or not sees(session, found, caller):
        return {"mail": mail_id, **told, **nothing, "quarantine": found.quarantine_id}
    in_queue = select(Queue.name).join(Ticket, Ticket.queue_id == Queue.id).where(Ticket.id == found.mail.ticket_id)
    return {"mail": mail_id, **told, **nothing, "ticket": found.ticket, "queue": session.scalar(in_queue)}


TAKE_MAIL = Operation(
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
)
