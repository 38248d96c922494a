"""Ids are in the order of commits, on either database: whoever reads on after the last one misses none."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import Trust
from postmaster.database import read_session, transaction
from postmaster.desk.models import Article
from postmaster.desk.ticket_service import TicketService
from postmaster.extensions import db
from postmaster.fetching.pipe import pipe_rules, take_from_pipe
from postmaster.outbox.emit import NewEvent, emit
from postmaster.outbox.models import Event, EventType
from postmaster.outbox.reading import events_after, newest_id, page_after, wait_for_events
from tests.servers.ports import wait_until
from tests.support import Desk, mail, mails
from tests.turns import as_many

WRITERS, EACH = 6, as_many(6, 12)


@pytest.fixture(autouse=True)
def context(app: Flask, desk: Desk) -> Iterator[None]:
    """The app's context, with its tables."""
    assert desk
    with app.app_context():
        yield


def of(number: int) -> NewEvent:
    """An event that can be told from others."""
    return NewEvent(EventType.MAIL_IGNORED, inbound_id=number)


def written() -> list[int | None]:
    """What ``of`` was told of each event, in their order."""
    with read_session() as session:
        return [event.inbound_id for event in events_after(session, 0, 10_000)]


def test_a_reader_among_writers_that_lock_whatever_there_is_misses_no_event(app: Flask, desk: Desk) -> None:
    numbers = [desk.ok("read", "--json", input=message).json["ticket"] for message in mails(4)]
    done = threading.Event()

    def write(writer: int) -> None:
        with app.app_context():
            for step in range(EACH):
                if writer % 2:
                    name = f"w{writer}.{step}@example.net"
                    take_from_pipe(mail(f"mail {writer} {step}", sender=name), pipe_rules(None, Trust.NO))
                else:
                    with transaction() as session:
                        chosen = numbers if step % 2 else numbers[::-1]
                        TicketService(session, "test").change(chosen, state=("open", "new")[step % 2])

    def read() -> list[int]:
        seen: list[int] = []
        with app.app_context():
            while True:
                last = done.is_set()
                with read_session() as session:
                    page = page_after(session, seen[-1] if seen else 0, 50)
                seen += [event.id for event in page.events]
                if last and not page.events:
                    return seen

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(read)
        try:
            for writer in [pool.submit(write, number) for number in range(WRITERS)]:
                writer.result(120)
        finally:
            done.set()
        seen = reader.result(60)
    with read_session() as session:
        stored = list(session.scalars(select(Event).order_by(Event.id)))
        articles = list(session.scalars(select(Article.id).order_by(Article.id)))
    assert seen == [event.id for event in stored]
    assert Counter(event.article_id for event in stored if event.article_id) == Counter(articles)
    assert len({event.key for event in stored}) == len(stored)


def test_an_event_is_not_seen_before_one_that_was_begun_earlier_and_is_committed_later(app: Flask) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with app.app_context(), transaction() as session:
            emit(session, [of(1)])
            begun.set()
            go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow)
        try:
            assert begun.wait(30)
            if db.engine.dialect.name == "postgresql":  # SQLite has one writer
                with transaction() as session:
                    emit(session, [of(2)])
                assert written() == [2]
        finally:
            go_on.set()
        first.result(30)
    assert written()[-1] == 1


def test_what_is_taken_back_is_not_told(app: Flask) -> None:
    with transaction() as session:
        emit(session, [of(1)])
        for number in (2, 3):
            savepoint = session.begin_nested()
            emit(session, [of(number)])
            if number == 2:
                savepoint.rollback()
            else:
                savepoint.commit()
        emit(session, [of(4)])
    with Session(db.engine) as session:
        for end in (session.rollback, session.close, session.commit):
            newest_id(session)
            if end != session.commit:
                emit(session, [of(5)])
            end()
    assert written() == [1, 3, 4]


def test_ids_go_on_from_those_that_a_backup_does_not_know_of(app: Flask) -> None:
    for number in (1, 2):
        with transaction() as session:
            emit(session, [of(number)])
    with read_session() as session:
        known, lost = (event.id for event in events_after(session, 0, 10))
    with transaction() as session:  # the restored database knows nothing of the second
        session.execute(delete(Event).where(Event.id > known))
        emit(session, [of(3)])
    with read_session() as session:
        assert [event.inbound_id for event in events_after(session, lost, 10)] == [3]


def test_ids_count_on_while_the_clock_goes_back(app: Flask) -> None:
    for number, days in enumerate((0, -3, -1)):
        with time_machine.travel(datetime.now(UTC) + timedelta(days=days)), transaction() as session:
            emit(session, [of(number), of(number + 10)])
    assert written() == [0, 10, 1, 11, 2, 12]


def test_what_is_not_wanted_is_looked_through_once(app: Flask) -> None:
    with transaction() as session:
        emit(session, [of(1), NewEvent(EventType.TICKET_CHANGED, queue_id=3), of(2)])
    with read_session() as session:
        newest = newest_id(session)
        changed = page_after(session, 0, 10, types=[EventType.TICKET_CHANGED])
        assert ([event.queue_id for event in changed.events], changed.after) == ([3], newest)
        of_queue = page_after(session, 0, 1, queues=[3])
        assert (len(of_queue.events), of_queue.after) == (1, newest - 1)
        assert (list(page_after(session, newest + 5, 10).events), page_after(session, newest + 5, 10).after) == (
            [],
            newest + 5,
        )


def test_whoever_waits_is_answered_as_soon_as_there_is_something_wanted(app: Flask) -> None:
    types = [EventType.TICKET_CHANGED]

    def wait() -> bool:
        with app.app_context():
            return wait_for_events(0, 30, types)

    with transaction() as session:
        emit(session, [of(1)])
    assert not wait_for_events(0, 0.1, types)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(wait)
        wait_until(answer.running, "a waiter")
        with transaction() as session:
            emit(session, [NewEvent(EventType.TICKET_CHANGED)])
        assert answer.result(10)


def test_no_more_wait_than_may(app: Flask) -> None:
    from postmaster.outbox import reading

    taken = [reading._waiters.acquire(blocking=False) for _ in range(reading.MAX_WAITERS)]
    try:
        assert all(taken)
        assert not wait_for_events(0, 3600)
    finally:
        for _ in taken:
            reading._waiters.release()
