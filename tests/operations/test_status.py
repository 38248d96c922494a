"""``flask status`` of a large desk: what somebody has to look at, and how much there is of everything else."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import insert, update

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.cli.status import MAX_TOLD
from postmaster.database import prepare_database, transaction
from postmaster.desk.models import Ticket
from postmaster.extensions import now
from postmaster.fetching.overview import MANY_TICKETS
from postmaster.operations.models import Incident
from postmaster.operations.standing import USUAL_ACCOUNTS
from tests.support import Desk

MORE = 5


def add_accounts(app: Flask, desk: Desk) -> None:
    """More accounts than are named; the last one fails."""
    name = desk.credential("ada", "secret")
    desk.add_account(type="IMAP", host="mail1.example.com", credential=name)
    numbers = range(2, USUAL_ACCOUNTS + MORE + 1)
    rows = [{"id": n, "type": "IMAP", "host": f"mail{n}.example.com", "credential_id": 1} for n in numbers]
    with app.app_context(), transaction() as session:
        session.execute(insert(MailAccount), [{**row, "revision": 1} for row in rows])
        session.add(AccountState(account_id=numbers[-1], failures=3))


def test_accounts_in_trouble_are_named_first_and_all_are_counted(app: Flask, desk: Desk) -> None:
    add_accounts(app, desk)
    told = desk.ok("status", "--json").json
    assert len(told["accounts"]) == USUAL_ACCOUNTS
    assert [account["health"] for account in told["accounts"][:2]] == ["failing", "never"]
    assert told["accounts"][0]["id"] == USUAL_ACCOUNTS + MORE
    assert told["healths"] == {"failing": 1, "never": USUAL_ACCOUNTS + MORE - 1}
    text = desk.ok("status").stdout
    assert f"And {MORE} more accounts; to see them: flask status --limit {USUAL_ACCOUNTS + MORE}\n" in text
    assert f"Accounts: 1 failing, {USUAL_ACCOUNTS + MORE - 1} never fetched.\n" in text


def test_all_accounts_are_named_to_whoever_asks_for_them(app: Flask, desk: Desk) -> None:
    add_accounts(app, desk)
    every = USUAL_ACCOUNTS + MORE
    told = desk.ok("status", "--json", "--limit", every).json
    assert sorted(account["id"] for account in told["accounts"]) == list(range(1, every + 1))
    assert " more account" not in desk.ok("status", "--limit", every).stdout
    assert [account["id"] for account in desk.ok("status", "--json", "--limit", 1).json["accounts"]] == [every]
    assert desk.run("status", "--limit", 0).exit_code == 2


def test_tickets_of_a_queue_are_not_counted_where_there_are_many(app: Flask, desk: Desk) -> None:
    def told() -> list[tuple[str, int, int | None]]:
        queues = desk.ok("status", "--json").json["queues"]
        return [(queue["name"], queue["open"], queue["tickets"]) for queue in queues if queue["name"] != "Junk"]

    desk.ok("read", "--queue", "Misc", input=b"Subject: one\n\nText\n")
    assert told() == [("Misc", 1, 1), ("Postmaster", 0, 0), ("Raw", 0, 0)]
    add_ticket(app, MANY_TICKETS)
    assert told() == [("Misc", 1, 1), ("Postmaster", 1, 1), ("Raw", 0, 0)]
    add_ticket(app, MANY_TICKETS + 1)
    desk.ok("queue", "set", "Misc", "--validity", "invalid", "--yes")
    assert told() == [("Misc", 1, None), ("Postmaster", 2, None), ("Raw", 0, None)]
    assert "Postmaster  0           2             not counted\n" in desk.ok("status").stdout


def add_ticket(app: Flask, number: int) -> None:
    """A ticket with that id in Postmaster."""
    words = {"state": "new", "priority": "3 normal", "type": "Unclassified", "lock": "unlock"}
    with app.app_context(), transaction() as session:
        session.add(Ticket(id=number, number=str(number), title="T", queue_id=1, **words))


def test_of_many_incidents_the_oldest_are_told(app: Flask, desk: Desk) -> None:
    add_accounts(app, desk)
    with app.app_context():
        prepare_database()
        with transaction() as session:
            long_ago = now() - timedelta(days=3)
            rows = [
                {"condition": "silence", "subject": str(n), "sentence": "-", "path": "/", "opened_at": long_ago}
                for n in range(1, MAX_TOLD + 3)
            ]
            session.execute(insert(Incident), rows)
            session.execute(update(MailAccount).values(created_at=long_ago))
    text = desk.ok("status").stdout
    assert text.count("UTC: No mail was fetched from ") == MAX_TOLD
    assert "And 2 more, see: flask alert list\n" in text
