"""``flask import otrs --conversations``: answers to tickets of the other system are follow-ups from the first hour."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from postmaster.desk.models import ThreadKey, Ticket
from postmaster.desk.tickets import ticket_number
from postmaster.extensions import db, now
from tests.results import Run
from tests.servers.flask_process import FlaskProcesses
from tests.servers.ports import wait_until
from tests.support import Desk, mail
from tests.web.conftest import client, lead  # noqa: F401 - fixtures

STAMP = "%Y-%m-%d %H:%M:%S"

LISTS = {
    "queue": [{"id": 1, "name": "Postmaster"}, {"id": 9, "name": "Gone::Away"}],
    "ticket_state": [
        {"id": 2, "name": "closed successful", "type_id": 3},
        {"id": 4, "name": "open", "type_id": 2},
        {"id": 9, "name": "merged", "type_id": 7},
        {"id": 20, "name": "warten", "type_id": 4},
    ],
    "ticket_state_type": [
        {"id": 2, "name": "open"},
        {"id": 3, "name": "closed"},
        {"id": 4, "name": "pending reminder"},
    ],
    "ticket_priority": [{"id": 4, "name": "4 high"}],
    "ticket_lock_type": [{"id": 1, "name": "unlock"}, {"id": 2, "name": "lock"}],
    "users": [{"id": 7, "login": "grace"}],
}


def days_ago(days: float) -> str:
    """A moment as the other system has it."""
    return (now() - timedelta(days=days)).strftime(STAMP)


def ticket(number: int, tn: str, **columns: object) -> dict[str, object]:
    """A row of the table ticket."""
    row = {"id": number, "tn": tn, "title": f"Case {number}", "queue_id": 1, "ticket_state_id": 4}
    times = {"create_time": days_ago(200), "change_time": days_ago(100)}
    return {**row, "ticket_priority_id": 4, "ticket_lock_id": 1, "customer_id": "ACME", **times, **columns}


def dump(*tickets: dict[str, object], **tables: object) -> str:
    """A dump of these tickets, each with the mail of a customer and the answer to it."""
    numbers = [int(str(row["id"])) for row in tickets]
    mails = [(number, 10 * number + place, place) for number in numbers for place in (1, 3)]
    articles = [
        {"id": at, "ticket_id": number, "article_sender_type_id": 3 if place == 1 else 1} for number, at, place in mails
    ]
    mime = [
        {"article_id": at, "a_message_id": f"<{at}@old.example>", "a_from": f"Ann <ann{number}@example.net>"}
        for number, at, _ in mails
    ]
    return json.dumps({**LISTS, "ticket": tickets, "article": articles, "article_data_mime": mime, **tables})


def take(run: Run, data: str, *options: str, code: int = 0) -> Any:
    """Take the conversations of ``data``; returns the report."""
    result = run("import", "otrs", "--conversations", "-", "--json", *options, input=data)
    assert result.exit_code == code, result.stderr or result.stdout
    return result.json


def answer(desk: Desk, subject: str, *headers: str, sender: str = "ann1@example.net") -> Any:
    """What becomes of a message."""
    return desk.ok("read", "--json", input=mail(subject, sender=sender, headers=headers)).json


def everything(app: Flask) -> list[Any]:
    """All tickets and keys of threads."""
    with app.app_context():
        columns = [column for column in Ticket.__table__.columns if column.name != "id"]
        numbers = select(ThreadKey.key, Ticket.number).join(Ticket, Ticket.id == ThreadKey.ticket_id)
        tickets = db.session.execute(select(*columns).order_by(Ticket.number)).all()
        return [tuple(row) for row in (*tickets, *db.session.execute(numbers.order_by(ThreadKey.key, Ticket.number)))]


def test_answers_find_tickets_by_number_and_by_what_they_answer(app: Flask, run: Run, desk: Desk) -> None:
    report = take(run, dump(ticket(1, "2026010110000017"), ticket(2, "1000123", user_id=7, ticket_lock_id=2)))
    assert (report["created"], report["message_ids"], report["left_out"]) == (2, 4, 0)
    by_number = answer(desk, "Re: [Ticket#2026010110000017] Case 1")
    by_reference = answer(desk, "Re: something", "In-Reply-To: <23@old.example>", sender="bob@example.net")
    assert (by_number["outcome"], by_number["ticket"]) == ("follow-up", "2026010110000017")
    assert (by_reference["outcome"], by_reference["ticket"]) == ("follow-up", "1000123")
    with app.app_context():
        second = db.session.scalars(select(Ticket).where(Ticket.number == "1000123")).one()
        found = {name: getattr(second, name) for name in ("title", "state", "priority", "owner", "lock", "customer_id")}
    assert (second.queue.name, second.sender_address) == ("Postmaster", "ann2@example.net")
    expected = {"title": "Case 2", "state": "open", "priority": "4 high", "owner": "grace", "lock": "lock"}
    assert found == {**expected, "customer_id": "ACME"}


def test_a_number_counts_from_its_customer_and_from_no_stranger(run: Run, desk: Desk) -> None:
    take(run, dump(ticket(1, "1000001")))
    assert answer(desk, "[Ticket#1000001]", sender="mallory@example.net")["outcome"] == "new"
    assert answer(desk, "[Ticket#1000001]", sender="Ann <ANN1@example.net>")["outcome"] == "follow-up"


def test_an_answer_to_a_closed_ticket_reopens_it(run: Run, desk: Desk) -> None:
    take(run, dump(ticket(1, "1000001", ticket_state_id=2, change_time=days_ago(3))))
    assert answer(desk, "Re: x", "References: <11@old.example>")["ticket"] == "1000001"
    assert [row["state"] for row in desk.tickets()] == ["open"]


@pytest.mark.parametrize(
    ("options", "created"), [((), 2), (("--closed-within", "10"), 1), (("--closed-within", "0"), 1)]
)
def test_what_is_closed_for_long_is_passed_over(run: Run, desk: Desk, options: tuple[str, ...], created: int) -> None:
    closed = ticket(2, "1000002", ticket_state_id=2, change_time=days_ago(60))
    old = ticket(3, "1000003", ticket_state_id=2, change_time=days_ago(400))
    report = take(run, dump(ticket(1, "1000001"), closed, old), *options)
    assert (report["created"], report["passed_over"]) == (created, 3 - created)


def test_a_second_run_changes_nothing_and_a_dry_run_nothing_at_all(app: Flask, run: Run, desk: Desk) -> None:
    data = dump(ticket(1, "1000001"), ticket(2, "1000002"))
    assert take(run, data, "--dry-run")["created"] == 2
    assert everything(app) == []
    take(run, data)
    before = everything(app)
    again = take(run, data)
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, 2)
    assert everything(app) == before


def test_a_ticket_follows_a_newer_dump_until_something_is_done_with_it_here(run: Run, desk: Desk) -> None:
    take(run, dump(ticket(1, "1000001"), ticket(2, "1000002")))
    assert answer(desk, "[Ticket#1000001] more")["ticket"] == "1000001"
    later = {"ticket_state_id": 2, "change_time": days_ago(1)}
    report = take(run, dump(ticket(1, "1000001", **later), ticket(2, "1000002", **later)))
    assert (report["changed"], report["unchanged"]) == (1, 1)
    assert {row["number"]: row["state"] for row in desk.tickets()} == {
        "1000001": "open",
        "1000002": "closed successful",
    }


def test_numbers_of_both_systems_never_meet(app: Flask, run: Run, desk: Desk) -> None:
    today = datetime.now(UTC).date()
    own = answer(desk, "opened here", sender="one@example.net")["ticket"]
    taken = [ticket_number(today, value) for value in (2, 3)]
    report = take(run, dump(ticket(1, taken[0]), ticket(2, taken[1]), ticket(3, own)), code=1)
    [left] = report["lines"]
    assert (left["what"], left["code"]) == (f"ticket {own}", "number-taken")
    later = [answer(desk, f"new {place}", sender=f"{place}@example.net")["ticket"] for place in range(3)]
    assert later == [ticket_number(today, value) for value in (4, 5, 6)]
    with app.app_context():
        assert db.session.scalar(select(func.count(Ticket.id))) == len({own, *taken, *later})


def test_what_is_not_here_is_said_and_no_ticket_is_lost(run: Run, desk: Desk) -> None:
    report = take(run, dump(ticket(1, "1000001", queue_id=9, ticket_state_id=20)), code=1)
    assert report["created"] == 1
    assert report["notes"] == [
        "The state “warten” is not in Ticket::States: its tickets are “pending reminder”.",
        "The queue “Gone::Away” is not here: its tickets are in “Raw”.",
    ]
    assert [(row["queue"], row["state"]) for row in desk.tickets()] == [("Raw", "pending reminder")]


@pytest.mark.parametrize("tn", ["", "9" * 31, "1000001"])
def test_a_number_that_cannot_be_one_is_left_out(run: Run, desk: Desk, tn: str) -> None:
    report = take(run, dump(ticket(1, "1000001"), ticket(2, tn)), code=1)
    assert [(line["code"], line["line"]) for line in report["lines"]] == [("bad-number", 2)]


def test_a_merged_ticket_leads_to_where_it_went(run: Run, desk: Desk) -> None:
    tickets = (ticket(1, "1000001"), ticket(2, "1000002", ticket_state_id=9, change_time=days_ago(1)))
    history = [{"name": "%%1000002%%2%%1000001%%1"}, {"name": "%%Close%%"}]
    take(run, dump(*tickets, ticket_history=history))
    assert answer(desk, "[Ticket#1000002] once more", sender="ann2@example.net")["ticket"] == "1000001"


def test_older_systems_have_the_message_id_in_the_article(run: Run, desk: Desk) -> None:
    articles = [
        {
            "id": 5,
            "ticket_id": 1,
            "article_sender_type_id": 3,
            "a_message_id": "<old@x.example>",
            "a_from": "a@b.example",
        }
    ]
    take(run, dump(ticket(1, "1000001"), article=articles, article_data_mime=[]))
    assert answer(desk, "Re: x", "In-Reply-To: <old@x.example>")["ticket"] == "1000001"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (json.dumps(LISTS), "holds no rows of the table ticket"),
        (json.dumps({"ticket": [ticket(1, "1000001")]}), "does not say what the ids of queue mean"),
        ("INSERT INTO ticket (id, tn) VALUES (1,'1", "ends in the middle"),
    ],
)
def test_a_dump_that_cannot_be_used_says_so(run: Run, desk: Desk, data: str, sentence: str) -> None:
    result = run("import", "otrs", "--conversations", "-", input=data)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert desk.tickets() == []


def test_mail_with_an_unknown_number_goes_where_the_setting_says(run: Run, desk: Desk) -> None:
    take(run, dump(ticket(1, "1000001")))
    desk.ok("setting", "set", "UnknownTicketNumberQueue", "Misc")
    assert answer(desk, "[Ticket#7654321] lost")["queue"] == "Misc"
    assert answer(desk, "[Ticket#1000001] from a stranger", sender="x@example.net")["queue"] == "Raw"
    assert answer(desk, "no number")["queue"] == "Raw"
    assert run("setting", "set", "UnknownTicketNumberQueue", "Nowhere").exit_code == 2
    desk.ok("queue", "set", "Misc", "--name", "Elsewhere")
    assert run("setting", "get", "UnknownTicketNumberQueue").stdout == "Elsewhere\n"
    desk.ok("setting", "set", "UnknownTicketNumberQueue", "")
    assert answer(desk, "[Ticket#7654322] lost")["queue"] == "Raw"


def test_killed_in_the_middle_and_run_again_gives_the_same(
    app: Flask,
    run: Run,
    desk: Desk,
    environ: dict[str, str],
    flask_process: FlaskProcesses,
) -> None:
    data = dump(*(ticket(number, str(1_000_000 + number)) for number in range(1, 10_001)))
    words = ("import", "otrs", "--conversations", "-")
    with flask_process.begin(environ, *words, stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(data.encode())
        process.stdin.close()
        wait_until(lambda: _count(app) >= 2_000, "a batch is stored", seconds=120)
        os.kill(process.pid, signal.SIGKILL)
    reached = _count(app)
    assert reached in (2_000, 4_000, 6_000, 8_000)
    report = take(run, data)
    assert (report["created"], report["unchanged"]) == (10_000 - reached, reached)
    assert _count(app) == 10_000
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(ThreadKey)) == 20_000


def _count(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count(Ticket.id))) or 0


def test_the_page_of_such_a_ticket_says_where_its_earlier_mail_is(
    run: Run,
    desk: Desk,
    lead: FlaskClient,  # noqa: F811
) -> None:
    take(run, dump(ticket(1, "1000001")))
    own = answer(desk, "opened here")["ticket"]
    assert "its earlier mail is there" in lead.get("/tickets/1000001").text
    assert "its earlier mail is there" not in lead.get(f"/tickets/{own}").text
    answer(desk, "[Ticket#1000001] more")
    assert "its earlier mail is there" in lead.get("/tickets/1000001").text


FIELDS = {
    "dynamic_field": [
        {"id": 1, "name": "Incident", "object_type": "Ticket"},
        {"id": 2, "name": "Incident", "object_type": "Article"},
        {"id": 3, "name": "ProcessManagementProcessID", "object_type": "Ticket", "internal_field": 1},
        {"id": 4, "name": "Teams", "object_type": "Ticket"},
    ],
    "dynamic_field_value": [
        {"field_id": 1, "object_id": 1, "value_text": "INC-17"},
        {"field_id": 2, "object_id": 1, "value_text": "of an article"},
        {"field_id": 3, "object_id": 1, "value_text": "Process-1"},
        {"field_id": 4, "object_id": 2, "value_text": "red"},
        {"field_id": 4, "object_id": 2, "value_text": "blue"},
    ],
}


def suppliers(desk: Desk) -> None:
    """A desk whose filter finds tickets by the number of a supplier."""
    desk.ok("setting", "set", "Ticket::DynamicFields", "Incident; Teams")
    words = ("--match", r"Subject=(INC-\d+)", "--follow-up-field", "Incident")
    desk.ok("filter", "add", "--name", "supplier", *words)


def test_a_number_of_another_system_finds_the_ticket_that_has_it_in_a_field(app: Flask, run: Run, desk: Desk) -> None:
    suppliers(desk)
    data = dump(ticket(1, "1000001"), ticket(2, "1000002"), **FIELDS)
    take(run, data)
    found = answer(desk, "about inc-17", sender="noc@supplier.example")
    assert (found["outcome"], found["ticket"]) == ("follow-up", "1000001")
    assert run("ticket", "show", "1000002", "--json").json["dynamic_fields"] == {"Teams": "red, blue"}
    before = everything(app)
    assert take(run, data)["unchanged"] == 2
    assert everything(app) == before


def test_a_field_follows_a_newer_dump_and_so_does_what_finds_the_ticket(run: Run, desk: Desk) -> None:
    suppliers(desk)
    take(run, dump(ticket(1, "1000001"), **FIELDS))
    newer = [{"field_id": 1, "object_id": 1, "value_text": "INC-18"}]
    assert take(run, dump(ticket(1, "1000001"), **{**FIELDS, "dynamic_field_value": newer}))["changed"] == 1
    assert answer(desk, "INC-18", sender="noc@supplier.example")["ticket"] == "1000001"
    assert answer(desk, "INC-17", sender="noc@supplier.example")["outcome"] == "new"


def test_a_field_that_is_not_listed_here_and_a_dump_without_fields_are_said(run: Run, desk: Desk) -> None:
    report = take(run, dump(ticket(1, "1000001"), **FIELDS), code=1)
    assert report["notes"] == [
        "The dynamic field “Incident” is not in Ticket::DynamicFields: tickets come without it.",
    ]
    suppliers(desk)
    report = take(run, dump(ticket(1, "1000001")), code=1)
    [note] = report["notes"]
    assert note.startswith("Filters find tickets by Incident, and no ticket of the dump has a dynamic field")
