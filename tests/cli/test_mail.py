"""``flask mail``: where a message is, and how it got there."""

from __future__ import annotations

import pytest

from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail


@pytest.fixture
def fetched(desk: Desk, mailbox: TestMailbox) -> Desk:
    """A desk with two messages from one account."""
    desk.ok("address", "add", "--address", "desk@example.org", "--name", "Desk", "--queue", "Misc")
    mailbox.deliver(mail("the first"), mail("the second"))
    desk.account(mailbox)
    desk.fetch()
    return desk


def test_show_tells_the_whole_way_of_a_message(fetched: Desk) -> None:
    [row] = fetched.ok("mail", "find", "the first", "--json").json_lines
    shown = fetched.ok("mail", "show", row["id"], "--json").json
    assert shown["outcome"] == "new"
    assert shown["reason"] == "dispatched-by-address"
    assert shown["explanation"] == "The address it was sent to is linked with this queue."
    assert shown["mailbox"]["host"] == "127.0.0.1"
    assert shown["run"]["started_by"].startswith("command line")
    assert shown["deletion"] == "confirmed"
    assert shown["recorded"] <= shown["deleted"]
    assert shown["ticket"] == fetched.tickets()[0]["number"]
    assert {"stage": "dispatch", "address": "desk@example.org"}.items() <= shown["trace"][-1].items()


def test_for_people_there_are_tables(fetched: Desk) -> None:
    listed = fetched.ok("mail", "find", "first").stdout
    assert "the first" in listed
    assert "the second" not in listed
    shown = fetched.ok("mail", "show", 1).stdout
    assert "Misc: The address it was sent to is linked with this queue." in shown


def test_the_newest_can_be_asked_for_alone(fetched: Desk) -> None:
    rows = fetched.ok("mail", "find", "--limit", 1, "--json").json_lines
    assert [row["subject"] for row in rows] == ["the second"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [(("--since", "2026-01-01"), 2), (("--until", "2026-01-01T09:30+01:00"), 0), (("--since", "9999-12-31"), 0)],
)
def test_times_are_dates_or_moments(fetched: Desk, arguments: tuple[str, ...], found: int) -> None:
    assert len(fetched.ok("mail", "find", *arguments, "--json").json_lines) == found


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("find", "--since", "yesterday"), "--since is “yesterday”, which is not a date."),
        (("find", "--since", "0001-01-01"), "--since is “0001-01-01”, which is not a date."),
        (("find", "--until", "9999-12-31T23:59:59Z"), "--until is “9999-12-31T23:59:59Z”, which is not a date."),
        (("find", "--outcome", "lost"), "'lost' is not one of"),
        (("show", "99"), "There is no message 99 in the ledger."),
        (("show", "9" * 30), "is not a whole number from 1 to"),
    ],
)
def test_each_refusal_says_what_is_wrong(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    result = desk.run("mail", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_hostile_mail_is_printed_as_it_is(desk: Desk) -> None:
    desk.ok("read", input="From: x@example.net\nSubject: \x1b[31mred [bold]markup[/bold]\n\n")
    listed = desk.ok("mail", "find", "markup").stdout
    assert "[bold]markup[/bold]" in listed
    assert "\x1b" not in listed
