"""Signing in and out, and changing one's password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, Flask, flash, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, login_user, logout_user
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from postmaster.database import read_session, transaction
from postmaster.errors import InputError
from postmaster.resources.audit import audit
from postmaster.system.attempts import TooManyTriesError, count_guess, forget_guesses
from postmaster.system.models import User, WebSession
from postmaster.system.password_resets import RESET_PATH, use_reset_link, user_of_link
from postmaster.system.sessions import end_session, end_sessions, hash_of, session_of, sessions_of, start_session
from postmaster.system.users import MINIMUM_PASSWORD, change_own_password
from postmaster.web.access import SignedInUser, current_user, for_leads, public, this_browser
from postmaster.web.context import Context
from postmaster.web.entrance import enter
from postmaster.web.forms import Form
from postmaster.web.lists import next_url

blueprint = Blueprint("session", __name__)
manager = LoginManager()

# Browsers offer to make one up.
NEW = {"autocomplete": "new-password"}

WRONG = "User name or password is wrong. Try again."


@manager.user_loader  # type: ignore[untyped-decorator]
def load_user(token: str) -> SignedInUser | None:
    """The user of the session with that token, unless it is over."""
    with read_session() as database:
        found = session_of(database, token)
    return SignedInUser(found[1], token, found[0]) if found else None


class SignInForm(Form):
    """Name and password."""

    user = StringField("User name", [InputRequired("Enter your user name.")])
    password = PasswordField("Password", [InputRequired("Enter your password.")])


class ResetForm(Form):
    """A new password."""

    new = PasswordField("New password", [InputRequired("Enter a new password.")], render_kw=NEW)


class PasswordForm(Form):
    """The password as it is and as it shall be."""

    current = PasswordField("Current password", [InputRequired("Enter your current password.")])
    new = PasswordField("New password", [InputRequired("Enter a new password.")], render_kw=NEW)


@dataclass(frozen=True, kw_only=True)
class SignInContext(Context, templates=("session/login.html",)):
    """The sign-in page; ``wrong`` says what is."""

    form: SignInForm
    wrong: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ResetContext(Context, templates=("session/reset.html",)):
    """The page that a link leads to."""

    form: ResetForm
    user: User
    minimum: int


@dataclass(frozen=True, kw_only=True)
class PasswordContext(Context, templates=("session/password.html",)):
    """The form, and where one is signed in; ``here`` is the hash of this session's token."""

    form: PasswordForm
    sessions: Sequence[WebSession]
    here: str


@blueprint.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    """Sign in."""
    form, refused = SignInForm(), None
    if form.was_sent_well():
        try:
            entered = enter(form.user.data, form.password.data)
        except TooManyTriesError as error:
            form.password.errors, refused = (str(error),), error
        else:
            if entered is not None:
                _remember(*entered)
                return redirect(next_url() or url_for("status.page"), 303)
            form.password.errors = (WRONG,)
    wrong = (*form.user.errors, *form.password.errors)
    return _answer(SignInContext(form=form, wrong=wrong).render(), form, refused)


def _answer(page: str, form: Form, refused: TooManyTriesError | None) -> ResponseReturnValue:
    if refused is None:
        return page, form.status()
    return page, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(refused.seconds)}


def _remember(user: User, token: str) -> None:
    """Store the token of the new session in the browser's cookie, and drop what that held before."""
    session.clear()
    login_user(SignedInUser(user, token))


@blueprint.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """Sign out: the session is over, whoever else has a copy of the cookie."""
    if current_user().is_authenticated:
        with transaction() as database:
            end_session(database, current_user().token)
            audit(
                database,
                current_user().name,
                "sign-out",
                "session",
                current_user().name,
                {"address": this_browser().address},
            )
    logout_user()
    session.clear()
    return redirect(url_for("session.login"), 303)


@blueprint.post("/logout/everywhere")
@for_leads
def logout_everywhere() -> ResponseReturnValue:
    """Sign out here and in all other browsers."""
    with transaction() as database:
        count = end_sessions(database, current_user().id)
        detail = {"address": this_browser().address, "sessions": count}
        audit(database, current_user().name, "sign-out-everywhere", "session", current_user().name, detail)
    logout_user()
    session.clear()
    return redirect(url_for("session.login"), 303)


@blueprint.route("/password", methods=["GET", "POST"])
@for_leads
def password() -> ResponseReturnValue:
    """Change one's own password, and see where one is signed in."""
    form, refused = PasswordForm(), None
    if form.was_sent_well():
        try:
            user, token = _change(form.current.data, form.new.data)
        except TooManyTriesError as error:
            form.current.errors, refused = (str(error),), error
        except InputError as error:
            (form.current if error.field == "Current password" else form.new).errors = (str(error),)
            form.focus_first_refused()
        else:
            _remember(user, token)
            flash("Your password is changed. Other sessions of yours have ended.", "ok")
            return redirect(url_for("status.page"), 303)
    with read_session() as database:
        sessions = sessions_of(database, current_user().id)
    context = PasswordContext(form=form, sessions=sessions, here=hash_of(current_user().token))
    return _answer(context.render(), form, refused)


def _change(current: str, new: str) -> tuple[User, str]:
    """Change the password; returns the user, and the token of the only session that is left. Raises InputError."""
    here = hash_of(current_user().token)
    with transaction() as database:
        count_guess(database, here)
    try:
        with transaction() as database:
            user = change_own_password(database, current_user().id, current, new)
            return user, start_session(database, user, this_browser())
    except InputError as error:
        if error.field != "Current password":
            with transaction() as database:
                forget_guesses(database, here)
        raise


@blueprint.route(f"{RESET_PATH}<secret>", methods=["GET", "POST"])
@public
def reset(secret: str) -> ResponseReturnValue:
    """Choose a password by a link; looking at it does not use it up, as programs do that show what links lead to."""
    form = ResetForm()
    with read_session() as database:
        user = user_of_link(database, secret)
    if form.was_sent_well():
        try:
            with transaction() as database:
                use_reset_link(database, secret, form.new.data)
        except InputError as error:
            form.new.errors = (str(error),)
            form.focus_first_refused()
        else:
            flash("Your password is set. Sign in with it.", "ok")
            return redirect(url_for(".login"), 303)
    return ResetContext(form=form, user=user, minimum=MINIMUM_PASSWORD).render(), form.status()


def init_app(app: Flask) -> None:
    """Register the pages and the sessions."""
    manager.init_app(app)
    app.register_blueprint(blueprint)
