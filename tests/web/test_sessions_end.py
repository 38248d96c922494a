"""A session stands in the database: it is over when it has ended there, whoever has a copy of its cookie."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session, transaction
from postmaster.system.models import Role, User, WebSession
from tests.results import Run
from tests.web.conftest import HTMX, PASSWORD, add, send, signed_in, token_of
from tests.web.test_session import NEW_PASSWORD, NOON, change_password, is_in

COOKIE = "postmaster"


def copy_of(app: Flask, client: FlaskClient) -> FlaskClient:
    """Another browser, with a copy of that one's cookie."""
    cookie = client.get_cookie(COOKIE)
    assert cookie
    thief = app.test_client()
    thief.set_cookie(COOKIE, cookie.value)
    return thief


def press(client: FlaskClient, path: str) -> None:
    """Press a button of the user menu."""
    answer = client.post(path, data={"csrf_token": token_of(client.get("/password").text)})
    assert (answer.status_code, answer.location) == (303, "/login")


def test_a_copied_cookie_is_worth_nothing_after_signing_out(app: Flask, client: FlaskClient) -> None:
    thief = copy_of(app, client)
    assert is_in(thief)
    press(client, "/logout")
    assert not is_in(thief)
    with app.app_context(), read_session() as session:
        assert session.scalars(select(WebSession)).all() == []


def test_signing_out_leaves_the_other_browsers_alone(app: Flask, client: FlaskClient) -> None:
    other = signed_in(app, "admin")
    press(client, "/logout")
    assert is_in(other)


def test_signing_out_everywhere_ends_all_sessions_of_that_user_alone(app: Flask, client: FlaskClient) -> None:
    add(app, "ada")
    other, elsewhere = signed_in(app, "ada"), signed_in(app, "admin")
    assert 'action="/logout/everywhere"' in client.get("/", follow_redirects=True).text
    press(client, "/logout/everywhere")
    assert not is_in(client)
    assert not is_in(elsewhere)
    assert is_in(other)


@pytest.mark.parametrize(
    "command",
    [
        ("set-password", "admin", "--password-stdin"),
        ("set-role", "admin", "lead"),
        ("disable", "admin"),
    ],
)
def test_a_copied_cookie_is_worth_nothing_after_a_command(
    app: Flask, run: Run, client: FlaskClient, command: tuple[str, ...]
) -> None:
    add(app, "root")  # the last admin cannot be lost
    thief = copy_of(app, client)
    assert run("user", *command, input=NEW_PASSWORD).exit_code == 0
    assert not is_in(thief)
    assert not is_in(client)
    run("user", "enable", "admin")
    run("user", "set-role", "admin", "admin")
    assert not is_in(thief)


def test_a_copied_cookie_is_worth_nothing_after_the_password_was_changed(app: Flask, client: FlaskClient) -> None:
    thief = copy_of(app, client)
    change_password(client)
    assert is_in(client)
    assert not is_in(thief)


def test_a_role_that_changes_in_the_database_itself_ends_the_session(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), transaction() as session:
        session.execute(update(User).values(role=Role.LEAD))
    assert not is_in(client)


def test_an_unknown_role_is_refused(run: Run, client: FlaskClient) -> None:
    result = run("user", "set-role", "admin", "root")
    assert result.exit_code == 2
    assert "Role is “root”" in result.stderr
    assert is_in(client)


@pytest.mark.parametrize("hours", [12, 2])
def test_a_session_ends_after_its_hours_however_busy(app: Flask, run: Run, hours: int) -> None:
    add(app, "ada")
    assert run("setting", "set", "SessionHours", str(hours)).exit_code == 0
    with time_machine.travel(NOON, tick=False) as clock:
        client = signed_in(app, "ada")
        for _ in range(hours * 2):
            clock.shift(timedelta(minutes=30))
            assert is_in(client)
        thief = copy_of(app, client)
        clock.shift(timedelta(seconds=1))
        assert not is_in(client)
        assert not is_in(thief)


@pytest.mark.parametrize("hours", ["0", "169", "-1", "x"])
def test_hours_that_make_no_sense_are_refused(run: Run, hours: str) -> None:
    assert run("setting", "set", "SessionHours", hours).exit_code == 2


def test_the_pulse_of_a_page_keeps_no_session_alive(app: Flask) -> None:
    add(app, "ada")
    with time_machine.travel(NOON, tick=False) as clock:
        client = signed_in(app, "ada")
        for _ in range(4):
            clock.shift(timedelta(minutes=15))
            assert client.get("/pulse", headers=HTMX).status_code in (200, 204)
        clock.shift(timedelta(seconds=1))
        assert client.get("/pulse", headers=HTMX).status_code == 401


def test_another_web_process_knows_the_session_and_its_end(environ: dict[str, str], client: FlaskClient) -> None:
    other = create_app(load_environment(environ))
    there = copy_of(other, client)
    assert is_in(there)
    press(there, "/logout")
    assert not is_in(client)


def test_the_database_holds_no_token_and_says_where_one_is_signed_in(app: Flask) -> None:
    add(app, "ada")
    client = app.test_client()
    form = {"user": "ada", "password": PASSWORD, "csrf_token": token_of(client.get("/login").text)}
    client.post("/login", data=form, headers={"User-Agent": "<b>Netscape</b>"})
    with client.session_transaction() as cookie, app.app_context(), read_session() as session:
        row = session.scalars(select(WebSession)).one()
        assert cookie["_user_id"] not in (row.token_hash, row.standing)
    page = client.get("/password").text
    assert "127.0.0.1" in page
    assert "&lt;b&gt;Netscape" in page


def test_sessions_that_are_over_are_removed(app: Flask) -> None:
    add(app, "ada")
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(3):
            signed_in(app, "ada")
            clock.shift(timedelta(hours=13))
        send(app.test_client(), "/login", user="ada", password=PASSWORD)
    with app.app_context(), read_session() as session:
        assert len(session.scalars(select(WebSession)).all()) == 1
