"""Recording on PostgreSQL while others hold what it needs: nobody waits for ever, and no message is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Event as Signal
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster.database import read_session, transaction
from postmaster.desk.models import Ticket, TicketCounter
from postmaster.desk.ticket_service import TicketService
from postmaster.errors import MailError
from postmaster.extensions import Model, db, now
from postmaster.fetching.pending import mark_deleted
from postmaster.ledger import ahead, apply, quarantine
from postmaster.ledger import record as recording
from postmaster.ledger.ahead import Foreseen
from postmaster.ledger.merging import merge_tickets
from postmaster.ledger.models import Quarantine
from postmaster.ledger.record import record
from postmaster.pipeline.candidate_tickets import CandidateTicket
from tests.ledger.at_once import SECONDS, at_once, before_certain, numbers_of_all, outcomes, put_aside, somebody_waits
from tests.ledger.test_ahead import ORIGIN, answer, arrivals, articles_each, named, refuse, take

pytestmark = pytest.mark.database("postgresql")


@pytest.fixture(autouse=True)
def context(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The app's context; who waits beside a batch soon has enough of it."""
    monkeypatch.setattr(ahead, "PATIENCE", "100ms")
    with app.app_context():
        yield


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is decided ahead."""
    monkeypatch.setattr(recording, "_record_ahead", refuse)


@pytest.fixture
def never_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided ahead must do."""
    monkeypatch.setattr(recording, "_record_in_turn", lambda *_: pytest.fail("it was decided about again"))


def assert_all_are_patient() -> None:
    """No connection of the pool has kept a limit of how long it waits."""
    connections = [db.engine.connect() for _ in range(max(1, db.engine.pool.checkedin()))]
    assert {each.exec_driver_sql("SHOW lock_timeout").scalar_one() for each in connections} == {"0"}
    for each in connections:
        each.close()


def test_a_message_released_while_the_next_batch_says_that_it_is_deleted(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_aside("held", named("root"))
    with read_session() as session:
        held = session.scalars(select(Quarantine)).one()
    has_counter, has_row, enter = Signal(), Signal(), quarantine._enter

    def later(*args: Any) -> None:
        has_counter.set()
        has_row.wait(SECONDS)
        enter(*args)

    def begin(session: Session) -> None:
        mark_deleted(session, [held.inbound_id])
        has_row.set()
        has_counter.wait(SECONDS)

    def release() -> list[quarantine.Handled]:
        return list(quarantine.handle([held.id], lambda session, row: quarantine.deliver(session, row, "Raw", "ada")))

    monkeypatch.setattr(quarantine, "_enter", later)
    [[handled], rows] = at_once(app, release, lambda: record(arrivals([named("next")]), ORIGIN, begin))
    assert handled.error is None
    assert [row.outcome.value for row in rows] == ["new"]
    assert articles_each() == [1, 1, 1]
    assert_all_are_patient()


@pytest.mark.parametrize("table", ["ticket", "thread_key"])
def test_a_table_that_somebody_wants_for_himself_while_a_batch_is_recorded(
    app: Flask, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    take(named("root"))
    written = Signal()

    def have_it_wanted() -> None:
        written.set()
        somebody_waits()

    def want() -> None:
        written.wait(SECONDS)
        with db.engine.begin() as connection:
            connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

    before_certain(monkeypatch, have_it_wanted)
    found, _ = at_once(app, lambda: outcomes(answer("q", "root"), named("other")), want)
    assert found == ["follow-up", "new"]
    assert articles_each() == [2, 1]
    assert_all_are_patient()


def test_a_connection_beside_the_batch_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    make_certain = Foreseen.make_certain

    def cut(foreseen: Foreseen, session: Session) -> None:
        session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid_of(foreseen)})
        make_certain(foreseen, session)

    def pid_of(foreseen: Foreseen) -> int:
        return int(foreseen._side.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    monkeypatch.setattr(Foreseen, "make_certain", cut)
    assert outcomes(named("root"), answer("q", "root")) == ["new", "follow-up"]
    assert_all_are_patient()


def test_a_ticket_is_merged_while_mail_is_added_to_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    take(named("main"), named("same"))
    main, same = numbers_of_all()

    def merge() -> None:
        with transaction() as session:
            merge_tickets(session, [same], main, "ada")

    before_certain(monkeypatch, lambda: at_once(app, merge)[0])
    [row] = take(answer("q", "same"))
    assert (row.outcome.value, row.ticket) == ("follow-up", main)
    assert articles_each() == [3]


def backwards(tickets: set[CandidateTicket]) -> Any:
    """``tickets`` in an order that a set may have by chance."""
    return sorted(tickets, key=lambda ticket: -(ticket.id or 0))


@pytest.mark.usefixtures("never_in_turn")
def test_tickets_are_changed_in_one_order_by_mail_and_by_people(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"root{number}" for number in range(8)]
    take(*map(named, names))
    first, *others = numbers_of_all()
    mine, change_rows = Signal(), apply._change
    monkeypatch.setattr(apply, "_change", lambda session, found, moment: change_rows(session, backwards(found), moment))

    def change() -> None:
        with transaction() as session:
            service = TicketService(session, "ada")
            service.find([first])
            mine.set()
            somebody_waits()
            service.change(others, state="open")

    def add() -> list[str]:
        mine.wait(SECONDS)
        return outcomes(*(answer(f"to {name}", name) for name in reversed(names)))

    _, found = at_once(app, change, add)
    assert found == ["follow-up"] * 8


@pytest.mark.usefixtures("in_turn")
def test_a_batch_that_is_ended_for_waiting_in_a_circle_is_recorded_once_more(app: Flask) -> None:
    take(named("one"), named("two"))
    has_one, has_two, begun = Signal(), Signal(), []

    def lock(session: Session, name: str, patience: str) -> None:
        session.execute(text(f"SET LOCAL deadlock_timeout = '{patience}'"))
        wanted = Ticket.sender_address == f"{name}@example.net"
        session.scalars(select(Ticket.id).where(wanted).with_for_update()).one()

    def begin(session: Session) -> None:
        lock(session, "one", "10ms")
        begun.append(1)
        has_one.set()
        if len(begun) == 1:
            somebody_waits()

    def other() -> None:
        with transaction() as session:
            lock(session, "two", "1min")
            has_two.set()
            has_one.wait(SECONDS)
            lock(session, "one", "1min")

    def add() -> str:
        has_two.wait(SECONDS)
        return record(arrivals([answer("q", "two")]), ORIGIN, begin)[0].outcome.value

    assert at_once(app, other, add) == [None, "follow-up"]
    assert len(begun) == 2


@pytest.mark.usefixtures("in_turn")
def test_the_counter_is_held_of_the_day_that_numbers_are_taken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes over midnight whenever it is looked at."""
    days = iter(range(100))
    monkeypatch.setattr(recording, "now", lambda: now() + timedelta(days=next(days)))
    take(named("root"))
    with read_session() as session:
        assert session.scalar(select(func.count()).select_from(TicketCounter)) == 1


@pytest.mark.usefixtures("app")
def test_a_pool_that_has_no_connection_left_for_the_side(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = db.engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.05)
    monkeypatch.setattr(pool, "_max_overflow", 0)
    held = [db.engine.connect() for _ in range(19)]
    try:
        assert outcomes(named("root"), answer("q", "root")) == ["new", "follow-up"]
    finally:
        for each in held:
            each.close()


def test_a_batch_whose_commit_got_no_answer_is_not_recorded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dialect: Any = db.engine.dialect
    commit, broken = dialect.do_commit, []

    def break_off(connection: Any) -> None:
        commit(connection)
        if not broken and counted(Ticket):
            broken.append(1)
            connection.dbapi_connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dialect, "do_commit", break_off)
    with pytest.raises(MailError) as caught:
        record(arrivals([named("one"), named("two")]), ORIGIN, lambda _session: None)
    assert caught.value.code == "database-away"
    assert broken
    assert counted(Ticket) == 2


def test_messages_of_the_quarantine_are_handled_once_more_after_a_deadlock() -> None:
    circles = [DBAPIError("UPDATE", None, psycopg.errors.DeadlockDetected())]

    def act(_session: Session, _row: Quarantine) -> str:
        if circles:
            raise circles.pop()
        return "done"

    put_aside("root")
    with read_session() as session:
        number = session.scalars(select(Quarantine.id)).one()
    assert [each.done for each in quarantine.handle([number], act)] == ["done"]


def counted(table: type[Model]) -> int:
    """How many rows of ``table`` others see."""
    with db.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0
