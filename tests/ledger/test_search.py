"""Where is my mail: the ledger searched by what people know of a message, on both databases."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, text

from bench.ledger import fill
from bench.search import searches
from postmaster.database import read_session
from postmaster.extensions import db
from postmaster.ledger import search
from postmaster.ledger.search import MailFilter, find_mail, stream_mail
from postmaster.resources.listing import PAGE_SIZE
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail
from tests.turns import as_many

DATABASES = ("sqlite", "postgresql")

EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}

MOMENT = datetime(2026, 11, 23, 9, tzinfo=UTC)

# Each is recorded a day after the one before; the label is how the tests call it.
MAIL = {
    "ada": 'From: "Ada Lovelace" <Ada@Mail.Example.net>\nTo: Orders <orders@shop.example>\n'
    "Subject: Your order-4711 is LATE\nMessage-ID: <x1.$y@mail.example.net>\n\nHello",
    "bob": "From: bob@example.org\nTo: support@shop.example, ada@mail.example.net\nSubject: late again\n\nHello",
    "blind": "From: carol@example.org\nDelivered-To: secret@shop.example\nSubject: nobody sees to whom\n\nHello",
    "odd": "From: =?x-unknown?B?w7Y=?= <dave@example.org>\nSubject: =?x-unknown?Q?caf=E9?= closed\n\nHello",
    "tokyo": "From: 山田 <yamada@example.jp>\nSubject: 注文番号の確認\n\nHello",
    "empty": "",
}

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an address": ({"sender": "ada@mail.example.net"}, ["ada"]),
    "an address in other case and brackets": ({"sender": "<ADA@mail.example.NET>"}, ["ada"]),
    "a domain": ({"sender": "mail.example.net"}, ["ada"]),
    "the domain above": ({"sender": "@example.net"}, ["ada"]),
    "not the topmost domain": ({"sender": "net"}, []),
    "a local part": ({"sender": "bob"}, ["bob"]),
    "a name": ({"sender": "lovelace ada"}, ["ada"]),
    "not a part of a word": ({"sender": "love"}, []),
    "a recipient, not a sender": ({"recipient": "ada@mail.example.net"}, ["bob"]),
    "every recipient of a domain": ({"recipient": "shop.example"}, ["blind", "bob", "ada"]),
    "a recipient that only the server knew": ({"recipient": "secret@shop.example"}, ["blind"]),
    "words of a subject in any order and case": ({"subject": "late Your"}, ["ada"]),
    "a part of a compound": ({"subject": "4711"}, ["ada"]),
    "a compound": ({"subject": "order-4711"}, ["ada"]),
    "a compound that is another one": ({"subject": "order-4712"}, []),
    "a Message-ID with brackets": ({"message_id": "<x1.$y@mail.example.net>"}, ["ada"]),
    "a Message-ID without": ({"message_id": "x1.$y@mail.example.net"}, ["ada"]),
    "what cannot be decoded, by what can": ({"subject": "closed", "sender": "dave@example.org"}, ["odd"]),
    "characters of a script without blanks": ({"subject": "番号"}, ["tokyo"]),
    "a name in another script": ({"sender": "山田"}, ["tokyo"]),
    "free text in the sender": ({"text": "lovelace"}, ["ada"]),
    "free text in sender or recipient": ({"text": "ada@mail.example.net"}, ["bob", "ada"]),
    "free text in subject and sender": ({"text": "late example.org"}, ["bob"]),
    "free text that is a Message-ID": ({"text": "<x1.$y@mail.example.net>"}, ["ada"]),
    "an account": ({"account": "PIPE", "text": "late"}, ["bob", "ada"]),
    "another account": ({"account": "orders@imap.example"}, []),
    "an outcome": ({"outcome": "new", "subject": "late"}, ["bob", "ada"]),
    "another outcome": ({"outcome": "ignored"}, []),
    "from a moment on": ({"since": MOMENT + timedelta(days=1), "text": "late"}, ["bob"]),
    "until a moment": ({"until": MOMENT + timedelta(days=1), "text": "late"}, ["ada"]),
    "a stretch of time": ({"since": MOMENT + timedelta(days=2), "until": MOMENT + timedelta(days=3)}, ["blind"]),
    "a time in which nothing came": ({"since": MOMENT + timedelta(days=100)}, []),
    "nothing in particular": ({}, ["empty", "tokyo", "odd", "blind", "bob", "ada"]),
    "blanks": ({"text": "  ", "sender": " "}, ["empty", "tokyo", "odd", "blind", "bob", "ada"]),
    "a ticket": ({"ticket": "2026112500001"}, ["blind"]),
    "a ticket with its hook": ({"ticket": "[Ticket#2026112500001]"}, ["blind"]),
    "a ticket that there is not": ({"ticket": "2026112500009"}, []),
    "a ticket in words": ({"ticket": "none"}, []),
    "free text that is a ticket": ({"text": "2026112500001"}, ["blind"]),
    "free text that is a ticket with its hook": ({"text": "Ticket#2026112300001 late"}, ["ada"]),
    "a ticket of another sender": ({"text": "2026112500001", "sender": "ada"}, []),
    "mere punctuation": ({"sender": "<>"}, []),
    "NUL and half a surrogate pair": ({"text": "\0 \udcff"}, []),
}


def test_mail_is_found_newest_first_by_what_people_know_of_it(app: Flask, desk: Desk) -> None:
    for days, raw in enumerate(MAIL.values()):
        with time_machine.travel(MOMENT + timedelta(days=days), tick=False):
            desk.ok("read", input=raw.encode())
    names = dict(enumerate(MAIL, 1))
    with app.app_context(), read_session() as session:
        found = {
            case: [names[trace.mail.id] for trace in find_mail(session, MailFilter(**wanted)).rows]
            for case, (wanted, _) in CASES.items()
        }
    assert found == {case: expected for case, (_, expected) in CASES.items()}


def test_all_is_found_page_by_page_each_once(app: Flask, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "STEP", PAGE_SIZE + 7)
    with app.app_context():
        fill(as_many(800, 2000))
        with read_session() as session:
            for wanted in (
                MailFilter(),
                MailFilter(subject="invoice"),
                MailFilter(sender="order.example", subject="late"),
            ):
                pages = [trace.mail.id for trace in stream_mail(session, wanted)]
                words = {*wanted.subject.split(), *wanted.sender.split()}
                fitting = [
                    trace.mail.id
                    for trace in stream_mail(session, MailFilter())
                    if words <= {*trace.mail.subject.split(), trace.mail.sender.partition("@")[2]}
                ]
                assert pages == fitting
                assert len(pages) > 0


def test_a_call_that_looked_at_enough_says_where_to_go_on(
    app: Flask, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "STEP", 100)
    monkeypatch.setattr(search, "COUNTED", 50)
    with app.app_context():
        fill(2000)
        with read_session() as session:
            page = find_mail(session, MailFilter(recipient="shop.example", subject="invoice order late parcel"))
            assert page.next == 2000 - 100 + 1
            assert page.reached is not None
            assert len(page.rows) < PAGE_SIZE


def test_each_search_goes_along_an_index(app: Flask, desk: Desk) -> None:
    with app.app_context():
        fill(4000)
        with db.engine.connect() as connection:
            connection.execute(text("ANALYZE"))
            connection.commit()
        for each in searches(4000):
            asked = statements_of(each.wanted)
            assert 0 < len(asked) < 10
            with db.engine.connect() as connection:
                for statement, parameters in asked:
                    plan = "\n".join(
                        map(str, connection.exec_driver_sql(EXPLAIN[db.engine.dialect.name] + statement, parameters))
                    )
                    assert not re.search(r"(SCAN|Seq Scan on) (inbound_mail|mail_term)", plan), (each.name, plan)


def statements_of(wanted: MailFilter) -> list[tuple[str, Any]]:
    """The statements of a search, with their parameters."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        with read_session() as session:
            find_mail(session, wanted)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return asked


def test_mail_in_quarantine_is_found_by_the_lines_of_its_header(
    desk: Desk, mailbox: TestMailbox, broken_reader: pytest.MonkeyPatch
) -> None:
    mailbox.deliver(mail("broken =?x"), b"From \xff <odd@example.net>\r\nSubject: \xff\xfe strange\0\r\n\r\n")
    desk.account(mailbox, queue="Misc", dispatching="queue")
    desk.fetch()
    found = {row["subject"]: row for row in desk.ok("mail", "find", "--outcome", "quarantined", "--json").json_lines}
    assert len(found) == 2
    [row] = desk.ok("mail", "find", "--sender", "ada@example.net", "--recipient", "example.org", "--json").json_lines
    assert (row["subject"], row["outcome"], row["reason"]) == ("broken =?x", "quarantined", "unreadable")
    assert desk.ok("mail", "find", "strange", "--json").json_lines[0]["quarantine"]


def test_all_mail_of_a_ticket_is_found_by_its_number_and_mail_that_names_it_too(desk: Desk) -> None:
    first = desk.ok("read", "--json", input=mail("first")).json
    number = first["ticket"]
    desk.ok("read", input=mail("answer", headers=[f"References: <{first['message']['message_id']}>"]))
    desk.ok("read", input=mail(f"[Ticket#{number}] spoofed", sender="mallory@example.com"))
    for words, subjects in (
        ([number], [f"[Ticket#{number}] spoofed", "answer", "first"]),
        (["--ticket", number], ["answer", "first"]),
    ):
        assert [row["subject"] for row in desk.ok("mail", "find", *words, "--json").json_lines] == subjects


def test_a_release_from_quarantine_is_found_under_its_new_outcome(
    desk: Desk, mailbox: TestMailbox, broken_reader: pytest.MonkeyPatch
) -> None:
    mailbox.deliver(mail("=?utf-8?q?caf=C3=A9?="))
    desk.account(mailbox)
    desk.fetch()
    [row] = desk.ok("mail", "find", "--outcome", "quarantined", "--json").json_lines
    broken_reader.undo()
    desk.ok("quarantine", "retry", row["quarantine"])
    assert desk.ok("mail", "find", "--outcome", "quarantined", "--json").json_lines == []
    [row] = desk.ok("mail", "find", "--outcome", "new", "--subject", "café", "--json").json_lines
    assert row["ticket"] == desk.tickets()[0]["number"]


def test_mail_of_an_account_is_found_by_its_label_and_by_its_id_also_when_it_is_gone(
    desk: Desk, mailbox: TestMailbox
) -> None:
    mailbox.deliver(mail("one"))
    number = desk.account(mailbox)
    label = desk.fetch_one()["account"]
    desk.ok("read", input=mail("two"))
    desk.ok("account", "delete", number, "--yes")
    for name in (label, number):
        assert [row["subject"] for row in desk.ok("mail", "find", "--account", name, "--json").json_lines] == ["one"]
