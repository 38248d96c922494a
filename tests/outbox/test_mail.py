"""What is told of mail: in the transaction that records it, once, and in the order in which it came."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.cli.test_conversations import days_ago, dump, ticket
from tests.cli.test_conversations import take as take_over
from tests.outbox.conftest import Reader
from tests.results import Run
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail, refuse_title


def take(desk: Desk, subject: str, *headers: str, **options: Any) -> Any:
    """Take a message from the pipe; returns what became of it."""
    return desk.ok("read", "--json", "--trusted", input=mail(subject, headers=headers, **options)).json


def test_a_new_ticket_is_told_with_its_first_article_and_why_it_is_where_it_is(desk: Desk, reader: Reader) -> None:
    taken = take(desk, "the printer burns", body="Help!")
    [event] = reader.new()
    data = event["data"]
    assert event["type"] == "ticket.created"
    assert (data["ticket"]["number"], data["ticket"]["queue"], data["ticket"]["state"]) == (
        taken["ticket"],
        "Raw",
        "new",
    )
    assert (data["article"]["subject"], data["article"]["text"].strip()) == ("the printer burns", "Help!")
    assert data["article"]["from"]["address"] == "ada@example.net"
    assert data["decisions"] == taken["trace"]
    assert (data["mail"]["outcome"], data["mail"]["reason"]) == ("new", "dispatched-to-default")
    assert data["links"]["ticket"] == f"/api/v1/tickets/{taken['ticket']}"
    assert "changes" not in data


def test_a_follow_up_is_told_as_an_article_and_what_it_changes_of_the_ticket_after_it(
    desk: Desk, reader: Reader
) -> None:
    first = take(desk, "the printer burns")
    desk.ok("ticket", "set", first["ticket"], "--state", "closed successful")
    reader.new()
    take(
        desk, "Re: the printer burns", f"In-Reply-To: <{first['message']['message_id']}>", "X-OTRS-FollowUp-Queue: Misc"
    )
    added, changed = reader.new()
    assert (added["type"], added["data"]["article"]["subject"]) == ("article.added", "Re: the printer burns")
    assert (changed["type"], changed["data"]["article"]) == ("ticket.changed", None)
    assert changed["data"]["changes"] == {"queue": ["Raw", "Misc"], "state": ["closed successful", "open"]}
    assert {event["data"]["ticket"]["number"] for event in (added, changed)} == {first["ticket"]}


def test_a_rejected_follow_up_that_leaves_an_article_is_told(desk: Desk, reader: Reader) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", "reject")
    first = take(desk, "the printer burns")
    desk.ok("ticket", "set", first["ticket"], "--state", "closed successful")
    reader.new()
    taken = take(desk, "Re: the printer burns", f"In-Reply-To: <{first['message']['message_id']}>")
    assert taken["outcome"] == "rejected"
    assert reader.told() == [("article.added", None)]


def test_mail_that_is_ignored_is_told_with_why(desk: Desk, reader: Reader) -> None:
    take(desk, "spam", "X-OTRS-Ignore: yes")
    [event] = reader.new()
    assert (event["type"], event["data"]["ticket"], event["data"]["mail"]["reason"]) == (
        "mail.ignored",
        None,
        "ignored",
    )


def test_mail_that_is_held_is_told_and_so_is_what_becomes_of_it(
    desk: Desk, reader: Reader, broken_reader: pytest.MonkeyPatch
) -> None:
    for subject in ("one", "two", "three"):
        desk.run("read", input=mail(subject))
    broken_reader.undo()
    held = reader.new()
    assert [event["type"] for event in held] == ["mail.quarantined"] * 3
    assert [event["data"]["mail"]["reason"] for event in held] == ["unreadable"] * 3
    ids = [event["data"]["mail"]["quarantine"] for event in held]
    desk.ok("quarantine", "retry", ids[0])
    desk.ok("quarantine", "deliver", ids[1], "--queue", "Misc")
    desk.ok("quarantine", "delete", ids[2], "--yes")
    retried, delivered, deleted = reader.new()
    assert [(each["type"], each["data"]["ticket"]["queue"]) for each in (retried, delivered)] == [
        ("ticket.created", "Raw"),
        ("ticket.created", "Misc"),
    ]
    assert (deleted["type"], deleted["data"]["mail"]["reason"]) == ("mail.ignored", "discarded")
    assert [each["data"]["mail"]["id"] for each in (retried, delivered, deleted)] == [
        each["data"]["mail"]["id"] for each in held
    ]


def test_a_message_that_the_database_refuses_is_told_once_and_the_others_of_its_batch_too(
    app: Flask, desk: Desk, reader: Reader, mailbox: TestMailbox
) -> None:
    refuse_title(app, "refused")
    desk.account(mailbox)
    mailbox.deliver(mail("one"), mail("refused"), mail("two"))
    desk.fetch_one()
    assert [(event["type"], event["data"]["mail"]["subject"]) for event in reader.new()] == [
        ("ticket.created", "one"),
        ("mail.quarantined", "refused"),
        ("ticket.created", "two"),
    ]


def test_what_a_batch_does_to_a_ticket_that_it_opens_itself_is_told_message_by_message(
    desk: Desk, reader: Reader, mailbox: TestMailbox
) -> None:
    desk.account(mailbox, trusted="yes")
    first = mail("the printer")
    name = first.split(b"Message-ID: <")[1].split(b">")[0].decode()
    answer = [f"In-Reply-To: <{name}>"]
    mailbox.deliver(
        first,
        mail("Re: the printer", headers=[*answer, "X-OTRS-FollowUp-State: closed successful"]),
        mail("Re: the printer", headers=answer),
    )
    desk.fetch_one()
    events = reader.new()
    assert [(event["type"], event["data"].get("changes")) for event in events] == [
        ("ticket.created", None),
        ("article.added", None),
        ("ticket.changed", {"state": ["new", "closed successful"]}),
        ("article.added", None),
        ("ticket.changed", {"state": ["closed successful", "open"]}),
    ]
    articles = [event["data"]["article"]["id"] for event in events if event["data"]["article"]]
    assert articles == sorted(set(articles))


def test_nothing_is_told_of_a_message_that_was_taken_before(desk: Desk, reader: Reader) -> None:
    message = mail("once")
    desk.ok("read", input=message)
    reader.new()
    desk.ok("read", input=message)
    desk.ok("read", "--dry-run", input=mail("only looked at"))
    assert reader.new() == []


def test_nothing_is_told_of_tickets_that_are_taken_over_but_of_what_answers_them(
    desk: Desk, run: Run, reader: Reader
) -> None:
    for days in (30, 20):  # the second dump changes what the first one brought
        dumped = dump(ticket(1, "1000001", title=f"Case of {days}", change_time=days_ago(days)))
        assert take_over(run, dumped)["left_out"] == 0
    assert reader.new() == []
    take(desk, "Re: your case", "In-Reply-To: <11@old.example>")
    [told] = reader.new()
    assert (told["type"], told["data"]["ticket"]["title"]) == ("article.added", "Case of 20")
