"""The look-ups of a batch stay index searches on both databases, however much there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, event, text
from sqlalchemy.orm import Session

from postmaster.database import dialect_of, transaction
from postmaster.extensions import now
from postmaster.pipeline.candidate_tickets import thread_query
from postmaster.pipeline.context import opened_query
from tests.servers.flask_process import FlaskProcesses
from tests.servers.postgres import Postgres
from tests.support import Desk, mail

TICKETS, KEYS_EACH = 20_000, 10
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "


@pytest.fixture(params=["sqlite", "postgresql"])
def environ(environ: dict[str, str], postgres: Postgres, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of an app on either database."""
    url = postgres.copy_database() if request.param == "postgresql" else ""
    return {**environ, "POSTMASTER_DATABASE_URL": url}


def fill(session: Session) -> None:
    """Many tickets, each with several keys of threads."""
    session.execute(
        text(
            f"{COUNT.format(TICKETS)} INSERT INTO ticket (id, number, title, queue_id, state, priority, type, lock, "
            "sender_name, sender_address, dynamic_fields, created_at, changed_at) "
            "SELECT i, CAST(i AS VARCHAR), 'T', 1, 'new', '3 normal', 'Unclassified', 'unlock', '', "
            "'sender' || (i % 100), '{}', :now, :now FROM n"
        ),
        {"now": now().replace(tzinfo=None) if session.get_bind().dialect.name == "sqlite" else now()},
    )
    session.execute(
        text(
            f"{COUNT.format(TICKETS * KEYS_EACH)} INSERT INTO thread_key (key, ticket_id, own) "
            f"SELECT i || '@example.net', 1 + i % {TICKETS}, :own FROM n"
        ),
        {"own": True},
    )
    session.execute(text("ANALYZE"))


def plan_of(session: Session, query: Select[*tuple[object, ...]], **values: object) -> str:
    """How the database carries out ``query`` with these values."""
    connection = session.connection()
    sent: list[Any] = []

    def note(_connection: object, _cursor: object, *statement_and_parameters: object) -> None:
        sent.append(statement_and_parameters[:2])

    event.listen(connection, "before_cursor_execute", note)
    session.execute(query, values).all()
    event.remove(connection, "before_cursor_execute", note)
    [(statement, parameters)] = sent
    explain = "EXPLAIN QUERY PLAN" if dialect_of(session) == "sqlite" else "EXPLAIN"
    return "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters).all())


def test_threads_and_senders_are_found_by_their_indexes(desk: Desk, app: Flask) -> None:
    desk.ok("db", "upgrade")
    with app.app_context(), transaction() as session:
        fill(session)
        dialect = dialect_of(session)
        threads = plan_of(session, thread_query(dialect), keys=[f"{number}@example.net" for number in range(100)])
        named = [f"sender{number}" for number in range(3)]
        senders = plan_of(session, opened_query(dialect), senders=named, since=now())
        found = session.execute(thread_query(dialect), {"keys": ["7@example.net", "nothing"]}).all()
    assert [row.id for row in found] == [8]
    if "SEARCH" in threads:
        assert "SEARCH thread_key USING PRIMARY KEY (key=?)" in threads
        assert "SEARCH ticket USING INTEGER PRIMARY KEY (rowid=?)" in threads
        assert "INDEX ix_ticket_sender_address_created_at (sender_address=? AND created_at>?)" in senders
    else:
        assert "pk_thread_key" in threads
        assert "Seq Scan on thread_key" not in threads
        assert "Seq Scan on ticket " not in threads  # ticket_merge is empty
        assert "ix_ticket_sender_address_created_at" in senders


def test_answers_that_come_at_the_same_moment_open_one_ticket(
    desk: Desk, environ: dict[str, str], flask_process: FlaskProcesses
) -> None:
    desk.ok("db", "upgrade")
    desk.ok("queue", "set", "Raw", "--follow-up", "new-ticket")
    closed = mail("closed", headers=["X-OTRS-State: closed successful"])
    first = desk.ok("read", "--json", "--trusted", input=closed).json["message"]["message_id"]

    def deliver(number: int) -> int:
        raw = mail(f"answer {number}", headers=[f"In-Reply-To: <{first}>"])
        return flask_process(environ, "read", input=raw).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(deliver, range(4))) == [0] * 4
    assert [ticket["articles"] for ticket in desk.tickets()] == [1, 4]
