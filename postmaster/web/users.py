"""Users: the list, adding one, and a page for each with role, password and sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import PasswordField, SelectChoice, SelectField, StringField

from postmaster import config
from postmaster.database import read_session, transaction
from postmaster.errors import InputError, NotFoundError, PostMasterError
from postmaster.quantity import quantity
from postmaster.resources.fields import InvalidFieldsError
from postmaster.resources.named_service import printable
from postmaster.system.models import Role, User, WebSession
from postmaster.system.password_resets import RESET_PATH, VALID_HOURS, create_reset_link
from postmaster.system.sessions import hash_of, key_of, live_sessions, sessions_of
from postmaster.system.users import (
    MINIMUM_PASSWORD,
    NAME,
    ROLE,
    USER_PASSWORD,
    add_user,
    set_active,
    set_password,
    set_role,
    sign_out,
    stream_users,
)
from postmaster.web.access import current_user, for_admins
from postmaster.web.badges import USER_BADGES, Badge
from postmaster.web.context import Context
from postmaster.web.forms import Form

blueprint = Blueprint("users", __name__, url_prefix="/users")

# Roles as people call them.
ROLE_WORDS: Mapping[Role, str] = {Role.ADMIN: "Service desk admin", Role.LEAD: "Team lead"}


class UserForm(Form):
    """A new user. Without a password a link is made, by which the user chooses one."""

    name = StringField(NAME.label, render_kw={"autocomplete": "off", "required": True})
    role = SelectField(
        ROLE.label,
        choices=[SelectChoice(role.value, words) for role, words in ROLE_WORDS.items()],
        default=Role.LEAD.value,
        validate_choice=False,
    )
    password = PasswordField(USER_PASSWORD.label, render_kw={"autocomplete": "new-password"})

    def refuse(self, error: InvalidFieldsError) -> None:
        """Say beside each field what is wrong with it."""
        for name, flaw in error.errors.items():
            self[name].errors = (str(flaw),)
        self.focus_first_refused()


class SetPasswordForm(Form):
    """Another password for a user."""

    password = PasswordField("New password", render_kw={"autocomplete": "new-password", "required": True})


@dataclass(frozen=True, kw_only=True)
class UsersContext(Context, templates=("users/page.html",)):
    """All users, and the sessions of each by its id."""

    users: Sequence[User]
    live: Mapping[int, Sequence[WebSession]]
    looks: Mapping[bool, Badge]
    roles: Mapping[Role, str]


@dataclass(frozen=True, kw_only=True)
class UserFormContext(Context, templates=("users/form.html",)):
    """The form of a new one."""

    form: UserForm
    helps: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class UserContext(Context, templates=("users/show.html",)):
    """One user; ``here`` is the key of the session that looks, ``other`` the role that the user does not have."""

    user: User
    other: Role
    sessions: Sequence[WebSession]
    here: str
    form: SetPasswordForm
    looks: Mapping[bool, Badge]
    roles: Mapping[Role, str]
    key_of: Callable[[WebSession], str]
    minimum: int
    hours: int


@dataclass(frozen=True, kw_only=True)
class LinkContext(Context, templates=("users/link.html",)):
    """The link by which a user chooses a password, shown this once."""

    user: User
    link: str
    hours: int


@blueprint.get("")
@for_admins
def page() -> str:
    """The list."""
    with read_session() as session:
        users, live = list(stream_users(session)), live_sessions(session)
    return UsersContext(users=users, live=live, looks=USER_BADGES, roles=ROLE_WORDS).render()


@blueprint.route("/add", methods=["GET", "POST"])
@for_admins
def add() -> ResponseReturnValue:
    """Add a user, and show the link if no password was entered."""
    form = UserForm()
    status = form.status()
    if form.was_sent_well():
        name, role = str(form.name.data or ""), str(form.role.data or "")
        password, actor = form.password.data or None, current_user().name
        try:
            with transaction() as session:
                user = add_user(session, name, role, password, actor)
                token = None if password else create_reset_link(session, user.name, actor)
        except InvalidFieldsError as error:
            form.refuse(error)
        else:
            if token:
                return _link(user, token)
            flash(f"The user “{user.name}” is added.", "ok")
            return redirect(url_for(".page"), 303)
    helps = {
        NAME.name: NAME.help,
        ROLE.name: ROLE.help,
        USER_PASSWORD.name: "Leave it empty to get a link by which the user chooses one.",
    }
    return UserFormContext(form=form, helps=helps).render(), status


@blueprint.get("/<id:number>")
@for_admins
def show(number: int) -> str:
    """One user."""
    return _show(number, SetPasswordForm())


def _show(number: int, form: SetPasswordForm) -> str:
    with read_session() as session:
        user = _user(session, number)
        sessions = sessions_of(session, number)
    return UserContext(
        user=user,
        other=Role.LEAD if user.role is Role.ADMIN else Role.ADMIN,
        sessions=sessions,
        here=hash_of(current_user().token),
        form=form,
        looks=USER_BADGES,
        roles=ROLE_WORDS,
        key_of=key_of,
        minimum=MINIMUM_PASSWORD,
        hours=VALID_HOURS,
    ).render()


@blueprint.post("/<id:number>/role")
@for_admins
def change_role(number: int) -> ResponseReturnValue:
    """Make the user an admin or a lead."""
    role = request.form.get("role", "")

    def act(session: Session, name: str) -> str:
        set_role(session, name, role, current_user().name)
        return f"“{name}” is now: {role}. Their sessions have ended."

    return _do(number, act)


@blueprint.post("/<id:number>/disable")
@for_admins
def disable(number: int) -> ResponseReturnValue:
    """Shut the user out."""
    return _set_active(number, False, "can no longer sign in")


@blueprint.post("/<id:number>/enable")
@for_admins
def enable(number: int) -> ResponseReturnValue:
    """Let the user in again."""
    return _set_active(number, True, "can sign in again")


def _set_active(number: int, active: bool, words: str) -> ResponseReturnValue:
    def act(session: Session, name: str) -> str:
        set_active(session, name, active, current_user().name)
        return f"“{name}” {words}."

    return _do(number, act)


@blueprint.post("/<id:number>/password")
@for_admins
def change_password(number: int) -> ResponseReturnValue:
    """Give the user another password."""
    form = SetPasswordForm()
    if form.was_sent_well():
        try:
            with transaction() as session:
                name = _user(session, number).name
                set_password(session, name, str(form.password.data or ""), current_user().name)
        except InputError as error:
            form.password.errors = (str(error),)
            form.focus_first_refused()
        else:
            flash(f"The password of “{name}” is changed. Their sessions have ended.", "ok")
            return redirect(url_for(".show", number=number), 303)
    return _show(number, form), HTTPStatus.UNPROCESSABLE_ENTITY


@blueprint.post("/<id:number>/link")
@for_admins
def reset_link(number: int) -> ResponseReturnValue:
    """Create a link by which the user chooses another password, and show it: no other page ever does."""
    with transaction() as session:
        user = _user(session, number)
        token = create_reset_link(session, user.name, current_user().name)
    return _link(user, token)


@blueprint.post("/<id:number>/sign-out")
@for_admins
def end_sessions(number: int) -> ResponseReturnValue:
    """End one session of the user, or all of them."""
    key = printable(request.form.get("session", "")) or None

    def act(session: Session, name: str) -> str:
        ended = sign_out(session, name, current_user().name, key)
        return f"{quantity(ended, 'session')} of “{name}” ended."

    return _do(number, act)


def _do(number: int, act: Callable[[Session, str], str]) -> ResponseReturnValue:
    """Do it to the user with that id, say what was done or why not, and go back to the page."""
    with read_session() as session:
        name = _user(session, number).name
    try:
        with transaction() as session:
            flash(act(session, name), "ok")
    except PostMasterError as error:
        flash(str(error), "fail")
    return redirect(url_for(".show", number=number), 303)


def _user(session: Session, number: int) -> User:
    user = session.get(User, number)
    if user is None:
        raise NotFoundError("unknown-user", "This user does not exist", "Look for it in the list of users.")
    return user


def _link(user: User, token: str) -> str:
    base = config.current().public_url or request.url_root.rstrip("/")
    return LinkContext(user=user, link=f"{base}{RESET_PATH}{token}", hours=VALID_HOURS).render()
