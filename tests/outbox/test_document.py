"""An event as other programs get it: the number of queries is fixed, and what was erased is not in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event, select

from postmaster.database import read_session
from postmaster.extensions import db
from postmaster.ledger.event_document import event_document
from postmaster.outbox.models import Event
from postmaster.outbox.reading import events_after
from tests.outbox.conftest import Reader
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail, mails

PART = (
    "--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--b\r\nContent-Type: application/pdf\r\n"
    "Content-Disposition: attachment; filename=bill.pdf\r\n\r\nPDF\r\n--b--"
)
MULTIPART = ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"]


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are carried out meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield statements
    event.remove(db.engine, "before_cursor_execute", note)


def test_many_events_take_as_many_queries_as_a_few(app: Flask, desk: Desk, mailbox: TestMailbox) -> None:
    desk.account(mailbox)
    mailbox.deliver(*mails(40, body=PART.format(text="hello"), headers=MULTIPART))
    desk.fetch()
    desk.ok("ticket", "set", *[row["number"] for row in desk.tickets()], "--state", "open")
    desk.account(mailbox, port=1, folder="Elsewhere")
    desk.run("fetch")
    counts = []
    with app.app_context():
        for number in (1, 2, 81):
            with read_session() as session, counted() as statements:
                events = events_after(session, 0, number) if number != 2 else events_after(session, 0, 100)[-2:]
                assert len(event_document(session, events)) == number
            counts.append(len(statements))
    assert counts[0] <= counts[2] <= 7


def test_attachments_lead_to_where_the_api_has_them(desk: Desk, reader: Reader) -> None:
    desk.ok("read", input=mail("a bill", body=PART.format(text="see there"), headers=MULTIPART))
    [told] = reader.new()
    [attachment] = told["data"]["article"]["attachments"]
    assert (attachment["filename"], attachment["content_type"], attachment["inline"]) == (
        "bill.pdf",
        "application/pdf",
        False,
    )
    assert attachment["link"] == f"/api/v1/attachments/{attachment['id']}"
    assert told["data"]["article"]["text"] == "see there"


def test_a_long_text_is_cut_and_its_length_is_told(desk: Desk, reader: Reader) -> None:
    desk.ok("read", input=mail("long", size=100_000))
    [told] = reader.new()
    article = told["data"]["article"]
    assert len(article["text"]) == 20_000 < article["text_length"]


def test_nothing_of_a_person_stays_once_it_is_erased(app: Flask, desk: Desk, reader: Reader) -> None:
    desk.ok("setting", "set", "Ticket::DynamicFields", "Order")
    headers = [
        "X-OTRS-FollowUp-Title: the secret of eve",
        "X-OTRS-FollowUp-CustomerUser: eve-login",
        "X-OTRS-FollowUp-CustomerNo: eve-company",
        "X-OTRS-FollowUp-DynamicField-Order: eve-order",
    ]
    first = desk.ok("read", "--json", input=mail("secret one", sender="Eve <eve@example.net>")).json
    answer = [f"In-Reply-To: <{first['message']['message_id']}>", *headers]
    desk.ok("read", "--trusted", input=mail("secret two", sender="Eve <eve@example.net>", headers=answer))
    desk.ok("read", "--trusted", input=mail("secret", sender="eve@example.net", headers=["X-OTRS-Ignore: yes"]))
    before = reader.new()
    assert before[-2]["data"]["changes"]["customer_user"] == [None, "eve-login"]
    desk.ok("erase", "--sender", "eve@example.net", "--yes")
    reader.after = 0
    after = reader.new()
    assert [told["type"] for told in after] == [told["type"] for told in before]
    with app.app_context(), read_session() as session:
        kept = [
            [getattr(row, column.name) for column in Event.__table__.columns] for row in session.scalars(select(Event))
        ]
    for text in (json.dumps(after), repr(kept)):
        assert [word for word in ("eve@", "eve-", "Eve ", "secret", "company") if word in text] == []
    assert after[0]["data"]["ticket"] is None


@pytest.mark.parametrize(
    ("options", "types"),
    [
        ((), ["ticket.created", "ticket.created", "ticket.changed"]),
        (("--type", "ticket.changed"), ["ticket.changed"]),
        (("--queue", "Misc"), ["ticket.changed"]),
        (("--queue", "Misc", "--queue", "raw"), ["ticket.created", "ticket.created", "ticket.changed"]),
        (("--limit", 2), ["ticket.created", "ticket.created"]),
        (("--queue", "Junk", "--wait", 1), []),
    ],
)
def test_the_list_has_what_is_wanted(desk: Desk, reader: Reader, options: tuple[object, ...], types: list[str]) -> None:
    for subject in ("one", "two"):
        desk.ok("read", input=mail(subject))
    desk.ok("ticket", "set", desk.tickets()[0]["number"], "--queue", "Misc")
    assert [told["type"] for told in reader.new(*options)] == types


def test_the_table_says_what_happened_in_words(desk: Desk) -> None:
    number = desk.ok("read", "--json", input=mail("hello")).json["ticket"]
    desk.ok("read", "--trusted", input=mail("spam", headers=["X-OTRS-Ignore: yes"]))
    desk.ok("ticket", "set", number, "--queue", "Misc")
    lines = desk.ok("event", "list").stdout.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["ticket.created", "mail.ignored", "ticket.changed"]
    assert (number in lines[1], "message 2" in lines[2], "queue: Raw → Misc" in lines[3]) == (True, True, True)
