"""Credentials by the command line: passwords that are sealed, kept, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from postmaster import create_app
from postmaster.accounts.models import Credential, MailAccount
from postmaster.accounts.sealing import unseal
from postmaster.config import load_environment
from postmaster.database import read_session
from tests.cli.support import PASSWORD, Admin, options
from tests.results import Run


def stored(app: Flask, credential_id: int = 1) -> str:
    """The password of a credential, unsealed."""
    with app.app_context(), read_session() as session:
        return unseal(session.get_one(Credential, credential_id).sealed_password)


def test_a_password_is_sealed_and_never_shown(admin: Admin, app: Flask, data_dir: Path) -> None:
    admin.add_credential(password=f"{PASSWORD}\n")
    assert stored(app) == PASSWORD
    commands = (
        ("list",),
        ("list", "--json"),
        ("show", "C"),
        ("show", "C", "--json"),
        ("export",),
        ("export", "--format", "toml"),
    )
    everything = [admin.run("credential", *command).stdout for command in commands]
    assert all("C" in text and PASSWORD not in text and "sealed" not in text for text in everything)
    assert not any(PASSWORD.encode() in file.read_bytes() for file in data_dir.iterdir())


def test_a_shown_credential_has_the_option_names_as_keys(admin: Admin) -> None:
    admin.add_credential()
    (row,) = admin.list("credential")
    assert row.pop("changed")
    assert row == {
        "id": 1, "label": "C", "kind": "basic", "name": "C", "username": "info@example.com", "hosts": "",
        "validity": "valid",
        "comment": "", "health": "healthy", "grant": None, "tenant": None, "client_id": None, "secret_expires": None,
        "scopes": None, "authorization_endpoint": None, "token_endpoint": None, "device_endpoint": None,
    }  # fmt: skip


@pytest.mark.parametrize("password", [" leading and trailing ", "ünïcode", "a", "0"])
def test_a_password_is_taken_as_it_is(admin: Admin, app: Flask, password: str) -> None:
    admin.add_credential(password=f"{password}\n")
    assert stored(app) == password


REFUSED = {
    "no name": ({"name": ""}, PASSWORD, "Name is missing"),
    "number as name": ({"name": "12"}, PASSWORD, "would be taken for an id"),
    "name twice": ({"name": "taken"}, PASSWORD, "already the name of credential 1"),
    "no user name": ({"username": ""}, PASSWORD, "User name is missing"),
    "no password": ({}, "", "Password is missing. Give it with --password-stdin."),
    "password of two lines": ({}, "two\nlines", "Password has a line break"),
    "password that is too long": ({}, "x" * 1001, "Password has more than 1000 characters"),
    "flood": ({}, "x" * 20_000, "Password has more than 10000 bytes"),
    "password that is not UTF-8": ({}, b"\xff\xfe", "Password is not UTF-8"),
    "kind": ({"kind": "magic"}, PASSWORD, "Kind is “magic”"),
}


@pytest.mark.parametrize(("fields", "password", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_credential_is_refused(
    admin: Admin, fields: dict[str, object], password: str | bytes, sentence: str
) -> None:
    admin.add_credential("Taken")
    given = options({"name": "New", "username": "me"} | fields)
    result = admin.run("credential", "add", *given, "--password-stdin", input=password)
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert len(admin.list("credential")) == 1


def test_a_password_is_never_an_argument(run: Run) -> None:
    result = run("credential", "add", "--name", "C", "--username", "u", "--password", "x")
    assert result.exit_code == 2


def test_an_empty_password_means_keep(admin: Admin, app: Flask) -> None:
    admin.add_credential()
    assert admin.run("credential", "set", "C", "--password-stdin", "--comment", "x", input="\n").exit_code == 0
    assert stored(app) == PASSWORD


def test_the_kind_stays_as_it_was_added(admin: Admin) -> None:
    admin.add_credential()
    assert admin.run("credential", "set", "C", "--kind", "basic").exit_code == 2


def test_a_new_password_changes_what_its_accounts_are_paused_by(admin: Admin, app: Flask) -> None:
    admin.add_credential()
    admin.add_account(credential="C")
    before = config_revision(app)
    admin.run("credential", "set", "C", "--password-stdin", input="another")
    assert config_revision(app) != before


def config_revision(app: Flask) -> str:
    """That of the first account."""
    with app.app_context(), read_session() as session:
        return session.get_one(MailAccount, 1).config_revision


def test_a_credential_in_use_is_not_deleted_and_the_accounts_are_named(admin: Admin) -> None:
    admin.add_credential()
    admin.add_account(credential="C")
    result = admin.run("credential", "delete", "C", "--yes")
    assert (result.exit_code, "account 1 (info@mail.example.com)" in result.stderr) == (2, True)
    admin.run("account", "set", 1, "--credential", "")
    assert admin.run("credential", "delete", "C", "--yes").exit_code == 0


@pytest.mark.parametrize(("change", "health"), [(None, "never"), ("invalid", "needs-credential")])
def test_an_account_needs_a_credential_that_is_valid(admin: Admin, change: str | None, health: str) -> None:
    admin.add_credential()
    admin.add_account(credential="C")
    if change:
        admin.run("credential", "set", "C", "--validity", change, "--yes")
    assert admin.show("account", 1)["health"] == health


def test_new_key_prints_a_key_that_seals(run: Run) -> None:
    key = run("credential", "new-key").stdout.strip()
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x"


def test_rotated_credentials_open_with_the_new_key_alone(
    admin: Admin, app: Flask, data_dir: Path, environ: dict[str, str]
) -> None:
    admin.add_credential()
    admin.add_account(credential="C")
    before = config_revision(app)
    old, new = (data_dir / "credential.key").read_text().strip(), Fernet.generate_key().decode()
    both = with_keys(environ, f"{new},{old}")
    assert both.test_cli_runner().invoke(args=["credential", "rotate-key"]).stdout.startswith("1 sealed")
    assert stored(with_keys(environ, new)) == PASSWORD
    assert config_revision(app) == before


def test_rotating_changes_nothing_if_a_key_is_missing(
    admin: Admin, app: Flask, data_dir: Path, environ: dict[str, str]
) -> None:
    admin.add_credential()
    lost = with_keys(environ, Fernet.generate_key().decode())
    result = lost.test_cli_runner().invoke(args=["credential", "rotate-key"])
    assert (result.exit_code, "“C”" in result.stderr) == (2, True)
    assert stored(app) == PASSWORD


def with_keys(environ: dict[str, str], keys: str) -> Flask:
    """The app with other keys, on the same data."""
    return create_app(load_environment({**environ, "POSTMASTER_CREDENTIAL_KEYS": keys}))
