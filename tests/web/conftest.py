"""Browsers without JavaScript: signed in as an admin, as a lead, and not at all."""

from __future__ import annotations

import re

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from flask_login import login_user

from postmaster.database import prepare_database, transaction
from postmaster.operations.heartbeat import Presence, beat
from postmaster.operations.models import ProcessRole
from postmaster.resources.audit import audit
from postmaster.system.attempts import Attempt
from postmaster.system.models import User
from postmaster.system.sessions import start_session
from postmaster.system.users import add_user
from postmaster.web.access import SignedInUser, this_browser
from tests.support import Desk

PASSWORD = "correct horse battery"

# What htmx sends along.
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://localhost/status?shown=all"}


def token_of(page: str) -> str:
    """The CSRF token of the first form of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, "the page has no form"
    return found[1]


def send(client: FlaskClient, path: str, **fields: str) -> str:
    """Fill in the form at ``path`` and send it there; returns the page that follows."""
    token = token_of(client.get(path).text)
    return client.post(path, data={**fields, "csrf_token": token}, follow_redirects=True).text


def token_header(client: FlaskClient) -> dict[str, str]:
    """The CSRF token as htmx sends it."""
    page = client.get("/password", follow_redirects=True).text
    return {"X-CSRFToken": token_of(page)}


def add(app: Flask, name: str, role: str = "admin") -> User:
    """Add a user whose password is ``PASSWORD``."""
    with app.app_context():
        prepare_database()
        with transaction() as session:
            return add_user(session, name, role, PASSWORD, "test")


def signed_in(app: Flask, name: str) -> FlaskClient:
    """A browser in which that user signed in; the page that follows, which takes longest of all, is not asked for."""
    client = app.test_client()
    token = token_of(client.get("/login").text)
    client.post("/login", data={"user": name, "password": PASSWORD, "csrf_token": token})
    return client


def inside(app: Flask, user: User) -> FlaskClient:
    """A browser as signing in leaves it, without the form: that is a third of the time of most tests of a page."""
    client = app.test_client()
    with app.test_request_context(environ_base=client.environ_base):
        browser = this_browser()
        with transaction() as database:
            Attempt(user.name, browser.address).succeed(database)
            audit(database, user.name, "sign-in", "session", user.name, {"address": browser.address})
            login_user(SignedInUser(user, start_session(database, user, browser)))
        cookie = dict(session)
    with client.session_transaction() as kept:
        kept.update(cookie)
    return client


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    """The browser of somebody who is not signed in."""
    return app.test_client()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """The browser of an admin."""
    return inside(app, add(app, "admin"))


@pytest.fixture
def lead(app: Flask) -> FlaskClient:
    """The browser of a team lead."""
    return inside(app, add(app, "lead", "lead"))


@pytest.fixture
def account(desk: Desk) -> str:
    """The id of an account that can be fetched."""
    return desk.add_account(type="IMAP", host="one.example", credential=desk.credential("ada", "s3cret"))


@pytest.fixture
def alive(app: Flask, client: FlaskClient) -> None:
    """A worker and a scheduler that said just now that they live."""
    assert client
    with app.app_context(), transaction() as session:
        for pid, role in enumerate(ProcessRole):
            beat(session, Presence(role, "host", pid))
