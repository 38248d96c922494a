"""Queues by the command line."""

from __future__ import annotations

import pytest
from flask import Flask

from postmaster.database import transaction
from postmaster.desk.models import Queue, Ticket
from tests.cli.support import Admin, audit_log, options


def test_four_queues_are_there_from_the_start(admin: Admin) -> None:
    assert [row["name"] for row in admin.list("queue")] == ["Postmaster", "Raw", "Junk", "Misc"]


def test_a_shown_queue_has_the_option_names_as_keys(admin: Admin) -> None:
    admin.add_queue("Sales::Orders", follow_up="new-ticket", comment="Orders.")
    row = admin.show("queue", "Sales::Orders")
    assert row.pop("changed")
    assert row == {
        "id": 5, "label": "Sales::Orders", "name": "Sales::Orders", "follow_up": "new-ticket",
        "customer_of_forward": "forwarder", "number": None, "validity": "valid",
        "comment": "Orders.", "health": "healthy",
    }  # fmt: skip


REFUSED = {
    "no name": ({"name": ""}, "Name is missing"),
    "name twice": ({"name": "raw"}, "already the name of queue 2"),
    "number as name": ({"name": "7"}, "would be taken for an id"),
    "empty part": ({"name": "Sales::"}, "has an empty part"),
    "blank around a part": ({"name": "Sales :: Orders"}, "has an empty part"),
    "three colons": ({"name": "Sales:::Orders"}, "has an empty part"),
    "too long": ({"name": "x" * 201}, "Name has 201 characters"),
    "follow-up": ({"name": "Sales", "follow_up": "maybe"}, "Follow-up is “maybe”"),
}


@pytest.mark.parametrize(("fields", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_queue_is_refused(admin: Admin, fields: dict[str, object], sentence: str) -> None:
    result = admin.run("queue", "add", *options(fields))
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert len(admin.list("queue")) == 4


def test_sub_queues_follow_the_name_of_their_parent(admin: Admin) -> None:
    for name in ("A", "A::B", "A::B::C", "A::D::E", "AA::B"):
        admin.add_queue(name)
    assert admin.run("queue", "set", "A", "--name", "A::X").exit_code == 0
    names = [row["name"] for row in admin.list("queue")][4:]
    assert names == ["A::X", "A::X::B", "A::X::B::C", "A::X::D::E", "AA::B"]


def test_the_setting_follows_a_new_name_of_the_default_queue_and_says_so(admin: Admin) -> None:
    result = admin.run("queue", "set", "Raw", "--name", "Inbox")
    assert (result.exit_code, "PostmasterDefaultQueue is “Inbox”" in result.stderr) == (0, True)
    assert admin.run("setting", "get", "PostmasterDefaultQueue").stdout == "Inbox\n"


@pytest.mark.parametrize("validity", ["invalid", "invalid-temporarily"])
def test_the_default_queue_stays_valid(admin: Admin, validity: str) -> None:
    result = admin.run("queue", "set", "Raw", "--validity", validity)
    assert (result.exit_code, "default queue" in result.stderr) == (2, True)
    admin.run("setting", "set", "PostmasterDefaultQueue", "Misc")
    assert admin.run("queue", "set", "Raw", "--validity", validity).exit_code == 0


def test_a_queue_in_use_is_not_deleted_and_its_users_are_named(admin: Admin, app: Flask) -> None:
    admin.add_account(dispatching="queue", queue="Raw")
    admin.add_address("info@example.com", "Raw")
    with app.app_context(), transaction() as session:
        raw = session.get_one(Queue, 2)
        session.add(Ticket(number="1", title="", queue=raw, state="new", priority="3 normal", type="", lock="unlock"))
    words = admin.run("queue", "delete", "Raw", "--yes").stderr
    for user in ("account 1 (mail.example.com)", "address info@example.com", "1 ticket", "PostmasterDefaultQueue"):
        assert user in words
    assert admin.show("queue", "Raw")


def test_a_queue_that_nothing_uses_is_deleted(admin: Admin) -> None:
    assert admin.run("queue", "delete", "Junk", "--yes").exit_code == 0
    assert [row["name"] for row in admin.list("queue")] == ["Postmaster", "Raw", "Misc"]


def test_the_audit_log_names_a_queue_before_its_sub_queues(admin: Admin, app: Flask) -> None:
    for name in ("Sales", "Sales::Orders"):
        admin.add_queue(name)
    admin.run("queue", "set", "Sales", "--name", "Trade")
    with app.app_context():
        renamed = [event.detail["name"] for event in audit_log() if event.action == "set"]
    assert renamed == [["Sales", "Trade"], ["Sales::Orders", "Trade::Orders"]]
