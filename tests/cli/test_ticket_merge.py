"""``flask ticket merge``: one ticket gets the articles of others, and everything that led to those leads to it."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from postmaster.database import read_session, transaction
from postmaster.desk.models import ThreadKey, Ticket, TicketMerge
from postmaster.extensions import now
from postmaster.resources.models import AuditEvent
from tests.support import Desk, mail


def take(desk: Desk, subject: str, *headers: str, **options: Any) -> Any:
    return desk.ok("read", "--json", "--trusted", input=mail(subject, headers=headers, **options)).json


def shown(desk: Desk, number: str) -> Any:
    return desk.ok("ticket", "show", number, "--json").json


@pytest.fixture
def merged(desk: Desk) -> tuple[Any, Any]:
    """A ticket, and the one that it was merged into."""
    old = take(desk, "the printer again", "X-OTRS-Lock: lock", sender="bob@example.com")
    main = take(desk, "the printer")
    out = desk.ok("ticket", "merge", old["ticket"], "--into", main["ticket"]).stdout
    assert out == f"{old['ticket']}: state new → merged, merged_into none → {main['ticket']}\n"
    return old, main


def test_the_main_ticket_has_the_articles_and_the_other_says_where_they_are(
    app: Flask, desk: Desk, merged: tuple[Any, Any]
) -> None:
    old, main = (shown(desk, each["ticket"]) for each in merged)
    assert [article["subject"] for article in main["articles"]] == ["the printer again", "the printer"]
    assert (old["articles"], old["state"], old["lock"]) == ([], "merged", "unlock")
    assert (old["merged_into"], main["merged"]) == ([main["number"]], [old["number"]])
    [row] = desk.ok("mail", "find", "--subject", "printer again", "--json").json_lines
    assert row["ticket"] == main["number"]
    with app.app_context(), read_session() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "merge")).all()
        assert [event.detail["merged_into"] for event in events] == [[None, main["number"]]]


@pytest.mark.parametrize("clue", ["number", "reference"])
def test_a_follow_up_to_a_merged_ticket_is_one_to_the_main_ticket(
    desk: Desk, merged: tuple[Any, Any], clue: str
) -> None:
    old, main = merged
    headers = [f"References: <{old['message']['message_id']}>"] if clue == "reference" else []
    subject = f"Re: [Ticket#{old['ticket']}]" if clue == "number" else "Re: the printer again"
    result = take(desk, subject, *headers, "X-OTRS-FollowUp-Priority: 5 very high", sender="bob@example.com")
    assert (result["outcome"], result["ticket"]) == ("follow-up", main["ticket"])
    assert shown(desk, main["ticket"])["priority"] == "5 very high"
    assert (shown(desk, old["ticket"])["state"], shown(desk, old["ticket"])["priority"]) == ("merged", "3 normal")
    if clue == "number":
        assert any(f"was merged into {main['ticket']}" in line["text"] for line in result["trace"])


def test_a_number_of_a_merged_ticket_counts_from_nobody_who_wrote_to_neither(
    desk: Desk, merged: tuple[Any, Any]
) -> None:
    subject = f"Re: [Ticket#{merged[0]['ticket']}]"
    assert take(desk, subject, sender="mallory@example.com")["outcome"] == "new"
    assert take(desk, subject, sender="ada@example.net")["ticket"] == merged[1]["ticket"]  # wrote to the main ticket


def test_chains_are_as_short_as_can_be(app: Flask, desk: Desk) -> None:
    numbers = [take(desk, f"part {number}")["ticket"] for number in range(4)]
    for number, into in itertools.pairwise(numbers):
        desk.ok("ticket", "merge", number, "--into", into)
    with app.app_context(), read_session() as session:
        [into] = session.scalars(select(TicketMerge.into_id).distinct())
        assert session.get_one(Ticket, into).number == numbers[-1]
    assert take(desk, f"Re: [Ticket#{numbers[0]}]")["ticket"] == numbers[-1]
    assert len(shown(desk, numbers[-1])["articles"]) == 5


def test_tickets_with_the_same_message_can_be_merged(app: Flask, desk: Desk) -> None:
    sent = mail("the same")
    first, second = (desk.ok("read", "--json", input=sent.replace(b"Hello", text)).json for text in (b"A", b"B"))
    desk.ok("ticket", "merge", second["ticket"], "--into", first["ticket"])
    assert len(shown(desk, first["ticket"])["articles"]) == 2
    with app.app_context(), read_session() as session:
        assert session.scalar(select(func.count()).select_from(ThreadKey)) == 1


def test_what_is_merged_already_stays_so(desk: Desk, merged: tuple[Any, Any]) -> None:
    old, main = (each["ticket"] for each in merged)
    assert desk.ok("ticket", "merge", old, "--into", main).stdout == f"{old}: nothing changed\n"


def test_what_cannot_be_merged_is_refused_and_nothing_is(desk: Desk, merged: tuple[Any, Any]) -> None:
    old, main = (each["ticket"] for each in merged)
    other, first = (take(desk, f"something else {number}")["ticket"] for number in range(2))
    refused = {
        (other, other): f"{other} cannot be merged into itself",
        (main, old): f"{old} was merged into {main} itself. Merge into {main}.",
        (old, other): f"{old} was merged into {main} already. Merge {main} instead.",
        ("77", other): "There is no ticket “77”",
        (other, "77"): "There is no ticket “77”",
    }
    for (number, into), words in refused.items():
        result = desk.run("ticket", "merge", first, number, "--into", into)
        assert (result.exit_code != 0, words in result.stderr) == (True, True), result.stderr
    assert (shown(desk, first)["state"], shown(desk, main)["state"]) == ("new", "new")


def test_without_a_state_for_merged_tickets_none_is_merged(desk: Desk) -> None:
    desk.ok("setting", "set", "Ticket::States", "new=new; open=open")
    numbers = [take(desk, f"part {number}")["ticket"] for number in range(2)]
    result = desk.run("ticket", "merge", numbers[0], "--into", numbers[1])
    assert (result.exit_code, "Add merged=merged to Ticket::States" in result.stderr) == (2, True)


def test_a_merged_ticket_that_gets_another_state_takes_its_follow_ups_again(
    desk: Desk, merged: tuple[Any, Any]
) -> None:
    old, _ = merged
    desk.ok("ticket", "set", old["ticket"], "--state", "open")
    assert take(desk, f"Re: [Ticket#{old['ticket']}]", sender="ada@example.net")["outcome"] == "new"  # wrote to main
    assert shown(desk, old["ticket"])["merged_into"] == []


def test_a_ticket_for_follow_ups_that_was_merged_leads_to_the_main_one(desk: Desk) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", "new-ticket")
    closed = take(desk, "the printer", "X-OTRS-State: closed successful")
    subject = f"Re: [Ticket#{closed['ticket']}]"
    later, main = take(desk, subject)["ticket"], take(desk, "the other printer")["ticket"]
    desk.ok("ticket", "merge", later, "--into", main)
    assert take(desk, subject)["ticket"] == main


def test_a_merged_ticket_has_no_mail_to_dispatch_again(desk: Desk, merged: tuple[Any, Any]) -> None:
    result = desk.run("ticket", "dispatch", merged[0]["ticket"])
    assert (result.exit_code, "cannot be dispatched again" in result.stderr) == (2, True)


def test_a_merged_ticket_is_kept_as_long_as_the_main_one(app: Flask, desk: Desk, merged: tuple[Any, Any]) -> None:
    old, main = (each["ticket"] for each in merged)
    _make_older(app, old)
    assert desk.ok("erase", "--older-than", "30", "--yes").stdout == "There was nothing to remove.\n"
    _make_older(app, main)
    assert desk.ok("erase", "--older-than", "30", "--yes").stdout == "Removed: 2 tickets, 2 articles.\n"


def _make_older(app: Flask, number: str) -> None:
    with app.app_context(), transaction() as session:
        session.execute(update(Ticket).where(Ticket.number == number).values(changed_at=now() - timedelta(days=60)))
