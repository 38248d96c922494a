"""Deciding ahead of one's turn, where several record at once: what comes of it is what comes of waiting for it."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from postmaster import create_app
from postmaster.accounts.models import Trust
from postmaster.config import load_environment
from postmaster.database import read_session
from postmaster.desk.models import Article, Ticket
from postmaster.desk.tickets import claim_numbers
from postmaster.extensions import UtcDateTime, all_tables
from postmaster.ledger import ahead
from postmaster.ledger import record as recording
from postmaster.ledger.ahead import Foreseen, OvertakenError
from postmaster.ledger.entries import Origin, Recorded
from postmaster.ledger.record import record
from postmaster.outbox.models import Event
from postmaster.pipeline.arrival import Arrival, read_arrival
from postmaster.pipeline.decision import Decision, Rules
from tests.conftest import used
from tests.results import runner_of
from tests.servers.postgres import Postgres
from tests.support import Desk, mail

ORIGIN = Origin(Rules(Trust.YES), label="test", time_zone=ZoneInfo("UTC"))

UNFLUSHED = "SELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn()"
SIZE = 100_000

# Not the same in two databases: moments, and what an event is called outside.
UNLIKE = {("event", "id"), ("event", "key"), ("session", "key")}


@pytest.fixture
def new_app(tmp_path: Path, postgres: Postgres) -> Callable[[], Flask]:
    """Makes an app on a PostgreSQL database of its own."""
    numbers = itertools.count(1)

    def make() -> Flask:
        folder = tmp_path / str(next(numbers))
        return create_app(
            load_environment({"POSTMASTER_DATA_DIR": str(folder), "POSTMASTER_DATABASE_URL": postgres.copy_database()})
        )

    return make


@pytest.fixture
def app(new_app: Callable[[], Flask]) -> Iterator[Flask]:
    """The app on PostgreSQL."""
    for each in used(prepared(new_app())):
        with each.app_context():
            yield each


def prepared(app: Flask) -> Flask:
    """``app``, where a sender may open three tickets an hour, and a closed ticket is followed by another one."""
    desk = Desk(runner_of(app))
    desk.ok("setting", "set", "TicketsPerSenderHour", "3")
    desk.ok("queue", "set", "Raw", "--follow-up", "new-ticket")
    return app


def take(*raws: bytes) -> list[Recorded]:
    """Record messages in one batch."""
    return record(arrivals(raws), ORIGIN, lambda _session: None)


def arrivals(raws: Sequence[bytes]) -> list[Arrival]:
    digests = (hashlib.sha256(raw).digest() for raw in raws)
    return [read_arrival(raw, sha256, sha256.hex(), 0) for raw, sha256 in zip(raws, digests, strict=True)]


def named(name: str, *headers: str, **options: Any) -> bytes:
    """A message with that Message-ID."""
    raw = mail(name, **{"sender": f"{name}@example.net", **options}, headers=headers)
    own = next(line for line in raw.split(b"\r\n") if line.startswith(b"Message-ID"))
    return raw.replace(own, f"Message-ID: <{name}@example.net>".encode())


def answer(name: str, to: str, *headers: str, **options: Any) -> bytes:
    return named(name, f"In-Reply-To: <{to}@example.net>", *headers, **options)


def conversation() -> list[list[bytes]]:
    """Batches in which there is a bit of everything that depends on what came before."""
    return [
        [named("a"), answer("b", "a"), answer("early", "late"), named("closed", "X-OTRS-State: closed successful")],
        [answer("c", "b"), named("late"), answer("d", "closed"), answer("e", "closed"), named("a", to="x@example.org")],
        [named(f"storm{number}", sender="storm@example.net") for number in range(5)],
        [named("n", "X-OTRS-Ignore: yes"), named("z", "X-OTRS-State: open", body="\0"), b"", answer("f", "storm1")],
        [answer("g", "a", "X-OTRS-FollowUp-State: closed successful"), answer("h", "g")],
    ]


def stored(app: Flask) -> dict[str, list[str]]:
    """All rows of all tables, but for what cannot be the same twice."""
    found = {}
    with app.app_context(), read_session() as session:
        for table in all_tables().sorted_tables:
            columns = [
                column
                for column in table.columns
                if not isinstance(column.type, UtcDateTime) and (table.name, column.name) not in UNLIKE
            ]
            found[table.name] = sorted(map(repr, session.execute(select(*columns)))) if columns else []
    return found


def recorded(app: Flask, batches: Sequence[Sequence[bytes]]) -> list[tuple[str, str, str | None]]:
    """Have an app record them; returns what became of each message."""
    with app.app_context():
        done = [row for batch in batches for row in take(*batch)]
    return [(row.outcome.value, row.reason, row.ticket) for row in done]


def refuse(*_args: object) -> list[Recorded]:
    """Stands in for the way that is not to be gone."""
    raise OvertakenError("not this way")


def test_it_makes_the_very_rows_that_waiting_makes(
    new_app: Callable[[], Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle: each batch in its turn, as an embedded database does it anyway."""
    batches = conversation()
    ahead_of_it, in_turn = prepared(new_app()), prepared(new_app())
    with monkeypatch.context() as patch:
        patch.setattr(recording, "_record_in_turn", refuse)
        found = recorded(ahead_of_it, batches)
    monkeypatch.setattr(recording, "_record_ahead", refuse)
    assert recorded(in_turn, batches) == found
    assert {outcome for outcome, _, _ in found} == {"new", "follow-up", "quarantined", "ignored"}
    assert stored(ahead_of_it) == stored(in_turn)


def overtaken_by(app: Flask, monkeypatch: pytest.MonkeyPatch, other: bytes) -> list[str]:
    """Have ``other`` recorded by somebody else before the next batch gets its turn; returns what was noticed."""
    noticed: list[str] = []
    waiting = [other]
    make_certain = Foreseen.make_certain

    def later(foreseen: Foreseen, session: Session) -> None:
        if waiting:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(take_in_turn, app, waiting.pop()).result(60)
        try:
            make_certain(foreseen, session)
        except OvertakenError as error:
            noticed.append(str(error))
            raise

    monkeypatch.setattr(Foreseen, "make_certain", later)
    return noticed


def take_in_turn(app: Flask, raw: bytes) -> None:
    """Record a message as somebody who waits."""
    with app.app_context():
        batch, _ = recording._prepared(arrivals([raw]), ORIGIN)
        recording._record_in_turn(batch, lambda _session: None)


@pytest.mark.parametrize(
    ("before", "other", "ours", "tickets"),
    [
        pytest.param([named("o", "X-OTRS-State: closed successful")], answer("p", "o"), answer("q", "o"), [1, 2],
                     id="both follow a closed ticket"),
        pytest.param([named("o")], answer("p", "o"), answer("q", "o"), [3], id="both add to a ticket"),
        pytest.param([], named("p"), answer("q", "p"), [2], id="the message that is answered"),
        pytest.param([], answer("p", "q"), named("q"), [2], id="the answer that came first"),
        pytest.param([named(f"s{number}", sender="s@example.net") for number in range(2)],
                     named("p", sender="s@example.net"), named("q", sender="s@example.net"), [1, 1, 1],
                     id="the last ticket that a sender may open"),
    ],
)  # fmt: skip
def test_mail_that_came_in_between_counts_as_if_it_had_been_waited_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch, before: list[bytes], other: bytes, ours: bytes, tickets: list[int]
) -> None:
    take(*before)
    noticed = overtaken_by(app, monkeypatch, other)
    take(ours)
    assert len(noticed) == 1
    assert articles_each() == tickets


def test_mail_that_has_nothing_to_do_with_ours_does_not_disturb_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    take(named("o"))
    noticed = overtaken_by(app, monkeypatch, named("p", sender="o@example.net"))
    take(answer("q", "o"), named("r", sender="o@example.net"))
    assert not noticed
    assert articles_each() == [2, 1, 1]


def test_numbers_have_no_gap_when_somebody_was_faster(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    take(named("o"))
    noticed = overtaken_by(app, monkeypatch, answer("p", "o"))
    take(answer("q", "o"), named("r"), named("s"))
    take(named("t"))
    assert noticed
    assert counters() == [1, 2, 3, 4]


def test_a_number_that_somebody_else_takes_at_that_moment_is_not_given_out_twice(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims: list[bool] = []

    def claim(*args: Any) -> bool:
        if not claims:
            take_in_turn(app, named("other"))
        claims.append(claim_numbers(*args))
        return claims[-1]

    monkeypatch.setattr(ahead, "claim_numbers", claim)
    [first, second] = take(named("o"), answer("p", "o"))
    assert claims == [False, True]
    assert first.ticket == second.ticket
    assert second.decision is not None
    assert first.ticket in str(second.decision.trace)
    assert counters() == [1, 2]


def test_whatever_the_database_minds_is_done_again_in_turn(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL ends one of two transactions that wait for each other."""

    def deadlock(_foreseen: Foreseen, _session: Session) -> None:
        raise OperationalError("", None, Exception("deadlock detected"))

    monkeypatch.setattr(Foreseen, "make_certain", deadlock)
    assert [row.outcome.value for row in take(named("o"), answer("p", "o"))] == ["new", "follow-up"]
    assert articles_each() == [2]


def test_what_others_may_be_writing_is_refused_for_the_message_that_the_database_minds(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent together with all the rest, so it is minded only when all of it is through."""
    take(named("o"))
    noticed: list[str] = []
    settle = recording.settle_decisions

    def minded(session: Session, decisions: Sequence[Decision], moment: datetime) -> None:
        settle(session, decisions, moment)
        if any(decision.message.message_id == "p@example.net" for decision in decisions):
            noticed.append("p")
            session.connection().execute(text("INSERT INTO thread_key (key, ticket_id, own) VALUES ('k', 0, true)"))

    monkeypatch.setattr(recording, "settle_decisions", minded)
    done = take(answer("p", "o"), answer("q", "o"), named("r"))
    assert noticed == ["p"] * 4, "ahead and in turn, with the others and alone"
    assert [(row.outcome.value, row.reason) for row in done] == [
        ("quarantined", "unstorable"),
        ("follow-up", "follow-up-by-reference"),
        ("new", "dispatched-to-default"),
    ]
    assert articles_each() == [2, 1]


def test_a_batch_is_recorded_once_whose_second_connection_breaks_after_the_commit(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[int] = []
    settle = recording._settle

    def settled(session: Session, *rest: Any) -> None:
        settle(session, *rest)
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        broken.extend(session.scalars(text(f"{others} pg_backend_pid() AND query LIKE '%count%sender%'")))

    monkeypatch.setattr(recording, "_settle", settled)
    assert [row.outcome.value for row in take(named("o"), answer("p", "o"))] == ["new", "follow-up"]
    assert broken == [True]
    monkeypatch.undo()
    assert [row.outcome.value for row in take(answer("q", "o"), named("r"))] == ["follow-up", "new"]
    assert articles_each() == [3, 1]


def test_the_disk_is_waited_for_before_others_are_kept_waiting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bool] = []
    lock = ahead.lock_deciding

    def locked(session: Session) -> None:
        with read_session() as other:
            flushed.append(other.scalars(text(UNFLUSHED)).one() < SIZE // 5)
        lock(session)

    monkeypatch.setattr(ahead, "lock_deciding", locked)
    take(named("o", body=random.Random(1).randbytes(SIZE).hex()))
    assert flushed == [True]


def test_many_at_once_keep_conversations_together_and_events_in_order(app: Flask) -> None:
    """Each of four threads records in batches what belongs to conversations that all of them share."""
    Desk(runner_of(app)).ok("setting", "set", "TicketsPerSenderHour", "1000")
    take(*(named(f"root{number}") for number in range(4)))

    def deliver(writer: int) -> None:
        with app.app_context():
            for step in range(5):
                own = [named(f"own{writer}.{step}.{number}") for number in range(5)]
                answers = [answer(f"w{writer}.{step}.{root}", f"root{root}") for root in range(4)]
                take(*own, *answers, answer(f"again{writer}.{step}", f"own{writer}.{step}.0"))

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(deliver, writer) for writer in range(4)]:
            each.result(120)
    assert Counter(articles_each()) == {21: 4, 1: 80, 2: 20}
    with read_session() as session:
        told = session.scalars(select(Event.article_id).order_by(Event.ticket_id, Event.id)).all()
        kept = session.scalars(select(Article.id).order_by(Article.ticket_id, Article.id)).all()
    assert list(filter(None, told)) == list(kept)
    assert len(set(counters())) == 104


def articles_each() -> list[int]:
    """How many articles each ticket has, the oldest first."""
    with read_session() as session:
        counts = select(func.count()).select_from(Article).group_by(Article.ticket_id).order_by(Article.ticket_id)
        return list(session.scalars(counts))


def counters() -> list[int]:
    """The counters of the tickets' numbers."""
    with read_session() as session:
        return sorted(int(number[8:]) for number in session.scalars(select(Ticket.number)))
