"""Rows that are added by the fast way are those that SQLAlchemy would have added, to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster.bulk import insert_rows, table_of
from postmaster.database import dialect_of, transaction
from postmaster.desk.models import RawMail, Ticket
from postmaster.extensions import Json, Model, now
from postmaster.ledger.models import Deletion, InboundMail
from postmaster.outbox.emit import NewEvent, emit
from postmaster.outbox.models import Event, EventType
from postmaster.pipeline.outcome import Outcome

MOMENT = datetime(2026, 11, 25, 12, 30, 15, 123456, UTC)
ELSEWHERE = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))
WORDS = 'Grüße — 😀 "quoted" \\N \\ \t\r\n, NULL {} \''
DEEP: Json = {"a": [1, 2.5, None, True, {"ü": WORDS}], "": [], "nul": "\0", "half": "\ud83d"}

MAIL = {
    "label": "x", "sender": WORDS, "sender_name": "", "recipients": ["a@b", WORDS], "subject": "", "message_id": "",
    "mailbox_id": None, "run_id": None, "identity": "1", "occurrence": 0, "sha256": bytes(range(256))[:32], "size": 0,
    "outcome": Outcome.NEW, "reason": "r", "trace": [DEEP], "verdict": None, "ticket_id": None, "recorded_at": MOMENT,
    "waited": None, "deletion": Deletion.NONE, "deleted_at": None,
}  # fmt: skip
TICKET = {
    "number": "1", "title": WORDS, "queue_id": 1, "sender_name": "", "sender_address": "", "created_at": MOMENT,
    "changed_at": ELSEWHERE, "priority": "3 normal", "state": "new", "type": "Unclassified", "service": None,
    "sla": None, "lock": "unlock", "owner": None, "responsible": WORDS, "customer_id": None, "customer_user": "",
    "pending_time": None, "dynamic_fields": {},
}  # fmt: skip
EVENT = {
    "key": "k", "type": EventType.TICKET_CREATED, "created_at": ELSEWHERE, "ticket_id": 2**62, "article_id": None,
    "inbound_id": 0, "account_id": None, "queue_id": 1, "data": DEEP,
}  # fmt: skip

ROWS: list[tuple[type[Model], list[Json]]] = [
    (InboundMail, [
        MAIL,
        MAIL | {"outcome": Outcome.IGNORED, "verdict": DEEP, "recipients": [], "waited": 9, "deleted_at": MOMENT},
        MAIL | {"verdict": {}, "recorded_at": ELSEWHERE, "sha256": b"", "size": 2**31 - 1, "trace": []},
    ]),
    (Ticket, [TICKET, TICKET | {"number": "2", "pending_time": ELSEWHERE, "dynamic_fields": DEEP, "service": ""}]),
    (Event, [EVENT, EVENT | {"type": EventType.MAIL_IGNORED, "ticket_id": None, "data": {}}]),
    (RawMail, [
        {"size": 1, "encoding": "zstd", "data": bytes(range(256)) * 300},
        {"size": 0, "encoding": "", "data": b""},
    ]),
]  # fmt: skip

Add = Callable[[Session, type[Model], Sequence[Json]], Any]


@pytest.fixture(autouse=True)
def ready(app: Flask) -> Iterator[Flask]:
    """The app in its context."""
    with app.app_context():
        yield app


def plainly(session: Session, model: type[Model], rows: Sequence[Json]) -> None:
    """Add rows one by one, by SQLAlchemy's own INSERT."""
    for row in rows:
        session.execute(insert(table_of(model)), row)


def by_event(session: Session, _model: type[Model], rows: Sequence[Json]) -> None:
    """Add events as whatever happens does."""
    names = asdict(NewEvent(EventType.MAIL_IGNORED)).keys()
    emit(session, [NewEvent(**{name: row[name] for name in names}) for row in rows])


def kept(how: Add, model: type[Model], rows: Sequence[Json], without: Sequence[str] = ("id",)) -> list[Any]:
    """What the database itself says of rows that are added by ``how``, but for some columns; they are gone after it."""
    table = table_of(model)
    names = [column.name for column in table.columns if column.name not in without]
    with transaction() as session:
        how(session, model, rows)
    with transaction() as session:
        form = 'CAST("{0}" AS text)' if dialect_of(session) == "postgresql" else 'typeof("{0}"), quote("{0}")'
        columns = ", ".join(form.format(name) for name in names)
        found = session.execute(text(f"SELECT {columns} FROM {table.name} ORDER BY id")).all()
        session.execute(table.delete())
    return list(found)


@pytest.mark.parametrize(("model", "rows"), ROWS, ids=[model.__tablename__ for model, _ in ROWS])
def test_rows_added_in_bulk_are_those_that_are_added_one_by_one(model: type[Model], rows: list[Json]) -> None:
    found = kept(insert_rows, model, rows)
    assert len(found) == len(rows)
    assert found == kept(plainly, model, rows)


def test_events_are_those_that_are_added_one_by_one() -> None:
    rows = next(rows for model, rows in ROWS if model is Event)
    own = ("id", "key", "created_at")
    found = kept(by_event, Event, rows, own)
    assert len(found) == len(rows)
    assert found == kept(plainly, Event, rows, own)


def test_an_event_is_counted_from_the_moment_and_has_a_key_of_its_own() -> None:
    with transaction() as session:
        before = int(now().timestamp() * 1_000_000)
        emit(session, [NewEvent(EventType.MAIL_IGNORED)] * 3)
    with transaction() as session:
        rows = session.execute(text("SELECT id, key FROM event ORDER BY id")).all()
    first = rows[0].id
    assert [row.id - first for row in rows] == [0, 1, 2]
    assert before <= first <= int(now().timestamp() * 1_000_000)
    assert {len(row.key) for row in rows} == {32}
    assert len({row.key for row in rows}) == 3


def outcome_of(how: Add, model: type[Model], row: Json) -> str:
    """What becomes of a row that is added by ``how``, and taken back: the kind of what is raised, if it is refused."""
    try:
        with transaction() as session:
            how(session, model, [row])
            session.rollback()
    except (DBAPIError, ValueError, OverflowError) as error:
        return type(error).__name__
    return "taken"


@pytest.mark.parametrize(
    ("column", "value"),
    [("title", "\0"), ("title", "\ud83d"), ("queue_id", 2**70), ("title", None), ("number", "1" * 31)],
    ids=["a NUL", "half a letter", "a number that is too large", "nothing", "a text that is too long"],
)
def test_what_is_refused_of_one_row_is_refused_of_many(column: str, value: Any) -> None:
    found = {outcome_of(how, Ticket, TICKET | {column: value}) != "taken" for how in (insert_rows, plainly)}
    assert len(found) == 1
