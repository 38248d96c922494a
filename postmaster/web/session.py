"""Signing in and out, and changing one's password."""

from __future__ import annotations

from time import time

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, login_user, logout_user
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from postmaster.database import reading, writing
from postmaster.errors import InputError
from postmaster.extensions import db
from postmaster.system.models import User
from postmaster.system.numbers import NO_ID, read_id
from postmaster.system.users import change_own_password, sign_in
from postmaster.web.access import SignedInUser, for_leads, public, who
from postmaster.web.forms import Form
from postmaster.web.limits import limiter
from postmaster.web.lists import way_back

blueprint = Blueprint("session", __name__)
manager = LoginManager()

WRONG = "User name or password is wrong. Try again."


@manager.user_loader  # type: ignore[untyped-decorator]
def load_user(remembered: str) -> SignedInUser | None:
    """The user that the session remembers, unless shut out or with another password by now."""
    number, _, _ = remembered.partition(":")
    user = db.session.get(User, read_id(number) or NO_ID)
    if user is None or not user.active:
        return None
    found = SignedInUser(user)
    return found if found.get_id() == remembered else None


class SignInForm(Form):
    """Name and password."""

    user = StringField("User name", [InputRequired("Enter your user name.")])
    password = PasswordField("Password", [InputRequired("Enter your password.")])


class PasswordForm(Form):
    """The password as it is and as it shall be."""

    current = PasswordField("Current password", [InputRequired("Enter your current password.")])
    new = PasswordField("New password", [InputRequired("Enter a new password.")])


@blueprint.route("/login", methods=["GET", "POST"])
@public
@limiter.limit("10 per minute; 60 per hour", methods=["POST"])
@limiter.limit(
    "10 per minute; 60 per hour", methods=["POST"], key_func=lambda: request.form.get("user", "").casefold()[:100]
)
def login() -> ResponseReturnValue:
    """Sign in."""
    form = SignInForm()
    if form.was_sent_well():
        with reading() as database:
            user = sign_in(database, form.user.data, form.password.data)
        if user is not None:
            session.clear()
            session["seen"] = time()
            login_user(SignedInUser(user))
            return redirect(way_back() or url_for("status.page"), 303)
        form.password.errors = (WRONG,)
    wrong = (*form.user.errors, *form.password.errors)
    return render_template("session/login.html", form=form, wrong=wrong), form.status()


@blueprint.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """Sign out."""
    logout_user()
    session.clear()
    return redirect(url_for("session.login"), 303)


@blueprint.route("/password", methods=["GET", "POST"])
@for_leads
def password() -> ResponseReturnValue:
    """Change one's own password."""
    form = PasswordForm()
    if form.was_sent_well():
        try:
            with writing() as database:
                user = change_own_password(database, who().id, form.current.data, form.new.data)
        except InputError as error:
            (form.current if error.field == "Current password" else form.new).errors = (str(error),)
        else:
            login_user(SignedInUser(user))
            flash("Your password is changed. Other sessions of yours have ended.", "ok")
            return redirect(url_for("status.page"), 303)
    return render_template("session/password.html", form=form), form.status()


def init_app(app: Flask) -> None:
    """Register the pages and the sessions."""
    manager.init_app(app)
    app.register_blueprint(blueprint)
