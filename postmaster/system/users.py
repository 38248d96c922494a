"""Users of the pages: who may sign in, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from secrets import token_urlsafe

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from postmaster.errors import InputError, NotFoundError
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.fields import Field, FieldErrors
from postmaster.resources.named_service import printable
from postmaster.resources.readers import InvalidValue, line, member
from postmaster.system.models import PasswordReset, Role, User
from postmaster.system.sessions import end_sessions

MINIMUM_PASSWORD = 10

_hasher = PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """What a password is checked against where nobody has the name. Made when it is first needed: it takes 0.2 s."""
    return _hasher.hash(token_urlsafe())


def _user_name(text: str) -> str:
    if any(char.isspace() for char in text):
        raise InvalidValue(f"is “{text}”, but must not contain spaces")
    return line(100)(text)


def _hashed(password: str) -> str:
    if not MINIMUM_PASSWORD <= len(password) <= 1000:
        raise InvalidValue(f"has {len(password)} characters, but must have {MINIMUM_PASSWORD} to 1000")
    try:
        return _hasher.hash(password)
    except UnicodeEncodeError:
        raise InvalidValue("has characters that are not UTF-8", "Enter it in UTF-8.") from None


NAME = Field("name", "Name", mandatory=True, read=_user_name, metavar="NAME", help="Name to sign in with.")
ROLE = Field(
    "role",
    "Role",
    mandatory=True,
    read=member(Role),
    metavar="|".join(Role),
    help="An admin changes things, a lead looks at them.",
)
USER_PASSWORD = Field("password", "Password", mandatory=True, read=_hashed, column="password_hash", secret=True)
FIELDS = (NAME, ROLE, USER_PASSWORD)


def stream_users(session: Session) -> Iterator[User]:
    """All users, by name."""
    yield from session.scalars(select(User).order_by(User.name).execution_options(yield_per=500))


def find_user(session: Session, name: str) -> User | None:
    """The user who signs in as ``name``, case-insensitively."""
    return session.scalars(select(User).where(func.lower(User.name) == func.lower(name))).first()


def named_user(session: Session, name: str) -> User:
    """The user who signs in as ``name``. Raises NotFoundError."""
    user = find_user(session, printable(name))
    if user is None:
        raise NotFoundError("unknown-user", f"There is no user “{name}”.", "Run: flask user list")
    return user


def add_user(session: Session, name: str, role: str, password: str | None, actor: str) -> User:
    """Add a user who may sign in; without a password, once one is chosen by a link (``password_resets``).

    Raises InvalidFieldsError.
    """
    lock_administration(session)
    user, errors = User(password_hash=""), FieldErrors()
    entered = {NAME: name, ROLE: role} | ({} if password is None else {USER_PASSWORD: password})
    for field, text in entered.items():
        with errors.catching(field):
            setattr(user, field.attribute, field.parse(text))
    if NAME not in errors and find_user(session, user.name):
        errors.add(NAME.name, NAME.refuse(f"is “{user.name}”, which another user has", "Choose another one."))
    errors.raise_if_any(FIELDS)
    session.add(user)
    session.flush()
    audit(session, actor, "add", "user", user.name, {"role": [None, user.role.value]})
    return user


def set_password(session: Session, name: str, password: str, actor: str) -> None:
    """Give a user another password, and end the user's sessions; a link to choose one is good no more.

    Raises NotFoundError, or InputError if the password is refused.
    """
    lock_administration(session)
    user = named_user(session, name)
    user.password_hash = USER_PASSWORD.parse(password)
    _end_access(session, user)
    audit(session, actor, "set-password", "user", user.name, {"password": "changed"})


def set_active(session: Session, name: str, active: bool, actor: str) -> None:
    """Shut a user out, or let the user in again. Raises NotFoundError, or InputError if no admin would be left."""
    lock_administration(session)
    user = named_user(session, name)
    if user.active != active:
        _keep_an_admin(session, user)
        user.active = active
        _end_access(session, user)
        action = "enable" if active else "disable"
        audit(session, actor, action, "user", user.name, {"active": [not active, active]})


def set_role(session: Session, name: str, role: str, actor: str) -> None:
    """Make a user an admin or a lead, and end the user's sessions.

    Raises NotFoundError, or InputError if there is no such role, or no admin would be left.
    """
    lock_administration(session)
    user, wanted = named_user(session, name), ROLE.parse(role)
    if user.role != wanted:
        _keep_an_admin(session, user)
        audit(session, actor, "set-role", "user", user.name, {"role": [user.role.value, wanted.value]})
        user.role = wanted
        _end_access(session, user)


def _end_access(session: Session, user: User) -> None:
    """End what lets somebody in as ``user`` was: sessions, and a link to choose a password."""
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
    end_sessions(session, user.id)


def _keep_an_admin(session: Session, user: User) -> None:
    """Refuse to lose ``user`` as an admin if nobody else is one."""
    if user.role is not Role.ADMIN or not user.active:
        return
    others = exists().where(User.role == Role.ADMIN, User.active, User.password_hash != "", User.id != user.id)
    if not session.scalar(select(others)):
        message = f"“{user.name}” is the only admin who can sign in."
        raise InputError(ROLE.label, message, "Add another admin first, or make somebody one.", code="last-admin")


def sign_out(session: Session, name: str, actor: str, key: str | None = None) -> int:
    """End all sessions of a user, or the one with that ``key``; returns how many they were. The caller commits.

    Raises NotFoundError, also if that session is over already.
    """
    user = named_user(session, name)
    ended = end_sessions(session, user.id, key)
    if key is not None and not ended:
        raise NotFoundError("unknown-session", f"“{user.name}” has no session {printable(key)}.", "It may be over.")
    audit(session, actor, "sign-out", "user", user.name, {"sessions": ended})
    return ended


def sign_in(session: Session, name: str, password: str) -> User | None:
    """The user with that name and password who is not shut out, or None. Takes as long for a name nobody has."""
    nobodys = _nobodys_hash()  # for each name, so that the first one nobody has takes no longer than the others
    user = find_user(session, printable(name))
    try:
        _hasher.verify((user and user.password_hash) or nobodys, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return None
    return user if user and user.active and user.password_hash else None


def change_own_password(session: Session, user_id: int, current: str, new: str) -> User:
    """Give the user with that id another password. Raises InputError if one of the two is refused."""
    user = session.get_one(User, user_id)
    if sign_in(session, user.name, current) is None:
        raise InputError("Current password", "The current password is wrong.", "Enter it again.", code="wrong-password")
    set_password(session, user.name, new, user.name)
    return user


def add_first_admin(session: Session, actor: str) -> str | None:
    """Add the user ``admin`` if there is no user at all; returns the password made up for it, or None."""
    lock_administration(session)
    if session.scalar(select(func.count()).select_from(User)):
        return None
    password = token_urlsafe(12)
    add_user(session, "admin", Role.ADMIN.value, password, actor)
    return password
