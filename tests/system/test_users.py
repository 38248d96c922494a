"""Who may sign in to the pages, as pages and ``bin/start`` use it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.database import prepare_database, transaction
from postmaster.errors import InputError
from postmaster.resources.models import AuditEvent
from postmaster.system.models import Role, User
from postmaster.system.users import add_first_admin, add_user, change_own_password, set_active, sign_in

PASSWORD = "correct horse battery"
NEW_PASSWORD = "another battery staple"


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session on an empty database."""
    with app.app_context():
        prepare_database()
        with transaction() as session:
            yield session


@pytest.fixture
def ada(session: Session) -> User:
    """A lead called ada."""
    return add_user(session, "ada", "lead", PASSWORD, "test")


@pytest.mark.parametrize("name", ["ada", "Ada", "ADA"])
def test_a_user_signs_in_in_any_case(session: Session, ada: User, name: str) -> None:
    assert sign_in(session, name, PASSWORD) is ada


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("ada", PASSWORD.upper()),
        ("ada", "\udcff"),
        ("ada", "x" * 100_000),
        ("nobody", PASSWORD),
        ("", ""),
        ("\udcff\0", PASSWORD),
        ("a%", PASSWORD),
    ],
)
def test_nobody_else_does(session: Session, ada: User, name: str, password: str) -> None:
    assert sign_in(session, name, password) is None


def test_who_is_shut_out_cannot_sign_in(session: Session, ada: User) -> None:
    set_active(session, "ada", False, "test")
    assert sign_in(session, "ada", PASSWORD) is None
    set_active(session, "ada", True, "test")
    assert sign_in(session, "ada", PASSWORD) is ada


def test_a_damaged_hash_lets_nobody_in(session: Session, ada: User) -> None:
    ada.password_hash = "no hash"
    assert sign_in(session, "ada", PASSWORD) is None


def test_an_unknown_name_costs_a_hash_too(session: Session, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    sign_in(session, "nobody", "wrong")  # what passwords of nobody are checked against is made the first time

    class Hasher:
        def verify(self, given: str, _password: str) -> bool:
            checked.append(given[:10])
            return False

    monkeypatch.setattr("postmaster.system.users._hasher", Hasher())
    for name in ("ada", "nobody"):
        sign_in(session, name, "wrong")
    assert checked == [ada.password_hash[:10]] * 2


def test_a_user_changes_the_own_password(session: Session, ada: User) -> None:
    assert change_own_password(session, ada.id, PASSWORD, NEW_PASSWORD) is ada
    assert sign_in(session, "ada", PASSWORD) is None
    assert sign_in(session, "ada", NEW_PASSWORD) is ada
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "set-password")).one()
    assert (event.actor, event.label, event.detail) == ("ada", "ada", {"password": "changed"})


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", NEW_PASSWORD, "Current password"),
        (PASSWORD, "ninechars", "Password"),
        (PASSWORD, "", "Password"),
        (PASSWORD, "x" * 1001, "Password"),
        (PASSWORD, "\udcff" * 20, "Password"),
    ],
)
def test_a_refused_password_changes_nothing(session: Session, ada: User, current: str, new: str, field: str) -> None:
    before = ada.password_hash
    with pytest.raises(InputError) as caught:
        change_own_password(session, ada.id, current, new)
    assert caught.value.field == field
    assert ada.password_hash == before


def test_the_first_admin_gets_a_password_of_their_own(session: Session) -> None:
    password = add_first_admin(session, "bin/start")
    assert password is not None
    assert len(password) >= 16
    admin = sign_in(session, "admin", password)
    assert admin is not None
    assert admin.role is Role.ADMIN


def test_there_is_only_one_first_admin(session: Session) -> None:
    assert add_first_admin(session, "bin/start")
    assert add_first_admin(session, "bin/start") is None


def test_where_there_is_a_user_no_admin_is_made_up(session: Session, ada: User) -> None:
    assert add_first_admin(session, "bin/start") is None
    assert sign_in(session, "admin", "") is None


def test_passwords_are_hashed_as_strongly_as_rfc_9106_recommends() -> None:
    script = "from postmaster.system import users; print(users.USER_PASSWORD.parse('correct horse battery'))"
    hashed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
