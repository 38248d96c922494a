"""Who is signed in to the pages: sessions stand in the database, so that all web processes agree, and can be ended.

A browser holds a random token, signed; the database holds its hash. A session ends when it is signed out of, when
nobody clicks for an hour, when it is as old as SessionHours says, and when its user is shut out or gets another
password or role.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from postmaster.extensions import now
from postmaster.system.models import User, WebSession
from postmaster.system.settings import SESSION_HOURS, get_setting

# Minutes without a click after which somebody has to sign in again.
IDLE_MINUTES = 60

# A click is written down once in so many seconds: pages are read far more often than that.
SEEN_SECONDS = 60

# Characters of what a session is called by on pages and in commands.
KEY_LENGTH = 12


@dataclass(frozen=True)
class Browser:
    """Where a request came from, and what sent it, as it says itself."""

    address: str
    user_agent: str


def start_session(session: Session, user: User, browser: Browser) -> str:
    """Begin a session of ``user``; returns its token, which is kept nowhere else. Those that are over are removed."""
    oldest = now() - timedelta(hours=get_setting(session, SESSION_HOURS))
    idle = now() - timedelta(minutes=IDLE_MINUTES)
    session.execute(delete(WebSession).where(or_(WebSession.created_at < oldest, WebSession.seen_at < idle)))
    token, moment = secrets.token_urlsafe(32), now()
    session.execute(update(User).where(User.id == user.id).values(signed_in_at=moment))
    session.add(
        WebSession(
            token_hash=hash_of(token),
            user_id=user.id,
            standing=standing_of(user),
            created_at=moment,
            seen_at=moment,
            address=browser.address,
            user_agent="".join(char for char in browser.user_agent if char.isprintable())[:200],
        )
    )
    return token


def session_of(session: Session, token: str) -> tuple[WebSession, User] | None:
    """The session with that token and whose it is; None if there is none, or it is over."""
    query = select(WebSession, User).join(User).where(WebSession.token_hash == hash_of(token))
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    found, user = row
    oldest = now() - timedelta(hours=get_setting(session, SESSION_HOURS))
    idle = now() - timedelta(minutes=IDLE_MINUTES)
    over = found.created_at < oldest or found.seen_at < idle
    return None if over or not user.active or found.standing != standing_of(user) else (found, user)


def note_click(session: Session, token: str) -> None:
    """The time until somebody has to sign in again starts anew."""
    session.execute(update(WebSession).where(WebSession.token_hash == hash_of(token)).values(seen_at=now()))


def end_session(session: Session, token: str) -> bool:
    """Sign one browser out; whether it was signed in."""
    ended = session.scalars(
        delete(WebSession).where(WebSession.token_hash == hash_of(token)).returning(WebSession.token_hash)
    )
    return ended.first() is not None


def end_sessions(session: Session, user_id: int, key: str | None = None) -> int:
    """Sign a user out everywhere, or in the one session with that ``key``; returns how many browsers that were."""
    theirs = delete(WebSession).where(WebSession.user_id == user_id)
    if key is not None:
        theirs = theirs.where(func.substr(WebSession.token_hash, 1, KEY_LENGTH) == key)
    return len(session.scalars(theirs.returning(WebSession.token_hash)).all())


def key_of(web_session: WebSession) -> str:
    """What a session is called by: it opens nothing, being the beginning of a hash."""
    return web_session.token_hash[:KEY_LENGTH]


def sessions_of(session: Session, user_id: int) -> Sequence[WebSession]:
    """The browsers that a user is signed in with, the one last used first."""
    return live_sessions(session, WebSession.user_id == user_id).get(user_id, [])


def live_sessions(session: Session, *conditions: ColumnElement[bool]) -> Mapping[int, Sequence[WebSession]]:
    """The sessions that are not over, by the id of their user; of each, the one last used first."""
    query = (
        select(WebSession, User)
        .join(User)
        .where(
            WebSession.created_at >= now() - timedelta(hours=get_setting(session, SESSION_HOURS)),
            WebSession.seen_at >= now() - timedelta(minutes=IDLE_MINUTES),
            *conditions,
        )
    )
    live: dict[int, list[WebSession]] = {}
    for found, user in session.execute(query.order_by(WebSession.seen_at.desc())):
        if user.active and found.standing == standing_of(user):
            live.setdefault(user.id, []).append(found)
    return live


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def standing_of(user: User) -> str:
    """What ends the user's sessions when it changes, whoever changes it and however."""
    return hashlib.sha256(f"{user.role}\0{user.password_hash}".encode()).hexdigest()
