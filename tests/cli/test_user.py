"""Users of the pages, by the command line."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select

from postmaster.database import read_session
from postmaster.system.models import User
from tests.cli.support import PASSWORD, audit_log
from tests.results import Result, Run


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
    add(run)
    for command, active in (("disable", False), ("enable", True)):
        assert run("user", command, "ada").exit_code == 0
        assert run("user", "list", "--json").json["active"] is active


@pytest.mark.parametrize("command", [("disable",), ("enable",), ("set-password", "--password-stdin")])
@pytest.mark.parametrize("name", ["nobody", "\udcff"])
def test_an_unknown_user_ends_with_2(run: Run, command: tuple[str, ...], name: str) -> None:
    assert run("user", command[0], name, *command[1:], input=PASSWORD).exit_code == 2
