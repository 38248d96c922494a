"""Four workers beside one, and what they wait for each other for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, event, func, select

from bench.contenders import DurablePostgres
from bench.desks import add_accounts, desk, environment
from bench.mailbag import realistic_mail
from bench.plan import Plan
from bench.results import Check, Line, Result, ratio
from postmaster.database import read_session
from postmaster.extensions import db, now
from postmaster.fetching.run import FetchOptions, fetch_account
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.requests import request_fetch
from postmaster.operations.state import fetching_state
from tests.servers.dovecot import Dovecot
from tests.servers.ports import wait_until
from tests.servers.redis import Redis
from tests.servers.worker import Worker

WORKERS = 4
SECONDS = 600

# The lock under which decisions are made certain (ledger/apply.py), and what takes ticket numbers (desk/tickets.py).
SERIAL_LOCK = 7_766_002
COUNTING = "INSERT INTO ticket_counter"


def workers(plan: Plan) -> Result:
    """As many accounts as workers, by one worker and by all, in turns; each with a mailbox of its own."""
    count = plan.sizes["messages"]
    with Dovecot() as server, DurablePostgres() as postgres, Redis() as redis:
        for number in range(WORKERS):
            server.add_user(f"user{number}")
        environ = environment(plan.folder / "desk", postgres.create_database(), POSTMASTER_REDIS_URL=redis.url)
        rates: dict[int, list[float]] = {1: [], WORKERS: []}
        with desk(environ):
            add_accounts(WORKERS, "IMAP", server.port("imap"))
            for number in range(1, WORKERS + 1):  # the first fetch of many messages would have to be confirmed
                fetch_account(number, FetchOptions("bench"))
            serial = _serial_section(server, count)
            plan.say(f"serial section: {serial:.0f} µs a message")
            for round_ in range(plan.rounds):
                for processes, found in rates.items():
                    _deliver(server, count, seed=round_ + 2)
                    with Worker(environ, plan.folder, "--workers", str(processes), quick=False):
                        found.append(WORKERS * count / _fetched_by_workers())
                    plan.say(f"round {round_ + 1}: {processes} of them: {found[-1]:,.0f} messages/s")
    lines = [Line(f"{processes} of them", tuple(values)) for processes, values in rates.items()]
    checks = [
        Check("four workers against one, PostgreSQL", ratio(lines, lines[1].name, lines[0].name), 1.8),
        Check("serial section, µs a message, PostgreSQL", serial, 60, at_most=True),
    ]
    return Result("messages/s", lines, checks)


def _deliver(server: Dovecot, count: int, seed: int) -> None:
    mail = list(realistic_mail(WORKERS * count, seed))
    for number in range(WORKERS):
        server.deliver_many(f"user{number}", mail[number::WORKERS])


def _fetched_by_workers() -> float:
    """Ask for all accounts, and wait; the seconds from the first run's beginning to the last one's end."""
    wait_until(_ready, "the workers", SECONDS)
    asked = now()
    request_fetch(None, "bench")
    wait_until(lambda: _ended(asked) is not None, "all accounts", SECONDS)
    return _ended(asked) or 0.0


def _ready() -> bool:
    with read_session() as session:
        return fetching_state(session).ok


def _ended(since: datetime) -> float | None:
    """How long the runs took that began ``since``; None while one is to come."""
    with read_session() as session:
        columns = func.count(), func.min(FetchRun.started_at), func.max(FetchRun.finished_at)
        well = FetchRun.started_at >= since, FetchRun.status == RunStatus.OK
        done, began, ended = session.execute(select(*columns).where(*well)).one()
    return (ended - began).total_seconds() if began and ended and done == WORKERS else None


def _serial_section(server: Dovecot, count: int) -> float:
    """Microseconds a message that a run keeps others waiting: from the lock to the end of the commit, and while it
    takes numbers for its tickets.
    """
    _deliver(server, count, seed=1)
    with _timed() as laps:
        taken = [fetch_account(number, FetchOptions("bench")) for number in range(1, WORKERS + 1)]
    if any(result.error for result in taken):
        raise RuntimeError(str(taken))
    return sum(laps) / (WORKERS * count) * 1_000_000


@contextmanager
def _timed() -> Iterator[list[float]]:
    """The seconds of each time that the lock, or the counter's row, was held meanwhile."""
    laps: list[float] = []
    began: dict[int, float] = {}
    dialect: Any = db.engine.dialect
    commit = dialect.do_commit

    def counting(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(COUNTING):
            connection.info["counting"] = time.perf_counter()

    def locked(connection: Connection, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if statement.startswith(COUNTING) and id(connection.connection.dbapi_connection) not in began:
            laps.append(time.perf_counter() - connection.info["counting"])
        key = parameters.get("key") if isinstance(parameters, Mapping) else None
        if key == SERIAL_LOCK and "pg_advisory_xact_lock" in statement:
            began[id(connection.connection.dbapi_connection)] = time.perf_counter()

    def committed(dbapi_connection: Any) -> None:
        commit(dbapi_connection)
        started = began.pop(id(getattr(dbapi_connection, "dbapi_connection", dbapi_connection)), None)
        if started is not None:
            laps.append(time.perf_counter() - started)

    event.listen(db.engine, "before_cursor_execute", counting)
    event.listen(db.engine, "after_cursor_execute", locked)
    dialect.do_commit = committed
    try:
        yield laps
    finally:
        dialect.do_commit = commit
        event.remove(db.engine, "after_cursor_execute", locked)
        event.remove(db.engine, "before_cursor_execute", counting)
