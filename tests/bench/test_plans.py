"""What somebody may open or ask for reads no table of mail, tickets or runs from end to end, on either database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

from bench.filter import furnished
from bench.pages import API, CALLS, COMMANDS, OTHERS, addresses
from bench.stock import Stock, fill
from bench.tickets import PAGES
from postmaster.extensions import all_tables, db
from postmaster.fetching import overview
from tests.servers.postgres import Postgres
from tests.turns import as_many
from tests.web.conftest import signed_in

STOCK = Stock(tickets=as_many(400, 1_000), rows=as_many(2_000, 5_000), accounts=20)

GROWING = "article|audit_event|event|fetch_run|inbound_mail|mail_term|raw_mail|thread_key|ticket"

# On SQLite also an index from end to end, unless it is one of a few rows. PostgreSQL is asked for the plan of a large
# table.
SCANS = {"sqlite": rf"SCAN ({GROWING})\b(?! USING INDEX ({{few}}))", "postgresql": rf"Seq Scan on ({GROWING})\b"}

# The first rows by their ids, whichever they are: that is over as soon as there are so many.
FIRST_ONES = re.compile(r"FROM (\w+)( JOIN [^\n]+)? ORDER BY \1\.id( DESC)?\n LIMIT")

Work = Callable[[], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A desk that has been in use, on either database; more tickets than are counted."""
    monkeypatch.setattr(overview, "MANY_TICKETS", 0)
    url = postgres.copy_database() if request.param == "postgresql" else ""
    app = furnished(tmp_path / "desk", url, STOCK.accounts)
    fill(app, STOCK, lambda _: None)
    return app


def works(app: Flask) -> Iterator[tuple[str, Work]]:
    """All pages, calls of the API and commands of the bench."""
    browser, program, shell = signed_in(app, "bench"), app.test_client(), app.test_cli_runner()
    token = shell.invoke(args=["token", "add", "--name", "bench", "--scope", "read"]).stdout.strip()

    def opened(path: str, **options: Any) -> None:
        client = program if options else browser
        assert client.get(path, **options).status_code == 200

    def done(words: str) -> None:
        result = shell.invoke(args=words.split())
        assert result.exit_code == 0, result.output

    for path in addresses(STOCK, PAGES | OTHERS).values():
        yield path, lambda path=path: opened(path)  # type: ignore[misc]
    for path in addresses(STOCK, CALLS).values():
        yield API + path, lambda path=path: opened(API + path, headers={"Authorization": f"Bearer {token}"})  # type: ignore[misc]
    for words in COMMANDS:
        yield words, lambda words=words: done(words)  # type: ignore[misc]


def sent_by(work: Work) -> list[tuple[str, Any]]:
    """What ``work`` asks the database, with the parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        sent.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    work()
    event.remove(db.engine, "before_cursor_execute", note)
    return [each for each in sent if each[0].startswith(("SELECT", "WITH"))]


def plans_of(sent: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    """These statements, each with how the database carries it out."""
    with db.engine.connect() as connection:
        explain = "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))
            explain = "EXPLAIN"
        plans = [(each[0], connection.exec_driver_sql(f"{explain} {each[0]}", each[1]).all()) for each in sent]
    return [(statement, "\n".join(str(row[-1]) for row in rows)) for statement, rows in plans]


def scans_of(plans: list[tuple[str, str]]) -> list[str]:
    """The tables that grow which one of these statements reads from end to end."""
    indexes = [index for table in all_tables().sorted_tables for index in table.indexes]
    few = "|".join(str(index.name) for index in indexes if index.dialect_kwargs.get("sqlite_where") is not None)
    scan, found = SCANS[db.engine.dialect.name].format(few=few), []
    for statement, plan in plans:
        first_ones = {match[1] for match in FIRST_ONES.finditer(statement)}
        found += [match[1] for match in re.finditer(scan, plan) if match[1] not in first_ones]
    return found


def test_no_table_that_grows_is_read_from_end_to_end(app: Flask) -> None:
    with app.app_context():
        plans = {name: plans_of(sent_by(work)) for name, work in works(app)}
        scans = {name: scans_of(found) for name, found in plans.items()}
    assert len(plans) == len(PAGES | OTHERS) + len(CALLS) + len(COMMANDS)
    assert all(plans.values())
    assert {name: found for name, found in scans.items() if found} == {}
    assert any("ix_article_agent" in plan for _, plan in plans["/status"]), "whether a ticket has an answer"
