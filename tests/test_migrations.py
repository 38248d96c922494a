"""The migrations make exactly the tables that the models describe, on both databases."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from postmaster import create_app
from postmaster.config import load_settings
from postmaster.extensions import db
from tests.servers.postgres import Postgres


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_models_and_migrations_agree(environ: dict[str, str], postgres: Postgres, database: str) -> None:
    if database == "postgresql":
        environ = {**environ, "POSTMASTER_DATABASE_URL": postgres.create_database()}
    app = create_app(load_settings(environ))
    runner = app.test_cli_runner()
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_an_upgrade_can_be_taken_back(environ: dict[str, str], postgres: Postgres) -> None:
    app = create_app(load_settings({**environ, "POSTMASTER_DATABASE_URL": postgres.create_database()}))
    runner = app.test_cli_runner()
    for command in ("upgrade", "downgrade", "upgrade"):
        arguments = ["db", command, *(["base"] if command == "downgrade" else [])]
        assert runner.invoke(args=arguments).exit_code == 0
