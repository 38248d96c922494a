"""The look-ups of a batch stay index searches on both databases, however much there is."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import Select, event, insert, text
from sqlalchemy.orm import Session

from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.database import dialect_of, transaction
from postmaster.extensions import now
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.progress import progress
from postmaster.operations.run_history import RunFilter, run_history
from postmaster.pipeline.candidate_tickets import thread_query
from postmaster.pipeline.context import opened_query
from tests.servers.flask_process import FlaskProcesses
from tests.support import Desk, mail
from tests.turns import as_many

TICKETS, KEYS_EACH = as_many(6_000, 20_000), 10
RUNS = as_many(2_000, 5_000)
RUN = {"label": "ann@mail.example.com", "started_by": "worker", "status": RunStatus.OK, "left_reasons": {}}
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "


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


def plans_of(session: Session, work: Callable[[], object]) -> str:
    """How the database carries out each statement of ``work``."""
    connection = session.connection()
    sent: list[Any] = []

    def note(_connection: object, _cursor: object, *statement_and_parameters: object) -> None:
        sent.append(statement_and_parameters[:2])

    event.listen(connection, "before_cursor_execute", note)
    work()
    event.remove(connection, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if dialect_of(session) == "sqlite" else "EXPLAIN"
    rows = (row for each in sent for row in connection.exec_driver_sql(f"{explain} {each[0]}", each[1]))
    return "\n".join(str(row[-1]) for row in rows)


def fill_runs(session: Session) -> None:
    """Runs over many accounts that went well, a minute apart, and nothing that is under way."""
    began = {"first": now() - timedelta(minutes=RUNS)}
    runs = [
        {**RUN, "id": number, "account_id": None, "started_at": began["first"] + timedelta(minutes=number)}
        for number in range(1, RUNS + 1)
    ]
    session.execute(insert(FetchRun), runs)
    credentials = [{"id": n, "name": f"c{n}", "username": f"u{n}", "revision": 1} for n in range(2, RUNS)]
    session.execute(insert(Credential), credentials)
    accounts = [
        {"id": n, "type": "IMAP", "host": "mail.example.com", "credential_id": n, "revision": 1} for n in range(2, RUNS)
    ]
    session.execute(insert(MailAccount), accounts)
    session.execute(insert(AccountState), [{"account_id": n} for n in range(2, RUNS)])
    session.execute(text("ANALYZE"))


def test_accounts_at_work_and_runs_of_a_day_are_found_by_indexes(desk: Desk, app: Flask) -> None:
    with app.app_context(), transaction() as session:
        fill_runs(session)
        at_work = plans_of(session, lambda: progress(session))
        day = RunFilter(since=now() - timedelta(hours=3), until=now() - timedelta(hours=2))
        of_day = plans_of(session, lambda: run_history(session, day))
        found = [run.id for run in run_history(session, day).rows]
    assert found == sorted(found, reverse=True)
    assert len(found) == 50
    assert "ix_account_state_queued" in at_work
    assert "ix_fetch_run_running" in at_work
    assert not re.search(r"SCAN (account_state|fetch_run)(?! USING)|Seq Scan on (account_state|fetch_run)", at_work)
    assert "ix_fetch_run_started_at" in of_day
    assert not re.search(r"SCAN fetch_run(?! USING)|Seq Scan on fetch_run", of_day)


def test_threads_and_senders_are_found_by_their_indexes(desk: Desk, app: Flask) -> None:
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
    desk.ok("queue", "set", "Raw", "--follow-up", "new-ticket")
    closed = mail("closed", headers=["X-OTRS-State: closed successful"])
    first = desk.ok("read", "--json", "--trusted", input=closed).json["message"]["message_id"]

    def deliver(number: int) -> int:
        raw = mail(f"answer {number}", headers=[f"In-Reply-To: <{first}>"])
        return flask_process(environ, "read", input=raw).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(deliver, range(4))) == [0] * 4
    assert [ticket["articles"] for ticket in desk.tickets()] == [1, 4]
