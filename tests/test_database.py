"""What is said about a database that cannot be used."""

from __future__ import annotations

import pytest

from postmaster import create_app
from postmaster.config import load_environment
from tests.servers.postgres import Postgres


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_letter_gets_no_tables(
    environ: dict[str, str], postgres: Postgres, encoding: str
) -> None:
    url = postgres.create_database(encoding)
    app = create_app(load_environment({**environ, "POSTMASTER_DATABASE_URL": url}))
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 2
    assert f"The database's encoding is {encoding}, and mail needs UTF8." in result.stderr
    assert "createdb --encoding=UTF8" in result.stderr


def test_a_role_that_likes_another_encoding_changes_nothing(environ: dict[str, str], postgres: Postgres) -> None:
    url = postgres.create_database()
    postgres.execute(f"ALTER DATABASE {postgres.name_of(url)} SET client_encoding = 'LATIN1'")
    runner = create_app(load_environment({**environ, "POSTMASTER_DATABASE_URL": url})).test_cli_runner()
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    assert runner.invoke(args=["queue", "add", "--name", "Größe 📦 日本"]).exit_code == 0
    assert "Größe 📦 日本" in runner.invoke(args=["queue", "list"]).stdout


def test_an_upgrade_of_a_database_that_is_away_says_so(environ: dict[str, str]) -> None:
    app = create_app(load_environment({**environ, "POSTMASTER_DATABASE_URL": "postgresql://127.0.0.1:1/nothing"}))
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 2
    assert "The database cannot be used" in result.stderr
    assert "POSTMASTER_DATABASE_URL" in result.stderr
