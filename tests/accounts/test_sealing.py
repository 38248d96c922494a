"""Whether there is the key of a sealed text is told from the text alone; those of earlier versions are tried."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

from postmaster.accounts import sealing
from postmaster.extensions import db
from tests.support import Desk

READ = text("SELECT sealed_password FROM credential")


def stored(app: Flask) -> str:
    """The only sealed password."""
    with app.app_context(), db.engine.connect() as connection:
        return str(connection.execute(READ).scalar_one())


def store(app: Flask, sealed: str) -> None:
    """Store it instead."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE credential SET sealed_password = :sealed"), {"sealed": sealed})


def health(desk: Desk) -> str:
    """How the only credential stands."""
    return str(desk.ok("credential", "list", "--json").json_lines[0]["health"])


@pytest.fixture
def key(app: Flask, desk: Desk, data_dir: Path) -> Fernet:
    """The key that has sealed the password of the only credential."""
    desk.credential("ada", "secret-password")
    return Fernet((data_dir / "credential.key").read_text().strip())


def test_how_a_credential_stands_takes_no_unsealing(
    app: Flask, desk: Desk, key: Fernet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsealed(*_arguments: object) -> str:
        raise AssertionError("nothing should be unsealed")

    monkeypatch.setattr(sealing, "_decrypt", unsealed)
    assert health(desk) == "healthy"
    store(app, "k0123456789ab." + stored(app).split(".")[1])
    assert health(desk) == "needs-key"


def test_what_an_earlier_version_sealed_is_opened_and_marked_when_it_is_sealed_anew(
    app: Flask, desk: Desk, key: Fernet
) -> None:
    store(app, key.encrypt(b"secret-password").decode())
    assert health(desk) == "healthy"
    desk.ok("credential", "rotate-key")
    mark, _, sealed = stored(app).partition(".")
    assert len(mark) == 13
    assert key.decrypt(sealed) == b"secret-password"
    store(app, Fernet(Fernet.generate_key()).encrypt(b"secret-password").decode())
    assert health(desk) == "needs-key"


def test_an_earlier_version_can_open_what_it_finds_after_a_downgrade(app: Flask, desk: Desk, key: Fernet) -> None:
    desk.ok("db", "downgrade", "r11")
    assert key.decrypt(stored(app)) == b"secret-password"
