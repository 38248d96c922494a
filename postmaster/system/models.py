"""Tables of the system configuration, the users and the audit log."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from postmaster.extensions import BigId, Id, Model, UtcDateTime, choice, now


class Role(StrEnum):
    """What a user may do: an admin changes things, a lead looks at them."""

    ADMIN = "admin"
    LEAD = "lead"


class Scope(StrEnum):
    """What an API token allows; none includes another."""

    READ = "read"
    MAIL_WRITE = "mail:write"
    ADMIN = "admin"


class SettingRow(Model):
    """A value of the system configuration that differs from its default in ``SETTINGS``."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[str]


class User(Model):
    """Somebody who may sign in, unless not ``active``. ``password_hash`` is Argon2's."""

    __tablename__ = "user_account"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100), unique=True)
    role: Mapped[Role] = mapped_column(choice(Role))
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PasswordReset(Model):
    """The link by which a user can choose another password, once. Only the SHA-256 of what it ends in is kept."""

    __tablename__ = "password_reset"

    user_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WebSession(Model):
    """A browser that somebody signed in with. Only the SHA-256 of what its cookie holds is kept.

    ``standing`` is what the user was when signing in (``sessions.standing_of``): with another one the session is over.
    """

    __tablename__ = "web_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    standing: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(50))
    user_agent: Mapped[str] = mapped_column(String(200))


class SavedView(Model):
    """A list as somebody wants to see it again: the ``query`` of its address, under a name; ``shared`` with all admins.

    ``plural`` is what the list is of.
    """

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("user_id", "plural", "name"),)

    id: Mapped[Id]
    plural: Mapped[str] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(100))
    query: Mapped[str] = mapped_column(String(1000))
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("user_account.id", ondelete="CASCADE"))
    shared: Mapped[bool]


class PasswordTries(Model):
    """Wrong passwords since a moment, of whatever ``key`` is the SHA-256 of (``attempts``)."""

    __tablename__ = "password_tries"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    since: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ApiToken(Model):
    """What a program signs in to the API with. Only the SHA-256 of the token is kept: it is as random as a key.

    ``queue_ids`` are the queues that it is limited to; empty, it sees all. It names them without a constraint: one that
    is gone leaves a token that sees nothing there. Rows stay, since the audit log and events speak of them.
    """

    __tablename__ = "api_token"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100), unique=True)
    hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    queue_ids: Mapped[list[int]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    created_by: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
