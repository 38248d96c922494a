"""Several who do something at once on PostgreSQL, each in a thread, so that all of them wait for conditions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.desk.models import Ticket
from postmaster.extensions import db
from postmaster.ledger.ahead import Foreseen
from postmaster.ledger.record import record
from tests.ledger.test_ahead import ORIGIN, arrivals, named, take
from tests.servers.ports import wait_until

SECONDS = 60

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
_END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
)


def at_once(app: Flask, *works: Callable[[], Any]) -> list[Any]:
    """What ``works`` return that are done by a thread each; if they wait for ever, their connections are cut."""

    def done(work: Callable[[], Any]) -> Any:
        with app.app_context():
            return work()

    with ThreadPoolExecutor(len(works)) as pool:
        pending = [pool.submit(done, work) for work in works]
        try:
            return [each.result(SECONDS) for each in pending]
        except TimeoutError:
            with db.engine.connect() as connection:
                connection.exec_driver_sql(_END_ALL)
            raise


def waiting() -> int:
    """How many transactions wait for a lock."""
    with read_session() as session:
        return session.scalars(_WAITING).one()


def somebody_waits() -> None:
    """Returns when a transaction waits for a lock."""
    wait_until(lambda: waiting() > 0, "a transaction that waits")


def before_certain(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have ``act`` done once, when a batch has written its rows and nobody can see them."""
    make_certain, left = Foreseen.make_certain, [act]

    def later(foreseen: Foreseen, session: Session) -> None:
        if left:
            left.pop()()
        make_certain(foreseen, session)

    monkeypatch.setattr(Foreseen, "make_certain", later)


def outcomes(*raws: bytes) -> list[str]:
    return [row.outcome.value for row in take(*raws)]


def put_aside(name: str, *others: bytes) -> None:
    """Record a message that cannot be read, and others behind it."""
    unreadable = replace(arrivals([named(name)])[0], message=None, flaw="not today")
    record([unreadable, *arrivals(others)], ORIGIN, lambda _session: None)


def numbers_of_all() -> list[str]:
    with read_session() as session:
        return list(session.scalars(select(Ticket.number).order_by(Ticket.id)))
