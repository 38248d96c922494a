"""What is said about a database that cannot be used, and how one is asked that can be."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import bindparam, select, update

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import execute, read_session, transaction
from postmaster.system.models import SettingRow
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


def test_columns_are_asked_for_after_what_waits_is_written_and_within_the_transaction(app: Flask) -> None:
    asked = select(SettingRow.value).where(SettingRow.name == bindparam("name"))
    with app.app_context():
        with transaction() as session:
            session.add(SettingRow(name="Waiting", value="here"))
            assert execute(session, asked, {"name": "Waiting"}).scalar() == "here"
            assert execute(session, update(SettingRow).values(value="there")).rowcount >= 1
            assert execute(session, asked, {"name": "Waiting"}).scalar() == "there"
            session.rollback()
        with read_session() as session:
            assert execute(session, asked, {"name": "Waiting"}).all() == []
