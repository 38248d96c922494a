"""What is removed by age, or because somebody wants to be forgotten; and what stays, so that no mail is taken twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select, update

from postmaster.database import read_session, transaction
from postmaster.desk.models import Article, Attachment, RawMail, Ticket
from postmaster.extensions import Model
from postmaster.ledger.models import FetchRun, InboundMail, Quarantine
from postmaster.operations import retention
from postmaster.operations.retention import BATCH, remove_old
from postmaster.outbox.models import Event
from postmaster.outlets.models import Outlet, OutletState
from postmaster.resources.models import AuditEvent
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail, mails

LATER = timedelta(days=40)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    """The app's context."""
    with app.app_context():
        yield


def rows(model: type[Model]) -> int:
    """How many rows there are."""
    with read_session() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def from_eve(subject: str) -> bytes:
    """A message of somebody else, whose name is in capitals."""
    return mail(subject).replace(b"ada@example.net", b"Eve.Moneypenny@Example.NET")


def test_nothing_is_removed_by_default(desk: Desk) -> None:
    desk.ok("read", input=mail("one"))
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3650)):
        assert not remove_old()
    assert rows(RawMail) == 1


def test_sources_go_by_age_while_tickets_and_ledger_stay(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(BATCH + 5))
    desk.account(mailbox)
    desk.fetch()
    desk.ok("setting", "set", "RawMailRetentionDays", "30")
    assert remove_old().sources == 0
    with time_machine.travel(datetime.now(UTC) + LATER):
        desk.ok("read", input=mail("young"))
        removed = remove_old()
    assert removed.sources == BATCH + 5
    assert (rows(RawMail), rows(Ticket), rows(InboundMail)) == (1, BATCH + 6, BATCH + 6)


def test_tickets_go_by_age_of_their_last_change_with_all_that_is_theirs(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(BATCH + 5))
    desk.account(mailbox)
    desk.fetch()
    desk.ok("setting", "set", "TicketRetentionDays", "30")
    with time_machine.travel(datetime.now(UTC) + LATER):
        desk.ok("read", input=mail("young"))
        assert remove_old().tickets == BATCH + 5
    assert [rows(model) for model in (Ticket, Article, RawMail, Attachment)] == [1, 1, 1, 0]
    assert rows(InboundMail) == BATCH + 6
    mailbox.deliver(*mails(1))
    assert desk.fetch_one()["new"] == 1


def test_old_runs_go_but_not_what_they_took(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(2))
    desk.account(mailbox)
    desk.fetch()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=91)):
        assert remove_old().runs == 1
    assert (rows(FetchRun), rows(InboundMail), rows(Ticket)) == (0, 2, 2)


def test_a_sender_is_forgotten_everywhere(desk: Desk, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ok("read", input=from_eve("a unicorn of hers"))
    [ticket] = desk.tickets()
    reply = f"Re: [Ticket#{ticket['number']}] unicorn".encode()
    desk.ok("read", input=mail("one"))
    number = desk.tickets("--queue", "Raw")[-1]["number"]
    desk.ok("read", input=from_eve(f"Re: [Ticket#{number}] more of the unicorn"))
    monkeypatch.setattr("postmaster.pipeline.arrival.parse_message", lambda _raw: 1 / 0)
    desk.run("read", input=from_eve("an unreadable unicorn"))
    assert reply
    before = rows(InboundMail)

    result = desk.ok("erase", "--sender", "eve.moneypenny@example.net", "--yes", "--json").json

    assert result["tickets"] >= 1
    assert rows(InboundMail) == before
    assert rows(Quarantine) == 0
    assert desk.tickets()[0]["title"] == "one"
    assert desk.ok("mail", "find", "--sender", "eve.moneypenny@example.net", "--json").stdout == ""
    with sqlite3.connect(data_dir / "postmaster.sqlite") as database:
        dump = "\n".join(database.iterdump())
    assert "unicorn" not in dump
    assert "moneypenny" not in dump.lower()
    with read_session() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "erase")).one()
    assert event.detail["tickets"] == result["tickets"]


def test_tickets_older_than_so_many_days_are_erased_by_command(desk: Desk) -> None:
    with time_machine.travel(datetime.now(UTC) - LATER):
        desk.ok("read", input=mail("old"))
    desk.ok("read", input=mail("young"))
    assert desk.ok("erase", "--older-than", "30", "--yes").stdout == "Removed: 1 ticket, 1 article.\n"
    assert [ticket["title"] for ticket in desk.tickets()] == ["young"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Name either --sender or --older-than"),
        (("--sender", "a@b.example", "--older-than", "3"), "Name either --sender or --older-than"),
        (("--sender", "nobody", "--yes"), "is not an e-mail address"),
        (("--older-than", "0", "--yes"), "“0” is not a whole number from 1 to 36500"),
        (("--older-than", "3"), "needs --yes"),
    ],
)
def test_a_command_that_does_not_say_what_to_erase_is_refused(desk: Desk, options: tuple[str, ...], words: str) -> None:
    desk.ok("read", input=mail("one"))
    result = desk.run("erase", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(desk.tickets()) == 1


def add_outlet(desk: Desk, name: str, cursor: int) -> None:
    """An outlet that has settled the events up to ``cursor``."""
    desk.ok("outlet", "add", "--name", name, "--url", "https://192.0.2.1/hook")
    with transaction() as session:
        outlet = select(Outlet.id).where(Outlet.name == name).scalar_subquery()
        session.execute(update(OutletState).where(OutletState.outlet_id == outlet).values(cursor=cursor))


def test_events_go_by_age_but_not_those_that_somebody_still_needs(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "EVENT_BATCH", 3)
    mailbox.deliver(*mails(10))
    desk.account(mailbox)
    desk.fetch()
    assert remove_old().events == 0
    with read_session() as session:
        ids = session.scalars(select(Event.id).order_by(Event.id)).all()
    add_outlet(desk, "broken", cursor=ids[3])
    add_outlet(desk, "quick", cursor=ids[-1])
    with time_machine.travel(datetime.now(UTC) + LATER):
        assert (remove_old().events, rows(Event)) == (4, 6)
        desk.ok("outlet", "set", "broken", "--validity", "invalid")
        assert (remove_old().events, rows(Event)) == (5, 1)
        desk.ok("setting", "set", "EventRetentionDays", "0")
        desk.ok("read", input=mail("young"))
        assert (remove_old().events, rows(Event)) == (0, 2)
