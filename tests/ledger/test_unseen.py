"""What is removed, counted or deleted on PostgreSQL while mail is recorded that nobody can see yet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from threading import Event as Signal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from postmaster.database import read_session, transaction
from postmaster.desk.models import Ticket
from postmaster.desk.ticket_stream import TicketRange
from postmaster.extensions import Json, now
from postmaster.ledger import export_rows
from postmaster.ledger import record as recording
from postmaster.ledger.export import export_pieces
from postmaster.ledger.quarantine_list import QuarantineFilter, newest_quarantined
from postmaster.operations import retention
from tests.ledger.at_once import SECONDS, at_once, before_certain, outcomes, put_aside, somebody_waits, waiting
from tests.ledger.test_ahead import answer, articles_each, named, refuse, take, take_in_turn
from tests.servers.ports import wait_until

pytestmark = pytest.mark.database("postgresql")


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    """The app's context."""
    with app.app_context():
        yield


def age_tickets() -> None:
    """Let nothing have been changed for long."""
    with transaction() as session:
        session.execute(update(Ticket).values(changed_at=now() - timedelta(days=40)))


def test_an_old_ticket_that_gets_mail_at_that_moment_is_not_removed(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(named("root"), named("other"))
    age_tickets()
    written = Signal()

    def remove() -> retention.Removed:
        written.wait(SECONDS)
        return retention.erase_older_than(30, "ada")

    def have_it_removed() -> None:
        written.set()
        somebody_waits()

    before_certain(monkeypatch, have_it_removed)
    found, removed = at_once(app, lambda: outcomes(answer("q", "root")), remove)
    assert found == ["follow-up"]
    assert (removed.tickets, removed.articles) == (1, 1)
    assert articles_each() == [2]


@pytest.mark.parametrize("way", ["ahead", "in_turn"])
def test_mail_whose_ticket_is_removed_before_it_is_added_opens_another(
    app: Flask, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "in_turn":
        monkeypatch.setattr(recording, "_record_ahead", refuse)
    take(named("root"))
    age_tickets()
    file, left = recording._file, [1]

    def later(*args: Any, **options: Any) -> Any:
        if left:
            left.pop()
            at_once(app, lambda: retention.erase_older_than(30, "ada"))
        return file(*args, **options)

    monkeypatch.setattr(recording, "_file", later)
    assert outcomes(answer("q", "root")) == ["new"]
    assert articles_each() == [1]


def test_nothing_comes_to_quarantine_below_what_somebody_has_seen(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """He would delete it with the others, without having seen it."""
    seen: list[tuple[int, Sequence[int]]] = []
    written = Signal()

    def look() -> None:
        written.set()
        wait_until(lambda: bool(newest()) or waiting() > 0, "another batch that is recorded, or waits")
        with read_session() as session:
            seen.append((newest(), QuarantineFilter().ids(session)))

    def other() -> None:
        written.wait(SECONDS)
        put_aside("q", named("p"))

    before_certain(monkeypatch, look)
    at_once(app, lambda: put_aside("o", named("n")), other)
    with read_session() as session:
        [(last, known)] = seen
        assert QuarantineFilter(newest=last).ids(session) == known
        assert len(QuarantineFilter().ids(session)) == 2


def newest() -> int:
    with read_session() as session:
        return newest_quarantined(session)


def test_an_export_has_as_many_articles_as_it_says_though_mail_is_recorded(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches are committed in the other order than their articles got their ids."""
    take(named("one"), named("two"))
    written, counted, committed = Signal(), Signal(), Signal()
    attachments = export_rows._attachments

    def overtaken() -> None:
        take_in_turn(app, answer("q", "two"))
        written.set()
        counted.wait(SECONDS)

    def later(*args: Any) -> Any:
        counted.set()
        committed.wait(SECONDS)
        return attachments(*args)

    def add() -> None:
        take(answer("p", "one"))
        committed.set()

    def export() -> list[Json]:
        written.wait(SECONDS)
        with read_session() as session:
            return [json.loads(line) for line in b"".join(export_pieces(session, TicketRange(), "jsonl")).splitlines()]

    before_certain(monkeypatch, overtaken)
    monkeypatch.setattr(export_rows, "_attachments", later)
    _, rows = at_once(app, add, export)
    follow = Counter(row["ticket"] for row in rows if row["kind"] == "article")
    assert {row["number"]: row["articles"] for row in rows if row["kind"] == "ticket"} == follow
    assert sorted(follow.values()) == [1, 2]
    assert articles_each() == [2, 2]
