"""What becomes of messages that could not become tickets."""

from __future__ import annotations

from collections import Counter

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from postmaster.ledger import quarantine
from postmaster.ledger.models import Quarantine
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail

RAW = mail("broken")


@pytest.fixture
def number(desk: Desk, mailbox: TestMailbox, broken_reader: pytest.MonkeyPatch) -> int:
    """The id of a message in quarantine, from an account that dispatches to Misc."""
    mailbox.deliver(RAW)
    desk.account(mailbox, dispatching="queue", queue="Misc")
    assert desk.fetch_one()["quarantined"] == 1
    [row] = desk.ok("quarantine", "list", "--json").json_lines
    assert isinstance(row["id"], int)
    return row["id"]


def test_it_is_listed_with_its_reason_and_its_source(desk: Desk, number: int) -> None:
    row = desk.ok("quarantine", "show", number, "--json").json
    assert row["reason"] == "unreadable"
    assert "a flaw in the reader" in row["error"]
    assert row["size"] == len(RAW)
    source = desk.ok("quarantine", "show", number, "--raw").stdout
    assert source.encode() == RAW.replace(b"\r\n", b"\n")


def test_retry_makes_the_ticket_that_the_account_would_have_made(
    desk: Desk, number: int, broken_reader: pytest.MonkeyPatch
) -> None:
    broken_reader.undo()
    assert "ticket" in desk.ok("quarantine", "retry", number).stdout
    assert [(ticket["title"], ticket["queue"]) for ticket in desk.tickets()] == [("broken", "Misc")]
    assert desk.ok("quarantine", "list", "--json").json_lines == []


def test_retry_says_that_it_still_cannot_be_read_and_keeps_it(desk: Desk, number: int) -> None:
    result = desk.run("quarantine", "retry", number)
    assert result.exit_code == 2
    assert "still cannot be read" in result.stderr
    assert len(desk.ok("quarantine", "list", "--json").json_lines) == 1


def test_deliver_opens_a_ticket_even_if_it_cannot_be_read(desk: Desk, number: int) -> None:
    desk.ok("quarantine", "deliver", number, "--queue", "Junk")
    assert [ticket["queue"] for ticket in desk.tickets()] == ["Junk"]


def test_delete_removes_it_for_good(desk: Desk, number: int) -> None:
    desk.ok("quarantine", "delete", number, "--yes")
    assert desk.ok("quarantine", "list", "--json").json_lines == []
    assert desk.titles() == Counter()


def test_a_number_that_is_not_there_is_named_and_the_others_are_done(
    desk: Desk, number: int, broken_reader: pytest.MonkeyPatch
) -> None:
    broken_reader.undo()
    result = desk.run("quarantine", "retry", 999, number)
    assert result.exit_code == 2
    assert "999" in result.stderr
    assert len(desk.tickets()) == 1


STORM = [mail(f"alarm {n}", sender="storm@example.net") for n in range(5)]


@pytest.fixture
def storm(desk: Desk) -> Desk:
    """A desk with two tickets of a mail storm, the rest of which is in quarantine, beside a message of another."""
    desk.ok("setting", "set", "TicketsPerSenderHour", "2")
    for raw in (*STORM, *(mail(f"other {n}") for n in range(3))):
        desk.ok("read", input=raw)
    return desk


@pytest.mark.parametrize(
    ("words", "subjects"),
    [
        (("delete", "--yes", "--all", "--filter", "STORM@"), ["other 2"]),
        (("retry", "--all", "--filter", "storm@", "--account", "pipe"), ["other 2"]),
        (("deliver", "--queue", "Junk", "--all"), []),
        (("delete", "--yes", "--all", "--account", "nobody"), ["alarm 2", "alarm 3", "alarm 4", "other 2"]),
    ],
)
def test_a_storm_is_seen_to_with_one_command(storm: Desk, words: tuple[str, ...], subjects: list[str]) -> None:
    storm.ok("quarantine", *words)
    assert [row["subject"] for row in storm.ok("quarantine", "list", "--json").json_lines] == subjects


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Name the messages by their ids, or all of them by --all."),
        (("1", "--all"), "Name the messages by their ids, or all of them by --all."),
        (("1", "--filter", "storm"), "--filter and --account go with --all."),
    ],
)
def test_what_does_not_say_which_messages_is_refused(desk: Desk, words: tuple[str, ...], sentence: str) -> None:
    result = desk.run("quarantine", "retry", *words)
    assert (result.exit_code, sentence in result.stderr) == (2, True)


@pytest.mark.parametrize(("seconds", "transactions"), [(0, 3), (60, 1)], ids=["at once", "later"])
def test_what_takes_long_lets_others_decide_in_between(
    storm: Desk, app: Flask, monkeypatch: pytest.MonkeyPatch, seconds: int, transactions: int
) -> None:
    monkeypatch.setattr(quarantine, "HOLDING", seconds)
    numbers = [row["id"] for row in storm.ok("quarantine", "list", "--json").json_lines][:3]
    used: list[Session] = []

    def act(session: Session, row: Quarantine) -> str:
        used.append(session)
        quarantine.discard(session, row, "ada")
        return "deleted"

    with app.app_context():
        done = list(quarantine.handle(numbers, act))
    assert [(each.number, each.done) for each in done] == [(number, "deleted") for number in sorted(numbers)]
    assert len(set(used)) == transactions
