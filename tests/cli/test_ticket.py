"""``flask ticket set`` and ``dispatch``."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, update

from postmaster.database import transaction
from postmaster.desk.models import Article, RawMail
from postmaster.extensions import db
from postmaster.ledger.models import InboundMail
from postmaster.resources.models import AuditEvent
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail


def opened(desk: Desk, *options: str, **mail_options: Any) -> str:
    """Open a ticket through the pipe; returns its number."""
    number = desk.ok("read", "--json", *options, input=mail("hello", **mail_options)).json["ticket"]
    assert isinstance(number, str)
    return number


def events(app: Flask) -> list[tuple[str, str, Any]]:
    """The audit log of tickets: action, number and detail."""
    with app.app_context():
        log = db.session.query(AuditEvent).filter_by(noun="ticket").order_by(AuditEvent.id)
        return [(event.action, event.label, event.detail) for event in log]


def trace_of(app: Flask, place: int) -> list[str]:
    """What the trace of that message in the ledger says."""
    with app.app_context():
        rows = db.session.query(InboundMail).order_by(InboundMail.id).all()
        return [line["text"] for line in rows[place].trace]


def test_tickets_are_moved_and_get_a_state_together(app: Flask, desk: Desk) -> None:
    one, two = opened(desk), opened(desk)
    printed = desk.ok("ticket", "set", one, two, one, "--queue", "misc", "--state", "Closed Successful").stdout
    assert printed.splitlines() == [f"{n}: queue Raw → Misc, state new → closed successful" for n in (one, two)]
    assert {(row["queue"], row["state"]) for row in desk.tickets()} == {("Misc", "closed successful")}
    detail = {"queue": ["Raw", "Misc"], "state": ["new", "closed successful"]}
    assert events(app) == [("set", one, detail), ("set", two, detail)]


def test_what_is_so_already_is_not_in_the_audit_log(app: Flask, desk: Desk) -> None:
    number = opened(desk)
    assert "nothing changed" in desk.ok("ticket", "set", number, "--queue", "Raw", "--state", "new").stdout
    assert events(app) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("20991231", "x y", "--state", "open"), "There are no tickets “20991231”, “x y”."),
        (("\0", "--state", "open"), "There is no ticket"),
        (("--queue", "Nowhere"), "There is no queue “Nowhere”."),
        (("--queue", "Junk"), "The queue “Junk” is invalid, so nothing was moved there."),
        (("--state", "ajar"), "State is “ajar”, but must be new, open"),
        (("--state", ""), "State is missing."),
        ((), "Nothing to set"),
    ],
)
def test_a_refusal_says_why_and_changes_no_ticket(app: Flask, desk: Desk, options: tuple[str, ...], words: str) -> None:
    desk.ok("queue", "set", "Junk", "--validity", "invalid")
    number = opened(desk)
    result = desk.run("ticket", "set", number, *options)
    assert (result.exit_code, words in result.stderr) == (2, True), result.stderr
    assert [(row["queue"], row["state"]) for row in desk.tickets()] == [("Raw", "new")]
    assert events(app) == []


def test_a_ticket_is_dispatched_again_after_its_address_was_linked(app: Flask, desk: Desk) -> None:
    one, two = opened(desk, to="orders@example.org"), opened(desk, to="other@example.org")
    desk.ok("address", "add", "--address", "orders@example.org", "--name", "Orders", "--queue", "Misc")
    printed = desk.ok("ticket", "dispatch", one, two).stdout
    assert printed.splitlines() == [f"{one}: queue Raw → Misc", f"{two}: nothing changed"]
    linked = "Misc: The address it was sent to is linked with this queue."
    assert trace_of(app, 0)[-1] == linked
    assert any("Again, by command line" in line for line in trace_of(app, 0))
    assert events(app) == [
        ("dispatch", one, {"queue": ["Raw", "Misc"], "reason": "dispatched-by-address"}),
        ("dispatch", two, {"reason": "dispatched-to-default"}),
    ]


def test_the_queue_that_a_pipe_named_still_holds(desk: Desk) -> None:
    number = opened(desk, "--queue", "Junk")
    desk.ok("ticket", "set", number, "--queue", "Misc")
    assert desk.ok("ticket", "dispatch", number).stdout == f"{number}: queue Misc → Junk\n"


def test_the_rules_are_those_that_the_account_has_now(desk: Desk, mailbox: TestMailbox) -> None:
    account = desk.account(mailbox, dispatching="to")
    mailbox.deliver(mail("fetched"))
    desk.fetch_one()
    [ticket] = desk.tickets()
    desk.ok("account", "set", account, "--dispatching", "queue", "--queue", "Misc")
    assert desk.ok("ticket", "dispatch", ticket["number"]).stdout == f"{ticket['number']}: queue Raw → Misc\n"
    desk.ok("account", "delete", account, "--yes")
    assert desk.ok("ticket", "dispatch", ticket["number"]).stdout == f"{ticket['number']}: queue Misc → Raw\n"


def test_if_one_cannot_be_read_none_is_dispatched_again(app: Flask, desk: Desk) -> None:
    good, bad = opened(desk, to="orders@example.org"), opened(desk)
    desk.ok("address", "add", "--address", "orders@example.org", "--name", "Orders", "--queue", "Misc")
    with app.app_context(), transaction() as session:
        session.execute(update(Article).where(Article.id == 2).values(raw_id=None))
        session.execute(delete(RawMail).where(RawMail.id == 2))
    result = desk.run("ticket", "dispatch", good, bad)
    assert result.exit_code == 2
    assert f"The ticket {bad} cannot be dispatched again, because its mail cannot be read" in result.stderr
    assert {row["queue"] for row in desk.tickets()} == {"Raw"}
    assert events(app) == []


def test_owner_priority_and_the_like_are_set_and_taken_away(desk: Desk) -> None:
    desk.ok("setting", "set", "Ticket::Owners", "ada; bob")
    number = opened(desk)
    desk.ok("ticket", "set", number, "--owner", "Ada", "--priority", "5 very high", "--lock", "lock")
    shown = desk.ok("ticket", "show", number, "--json").json
    assert (shown["owner"], shown["priority"], shown["lock"]) == ("ada", "5 very high", "lock")
    desk.ok("ticket", "set", number, "--owner", "")
    assert desk.ok("ticket", "show", number, "--json").json["owner"] is None
    refused = desk.run("ticket", "set", number, "--owner", "eve", "--queue", "Misc")
    assert (refused.exit_code, "Owner is “eve”, but must be ada or bob" in refused.stderr) == (2, True)
    assert desk.tickets()[0]["queue"] == "Raw"
