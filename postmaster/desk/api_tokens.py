"""API tokens: add and revoke them. What they allow, and what a request with one is: ``system.tokens``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue
from postmaster.desk.queues import QUEUE_USERS, Queues
from postmaster.errors import InputError, NotFoundError
from postmaster.extensions import Json, now
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.fields import Field, FieldErrors
from postmaster.resources.named_service import printable, unknown
from postmaster.resources.numbers import read_id
from postmaster.resources.readers import InvalidValue, member, moment, name_within
from postmaster.resources.uses import Use
from postmaster.system.models import ApiToken, Scope
from postmaster.system.tokens import hash_of, is_expired, make_token

SCOPE_HELP = {
    Scope.READ: "look at everything: tickets, mail, accounts, settings, events",
    Scope.MAIL_WRITE: "hand mail in",
    Scope.ADMIN: "change everything",
}


NAME = Field(
    "name", "Name", mandatory=True, read=name_within(100), metavar="NAME", help="What uses the token, as in Web shop."
)
SCOPE = Field(
    "scope",
    "Scope",
    mandatory=True,
    read=member(Scope),
    metavar="|".join(Scope),
    help=f"{'; '.join(f'{scope}: {words}' for scope, words in SCOPE_HELP.items())}. Give several if it needs them.",
    lines=True,
)
QUEUE = Field(
    "queue", "Queue", metavar="NAME", help="Only what is in these queues; everything if none is given.", lines=True
)
EXPIRES = Field(
    "expires", "Expires", metavar="TIME", help="As in 2027-11-23, to the end of that day; never if it is empty."
)

FIELDS = (NAME, SCOPE, QUEUE, EXPIRES)


class TokenState(StrEnum):
    """How a token stands."""

    GOOD = "good"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class NewToken:
    """What was entered for a token."""

    name: str
    scopes: Sequence[str]
    queues: Sequence[str] = ()
    expires: str = ""


def add_token(session: Session, entered: NewToken, actor: str, zone: tzinfo) -> tuple[ApiToken, str]:
    """Add a token; returns it with its secret, which is kept nowhere. Raises InvalidFieldsError."""
    lock_administration(session)
    token = _read(session, entered, zone)
    token.created_by = actor[:200]
    session.add(token)
    session.flush()
    secret = make_token(token.id)
    token.hash = hash_of(secret)
    facts = describe_token(token, queue_names(session))
    given = {name: facts[name] for name in ("scopes", "queues", "expires") if facts[name]}
    audit(session, actor, "add", "token", _label(token), {name: [None, value] for name, value in given.items()})
    return token, secret


def _read(session: Session, entered: NewToken, zone: tzinfo) -> ApiToken:
    token, errors = ApiToken(hash="", scopes=[], queue_ids=[]), FieldErrors()
    with errors.catching(NAME):
        token.name = _new_name(session, entered.name)
    with errors.catching(SCOPE):
        token.scopes = sorted({SCOPE.parse(text).value for text in entered.scopes or ("",)})
    with errors.catching(QUEUE):
        token.queue_ids = sorted({_queue_id(session, text) for text in entered.queues if text.strip()})
    with errors.catching(EXPIRES):
        token.expires_at = _expiry(entered.expires, zone)
    errors.raise_if_any(FIELDS)
    return token


def _new_name(session: Session, text: str) -> str:
    name: str = NAME.parse(text)
    if _named(session, name) is not None:
        raise NAME.refuse(f"is “{name}”, which another token has or had", "Choose another one.", code="name-taken")
    return name


def _queue_id(session: Session, text: str) -> int:
    try:
        return Queues(session).queue_id(QUEUE.parse(text))
    except NotFoundError as error:
        raise InputError(QUEUE.label, error.message, error.advice, error.code) from None


def _expiry(text: str, zone: tzinfo) -> datetime | None:
    if not text.strip():
        return None
    try:
        found = moment(zone, end_of_day=True)(text.strip())
    except InvalidValue as error:
        raise EXPIRES.refuse(error.flaw, error.advice) from None
    if found <= now():
        raise EXPIRES.refuse(f"is “{text.strip()}”, which is over", "Enter a day that is to come.")
    return found


def revoke_token(session: Session, which: str, actor: str) -> bool:
    """Have the token of that name or id be good no more; whether it was. Raises NotFoundError."""
    lock_administration(session)
    token = find_token(session, which)
    if token.revoked_at is not None:
        return False
    token.revoked_at = now()
    audit(session, actor, "revoke", "token", _label(token), {})
    return True


def find_token(session: Session, which: str) -> ApiToken:
    """The token of that name, compared case-insensitively, or of that id. Raises NotFoundError."""
    wanted = printable(which).strip()
    number = read_id(wanted)
    found = _named(session, wanted) or (session.get(ApiToken, number) if number else None)
    if found is None:
        raise unknown("token", wanted)
    return found


def _named(session: Session, name: str) -> ApiToken | None:
    return session.scalars(select(ApiToken).where(func.lower(ApiToken.name) == func.lower(name))).first()


def stream_tokens(session: Session) -> Iterator[ApiToken]:
    """All tokens, the newest first."""
    yield from session.scalars(select(ApiToken).order_by(ApiToken.id.desc()).execution_options(yield_per=500))


def queue_names(session: Session) -> dict[int, str]:
    """The names of all queues, by id."""
    return {row.id: row.name for row in session.execute(select(Queue.id, Queue.name))}


def describe_token(token: ApiToken, names: Mapping[int, str]) -> Json:
    """The form that ``flask token list --json`` prints; ``names`` are those of the queues."""
    return {
        "id": token.id,
        "name": token.name,
        "state": token_state(token).value,
        "scopes": list(token.scopes),
        "queues": [names.get(number, f"deleted queue {number}") for number in token.queue_ids],
        "created": token.created_at.isoformat(),
        "created_by": token.created_by,
        "expires": token.expires_at and token.expires_at.isoformat(),
        "last_used": token.last_used_at and token.last_used_at.isoformat(),
        "revoked": token.revoked_at and token.revoked_at.isoformat(),
    }


def token_state(token: ApiToken) -> TokenState:
    """How it stands."""
    if token.revoked_at is not None:
        return TokenState.REVOKED
    return TokenState.EXPIRED if is_expired(token) else TokenState.GOOD


def _label(token: ApiToken) -> str:
    return f"{token.name} ({token.id})"


def _limited_to(session: Any, queue: Queue) -> Iterator[Use]:
    """The tokens that see that queue, and few others."""
    for token in session.scalars(select(ApiToken).where(ApiToken.revoked_at.is_(None)).order_by(ApiToken.id)):
        if queue.id in token.queue_ids:
            yield Use("token", f"API token {token.name}", token.id, keeps=True)


QUEUE_USERS.append(_limited_to)
