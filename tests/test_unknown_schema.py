"""A database that another version left: a sentence says what to do, wherever it is met, and no process ends by it."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import text

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.extensions import db
from tests.servers.flask_process import FlaskProcesses

LATER = "Install the later version, or restore the backup that was made before."
RESTORE = "If it is the right database, restore the backup that was made before."

# What is written down about a database, by what it says of it.
WRITTEN = {
    "schema-newer": ["UPDATE alembic_version SET version_num = 'r99'"],
    "schema-newer, not numbered": ["UPDATE alembic_version SET version_num = '1975ea83b712'"],
    "schema-unknown": ["UPDATE alembic_version SET version_num = ''"],
    "schema-unknown, garbled": ["UPDATE alembic_version SET version_num = '?! %'"],
    "schema-unknown, nothing": ["DELETE FROM alembic_version"],
    "schema-unknown, twice": ["INSERT INTO alembic_version VALUES ('r02')"],
    "schema-unknown, no table": ["DROP TABLE alembic_version"],
    "schema-unknown, another table": ["DROP TABLE alembic_version", "CREATE TABLE alembic_version (other INTEGER)"],
}

COMMANDS = (
    ["queue", "list"],
    ["fetch"],
    ["status"],
    ["read"],
    ["db", "upgrade"],
    ["db", "downgrade", "r01"],
    ["db", "current"],
    ["db", "stamp", "r02"],
    ["db", "check"],
)


@pytest.fixture
def environ(environ: dict[str, str], empty_database: bytes) -> dict[str, str]:
    """The environment of an app on a database that has all tables."""
    settings = load_environment(environ)
    if settings.embedded:
        settings.database_file.write_bytes(empty_database)
    return environ


@pytest.fixture(params=WRITTEN)
def left(request: pytest.FixtureRequest, environ: dict[str, str]) -> Iterator[tuple[Flask, str]]:
    """The app on a database of which ``WRITTEN`` is written down; and the code of the refusal."""
    before = create_app(load_environment(environ))
    with before.app_context():
        with db.engine.begin() as connection:
            for statement in WRITTEN[request.param]:
                connection.execute(text(statement))
        db.engine.dispose()
    app = create_app(load_environment(environ))
    yield app, request.param.partition(",")[0]
    with app.app_context():
        db.engine.dispose()


def advice(code: str) -> str:
    """What is to be done."""
    return LATER if code == "schema-newer" else RESTORE


def test_each_command_says_what_to_do(left: tuple[Flask, str]) -> None:
    app, code = left
    for command in COMMANDS:
        result = app.test_cli_runner().invoke(args=command, input="Subject: x\n\nx\n")
        assert result.exit_code == (75 if command == ["read"] and result.exit_code == 75 else 2), command
        assert f"{advice(code)} [{code}]" in result.stderr, command
        assert "flask db upgrade" not in result.stderr, command
        assert "Traceback" not in result.output, command


def test_each_page_says_what_to_do_and_the_process_goes_on(left: tuple[Flask, str]) -> None:
    app, code = left
    client = app.test_client()
    for path in ("/", "/login", "/status", "/no-such-page"):
        for _ in range(2):
            answer = client.get(path)
            assert answer.status_code == 503
            assert f"{advice(code)} [{code}]" in unescape(answer.text)
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json == {
        "status": "not ready",
        **dict.fromkeys(("database", "redis", "worker", "scheduler", "turns"), "missing"),
    }


@pytest.mark.parametrize("left", ["schema-newer", "schema-unknown"], indirect=True)
def test_the_worker_says_what_to_do(
    left: tuple[Flask, str], environ: dict[str, str], flask_process: FlaskProcesses
) -> None:
    _app, code = left
    worker = flask_process(environ, module="worker")
    assert worker.returncode == 2
    assert f"{advice(code)} [{code}]" in worker.stderr.decode()


def test_an_unknown_revision_is_a_line_and_no_traceback(environ: dict[str, str]) -> None:
    runner = create_app(load_environment(environ)).test_cli_runner()
    for command in (["upgrade", "r99"], ["downgrade", "r99"], ["stamp", "r99"], ["show", "r99"], ["upgrade", "+9"]):
        result = runner.invoke(args=["db", *command])
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)


@pytest.fixture
def bare(request: pytest.FixtureRequest, environ: dict[str, str]) -> dict[str, str]:
    """The environment of an app on a database without tables."""
    if "POSTMASTER_DATABASE_URL" in environ:
        return {**environ, "POSTMASTER_DATABASE_URL": request.getfixturevalue("postgres").create_database()}
    load_environment(environ).database_file.unlink()
    return environ


def test_tables_of_somebody_else_in_the_same_database_are_no_obstacle(bare: dict[str, str]) -> None:
    app = create_app(load_environment(bare))
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE somebody_else (id INTEGER)"))
    assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0
    assert app.test_cli_runner().invoke(args=["queue", "list"]).exit_code == 0
