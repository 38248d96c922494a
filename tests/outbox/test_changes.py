"""What is told of tickets that somebody changes, by a page or by a command."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.outbox.conftest import Reader
from tests.support import Desk, mail
from tests.web.conftest import add, signed_in


def opened(desk: Desk, subject: str = "hello", *headers: str, **options: Any) -> str:
    """Open a ticket through the pipe; returns its number."""
    read = desk.ok("read", "--json", "--trusted", input=mail(subject, headers=headers, **options))
    return str(read.json["ticket"])


@pytest.fixture
def browser(app: Flask, desk: Desk) -> FlaskClient:
    """The browser of an admin."""
    assert desk
    add(app, "admin")
    return signed_in(app, "admin")


def test_a_command_that_changes_tickets_is_told_for_each_that_it_changes(desk: Desk, reader: Reader) -> None:
    one, two = opened(desk), opened(desk, "two", "X-OTRS-Queue: Misc")
    reader.new()
    desk.ok("ticket", "set", one, two, "--queue", "Misc", "--state", "closed successful")
    desk.ok("ticket", "set", one, two, "--queue", "Misc", "--state", "closed successful")
    assert [(event["data"]["ticket"]["number"], event["data"]["changes"]) for event in reader.new()] == [
        (one, {"queue": ["Raw", "Misc"], "state": ["new", "closed successful"]}),
        (two, {"state": ["new", "closed successful"]}),
    ]


def test_the_pending_time_that_ends_with_the_state_is_told(desk: Desk, reader: Reader) -> None:
    number = opened(
        desk, "later", "X-OTRS-State: pending reminder", "X-OTRS-State-PendingTime: 2027-01-02 10:00:00 +0000"
    )
    reader.new()
    desk.ok("ticket", "set", number, "--state", "open")
    [(_, changes)] = reader.told()
    assert changes == {"state": ["pending reminder", "open"], "pending_time": ["2027-01-02T10:00:00+00:00", None]}


def test_a_page_that_changes_tickets_is_told_like_the_command(desk: Desk, reader: Reader, browser: FlaskClient) -> None:
    one, two, three = (opened(desk, subject) for subject in ("one", "two", "three"))
    reader.new()
    send_to = {"ticket": one, "action": "move", "queue": "Misc"}
    change(browser, **send_to)
    change(browser, ticket=two, action="merge", into=three)
    desk.ok("address", "add", "--address", "desk@example.org", "--name", "Desk", "--queue", "Junk")
    change(browser, ticket=three, action="dispatch")
    assert reader.told() == [
        ("ticket.changed", {"queue": ["Raw", "Misc"]}),
        ("ticket.changed", {"state": ["new", "merged"], "merged_into": [None, three]}),
        ("ticket.changed", {"merged": [None, two]}),
        ("ticket.changed", {"queue": ["Raw", "Junk"]}),
    ]


def change(browser: FlaskClient, **fields: str) -> None:
    """Press a button above the list of tickets."""
    page = browser.get("/tickets").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    answer = browser.post("/tickets/change", data={**fields, "csrf_token": token[1]})
    assert answer.status_code == 303, answer.text


def test_a_merged_ticket_that_gets_another_state_is_told_to_be_merged_no_more(desk: Desk, reader: Reader) -> None:
    one, main = opened(desk, "one", "X-OTRS-Lock: lock"), opened(desk, "main")
    desk.ok("ticket", "merge", one, "--into", main)
    reader.new()
    desk.ok("ticket", "set", one, "--state", "open")
    assert reader.told() == [("ticket.changed", {"state": ["merged", "open"], "merged_into": [main, None]})]


def test_what_is_refused_for_one_ticket_is_told_of_none(desk: Desk, reader: Reader) -> None:
    one, two = opened(desk), opened(desk)
    desk.ok("ticket", "merge", one, "--into", two)
    reader.new()
    assert desk.run("ticket", "set", two, "20991231", "--state", "open").exit_code == 2
    assert desk.run("ticket", "merge", two, one, "--into", two).exit_code == 2
    assert reader.new() == []


def test_what_a_filter_changes_of_a_ticket_is_told(desk: Desk, reader: Reader) -> None:
    desk.ok("setting", "set", "Ticket::Owners", "ada; bob")
    desk.ok("setting", "set", "Ticket::DynamicFields", "Order")
    desk.ok(
        "filter", "add", "--name", "orders", "--match", "Subject=order (\\d+)",
        "--set", "X-OTRS-FollowUp-Owner=bob",
        "--set", "X-OTRS-FollowUp-DynamicField-Order=[***]",
        "--set", "X-OTRS-FollowUp-Title=Order [***] of Ada",
    )  # fmt: skip
    first = desk.ok("read", "--json", input=mail("hello")).json
    reader.new()
    desk.ok("read", input=mail("order 4711", headers=[f"In-Reply-To: <{first['message']['message_id']}>"]))
    [_, changed] = reader.new()
    assert changed["data"]["changes"] == {
        "owner": [None, "bob"],
        "dynamic_fields": [None, {"Order": "4711"}],
        "title": [None, "Order 4711 of Ada"],
    }
