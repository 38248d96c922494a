"""Users of the pages, by the command line."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session, transaction
from postmaster.system import users
from postmaster.system.models import User
from postmaster.system.sessions import Browser, start_session
from tests.cli.support import PASSWORD, audit_log
from tests.results import Result, Run, runner_of


def add(run: Run, name: str = "ada", role: str = "admin", password: str = PASSWORD) -> Result:
    """Add a user."""
    return run("user", "add", "--name", name, "--role", role, "--password-stdin", input=password)


def password_hash(app: Flask) -> str:
    """That of the only user."""
    with app.app_context(), read_session() as session:
        return session.scalars(select(User)).one().password_hash


def test_a_user_is_added_with_an_argon2_hash(run: Run, app: Flask) -> None:
    assert add(run).stdout == "1\n"
    assert PasswordHasher().verify(password_hash(app), PASSWORD)
    (row,) = run("user", "list", "--json").json_lines
    assert (row["name"], row["role"], row["active"]) == ("ada", "admin", True)
    with app.app_context():
        assert "argon2" not in str([event.detail for event in audit_log()])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "Name is missing"),
        ({"name": "a b"}, "Name is “a b”"),
        ({"name": "TAKEN"}, "which another user has"),
        ({"role": "boss"}, "Role is “boss”"),
        ({"password": ""}, "Password is missing"),
        ({"password": "ninechars"}, "Password has 9 characters"),
    ],
)
def test_a_wrong_user_is_refused(run: Run, fields: dict[str, str], sentence: str) -> None:
    add(run, "taken")
    result = add(run, **fields)
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert len(run("user", "list", "--json").json_lines) == 1


def test_a_password_needs_a_terminal_or_standard_input(run: Run) -> None:
    assert run("user", "add", "--name", "ada").exit_code == 2


def test_a_new_password_replaces_the_old_one(run: Run, app: Flask) -> None:
    add(run)
    assert run("user", "set-password", "Ada", "--password-stdin", input="a longer password\n").exit_code == 0
    assert PasswordHasher().verify(password_hash(app), "a longer password")
    assert run("user", "set-password", "ada", "--password-stdin", input="short").exit_code == 2


def test_a_user_is_shut_out_and_let_in_again(run: Run) -> None:
    add(run, role="lead")
    for command, active in (("disable", False), ("enable", True)):
        assert run("user", command, "ada").exit_code == 0
        assert run("user", "list", "--json").json["active"] is active


@pytest.mark.parametrize(
    "command", [("disable",), ("enable",), ("set-password", "--password-stdin"), ("sessions",), ("sign-out",)]
)
@pytest.mark.parametrize("name", ["nobody", "\udcff"])
def test_an_unknown_user_ends_with_2(run: Run, command: tuple[str, ...], name: str) -> None:
    assert run("user", command[0], name, *command[1:], input=PASSWORD).exit_code == 2


@pytest.mark.parametrize("command", [("disable", "ada"), ("set-role", "ada", "lead")])
def test_the_last_admin_cannot_be_lost(run: Run, command: tuple[str, ...]) -> None:
    add(run)
    result = run("user", *command)
    assert (result.exit_code, "[last-admin]" in result.stderr) == (2, True)
    add(run, "bob")
    assert run("user", *command).exit_code == 0


def test_an_admin_who_has_chosen_no_password_yet_does_not_count(run: Run, app: Flask) -> None:
    add(run)
    with app.app_context(), transaction() as session:
        users.add_user(session, "ghost", "admin", None, "test")
    assert "[last-admin]" in run("user", "disable", "ada").stderr


def test_who_has_chosen_no_password_yet_takes_as_long_to_refuse(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    with app.app_context(), transaction() as session:
        users.add_user(session, "ghost", "lead", None, "test")
    monkeypatch.setattr(users, "_hasher", Mock(wraps=users._hasher, verify=lambda *given: checked.append(given)))
    with app.app_context(), read_session() as session:
        assert [users.sign_in(session, name, "") for name in ("ghost", "nobody")] == [None, None]
    assert [len(given[0]) > 20 for given in checked] == [True, True]


def test_a_link_needs_to_know_where_the_pages_are(run: Run) -> None:
    add(run)
    result = run("user", "reset-link", "ada")
    assert (result.exit_code, "POSTMASTER_PUBLIC_URL is not set" in result.stderr) == (2, True)
    assert run("user", "add", "--name", "bob", "--link").exit_code == 2
    assert len(run("user", "list", "--json").json_lines) == 1


def test_a_link_is_printed_and_opens_the_page(environ: dict[str, str]) -> None:
    app = create_app(load_environment(environ | {"POSTMASTER_PUBLIC_URL": "https://desk.example.com"}))
    run = runner_of(app)
    number, added = run("user", "add", "--name", "ada", "--link").stdout.split()
    assert number == "1"
    again = run("user", "reset-link", "ADA")
    assert "good once, for 24 hours" in again.stderr
    for link, status in ((added, 404), (again.stdout.strip(), 200)):
        path = link.removeprefix("https://desk.example.com")
        assert app.test_client().get(path, base_url="https://desk.example.com").status_code == status
    with app.app_context():
        assert again.stdout.strip().rpartition("/")[2] not in str([event.detail for event in audit_log()])


def test_sessions_are_listed_and_ended(run: Run, app: Flask) -> None:
    add(run)
    with app.app_context(), transaction() as session:
        user = session.scalars(select(User)).one()
        for address in ("192.0.2.1", "192.0.2.2"):
            start_session(session, user, Browser(address, "Firefox"))
    rows = run("user", "sessions", "ada", "--json").json_lines
    assert {row["address"] for row in rows} == {"192.0.2.1", "192.0.2.2"}
    assert run("user", "sign-out", "ada", rows[0]["session"]).stdout == "1 session ended.\n"
    assert run("user", "sign-out", "ada", rows[0]["session"]).exit_code == 2
    assert rows[1]["session"] in run("user", "sessions", "ada").stdout
    listed = run("user", "list", "--json").json
    assert (listed["sessions"], listed["last_sign_in"] is not None) == (1, True)
    assert run("user", "sign-out", "ada").stdout == "1 session ended.\n"
