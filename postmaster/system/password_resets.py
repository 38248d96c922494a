"""Links by which a user chooses a password: good once and for a day, one for each user, and kept as a hash only."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.errors import NotFoundError
from postmaster.extensions import now
from postmaster.resources.audit import audit, lock_administration
from postmaster.system.models import PasswordReset, User
from postmaster.system.sessions import hash_of
from postmaster.system.users import named_user, set_password

# Where the page is that the link leads to, and how long it is good.
RESET_PATH = "/reset/"
VALID_HOURS = 24


def create_reset_link(session: Session, name: str, actor: str) -> str:
    """Create the link of a user; returns what it ends in, which is kept nowhere. The one before no longer works.

    The password stays as it is until the link is used. The caller commits. Raises NotFoundError.
    """
    lock_administration(session)
    user, token = named_user(session, name), secrets.token_urlsafe(32)
    expires = now() + timedelta(hours=VALID_HOURS)
    session.merge(PasswordReset(user_id=user.id, token_hash=hash_of(token), expires_at=expires))
    audit(session, actor, "create-reset-link", "user", user.name, {"expires": expires.isoformat()})
    return token


def user_of_link(session: Session, token: str) -> User:
    """The user whose link ends in ``token``. Raises NotFoundError if it is good no more."""
    mine = PasswordReset.token_hash == hash_of(token), PasswordReset.expires_at > now(), User.active
    user = session.scalars(select(User).join(PasswordReset, PasswordReset.user_id == User.id).where(*mine)).first()
    if user is None:
        message = "This link was used already, was replaced, or has expired"
        raise NotFoundError("reset-link-over", message, "Ask a service desk admin for another one.")
    return user


def use_reset_link(session: Session, token: str, password: str) -> User:
    """Give the user of the link that ``password``; the link is used up, and the user's sessions end.

    The caller commits. Raises NotFoundError if the link is good no more, or InputError if the password is refused.
    """
    lock_administration(session)
    user = user_of_link(session, token)
    set_password(session, user.name, password, user.name)
    return user
