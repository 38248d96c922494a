"""Threads and storms within a batch, across batches, and across accounts: the same tickets, wherever a batch ends."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlalchemy import select, update

from postmaster.database import read_session, transaction
from postmaster.desk.models import Ticket
from postmaster.extensions import now
from postmaster.ledger.entries import Recorded
from postmaster.ledger.models import Deletion, InboundMail
from postmaster.ledger.record import record
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.context import HOUR
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.support import Desk, mail, mails, refuse_title

EACH_BATCH_SIZE = pytest.mark.parametrize("size", [1, 100], ids=["one by one", "in one batch"])


def threaded(number: int, *answers: int, sender: str = "ada@example.net", headers: Sequence[str] = ()) -> bytes:
    """Message ``number``, which answers the others."""
    ids = " ".join(f"<{each}@thread.example>" for each in answers)
    references = [f"References: {ids}"] if answers else []
    raw = mail(f"message {number}", sender=sender, headers=[*references, *headers])
    return raw.replace(b"Message-ID: <", b"X-Was: <", 1).replace(
        b"X-Was:", f"Message-ID: <{number}@thread.example>\r\nX-Was:".encode(), 1
    )


def tickets_of(desk: Desk) -> list[list[str]]:
    """The subjects of each ticket's articles."""
    numbers = [ticket["number"] for ticket in desk.tickets()]
    shown = [desk.ok("ticket", "show", number, "--json").json for number in numbers]
    return [[article["subject"] for article in ticket["articles"]] for ticket in shown]


@EACH_BATCH_SIZE
@pytest.mark.parametrize(
    ("messages", "tickets"),
    [
        ([threaded(1), threaded(2, 1), threaded(3, 1)], [[1, 2, 3]]),
        ([threaded(1), threaded(2, 1), threaded(3, 1, 2)], [[1, 2, 3]]),
        ([threaded(2, 1), threaded(1)], [[2, 1]]),
        ([threaded(3, 1, 2), threaded(1), threaded(2, 1)], [[3, 1, 2]]),
        ([threaded(2, 1), threaded(3, 1, sender="eve@example.com"), threaded(1)], [[2, 1], [3]]),
        ([threaded(1), threaded(1), threaded(2, 1)], [[1, 2], [1]]),
        ([threaded(1), threaded(1, headers=["X-OTRS-Ignore: yes"]), threaded(2, 1)], [[1, 2]]),
    ],
    ids=[
        "two answers",
        "a thread",
        "answer first",
        "answers first",
        "answers to mail that is late",
        "twice",
        "ignored",
    ],
)
def test_a_thread_becomes_the_same_tickets_whatever_the_batches(
    desk: Desk,
    mailbox: TestMailbox,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    messages: list[bytes],
    tickets: list[list[int]],
) -> None:
    monkeypatch.setattr("postmaster.fetching.batches.BATCH_MESSAGES", size)
    mailbox.deliver(*messages)
    desk.account(mailbox, trusted="yes")
    preview = desk.fetch_one("--dry-run")
    row = desk.fetch_one()
    assert tickets_of(desk) == [[f"message {number}" for number in each] for each in tickets]
    assert (row["new"], row["follow_up"]) == (len(tickets), sum(map(len, tickets)) - len(tickets))
    counters = ("found", "new", "follow_up", "ignored", "rejected", "quarantined")
    assert [preview[name] for name in counters] == [row[name] for name in counters]
    assert mailbox.count() == 0


@EACH_BATCH_SIZE
@pytest.mark.parametrize("policy", ["possible", "reject", "new-ticket"])
def test_answers_to_a_closed_ticket_are_decided_on_one_after_the_other(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, size: int, policy: str
) -> None:
    monkeypatch.setattr("postmaster.fetching.batches.BATCH_MESSAGES", size)
    desk.ok("queue", "set", "Raw", "--follow-up", policy)
    closed = threaded(1, headers=["X-OTRS-State: closed successful"])
    mailbox.deliver(closed, threaded(2, 1), threaded(3, 1))
    desk.account(mailbox, trusted="yes")
    row = desk.fetch_one()
    counts = (row["new"], row["follow_up"], row["rejected"])
    assert counts == {"possible": (1, 2, 0), "reject": (1, 0, 2), "new-ticket": (2, 1, 0)}[policy]
    states = [ticket["state"] for ticket in desk.tickets()]
    assert (
        states
        == {
            "possible": ["open"],
            "reject": ["closed successful"],
            "new-ticket": ["closed successful", "new"],
        }[policy]
    )
    subjects = tickets_of(desk)
    assert subjects[-1][-1] == "message 3"
    numbers = [ticket["number"] for ticket in desk.tickets()]
    linked = desk.ok("ticket", "show", numbers[-1], "--json").json["follows"]
    assert linked == numbers[:-1]


@EACH_BATCH_SIZE
def test_a_storm_goes_to_quarantine_and_others_get_their_tickets(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, app: Flask, size: int
) -> None:
    monkeypatch.setattr("postmaster.fetching.batches.BATCH_MESSAGES", size)
    desk.ok("setting", "set", "TicketsPerSenderHour", "3")
    storm = [mail(f"alert {number}", sender="Monitor <MONITOR@example.net>") for number in range(8)]
    answer = threaded(2, 1, sender="monitor@example.net")
    mailbox.deliver(threaded(1), *storm, *mails(2), answer)
    account = desk.account(mailbox)
    assert desk.fetch_one("--dry-run")["quarantined"] == 5
    row = desk.fetch_one()
    assert (row["found"], row["new"], row["follow_up"], row["quarantined"]) == (12, 6, 1, 5)
    held = desk.ok("quarantine", "list", "--json").json_lines
    assert {each["reason"] for each in held} == {"too-many-from-sender"}
    assert held[0]["subject"] == "alert 3"
    assert mailbox.count() == 0
    # Somebody has looked at one: it counts no more how many there were.
    assert "ticket" in desk.ok("quarantine", "retry", held[0]["id"]).stdout
    with app.app_context(), transaction() as session:
        session.execute(update(Ticket).values(created_at=now() - HOUR * 1.01))
    mailbox.deliver(mail("an hour later", sender="monitor@example.net"))
    assert desk.fetch_one("--account", account)["new"] == 1


def test_mail_without_a_sender_is_not_from_one_sender(desk: Desk) -> None:
    desk.ok("setting", "set", "TicketsPerSenderHour", "2")
    for number in range(4):
        desk.ok("read", input=mail(f"no one {number}", sender=""))
    desk.ok("read", input=mail("somebody"))
    assert desk.titles() == {"no one 0": 1, "no one 1": 1, "no one 2": 1, "no one 3": 1, "somebody": 1}


class Letter(NamedTuple):
    """A message of the long thread: who writes, what it says of the thread, and the ticket that it belongs in."""

    account: int
    sender: str
    subject: str
    ticket: str
    answers: tuple[int, ...] = ()
    index: tuple[int, ...] | None = None
    headers: tuple[str, ...] = ()


ADA, BOB, EVE, ROBOT = "ada@example.net", "Bob <bob@example.net>", "eve@example.com", "robot@example.net"

# {A} and {B} stand for the numbers of the tickets, once they are there. Letters are counted from 0.
THREAD = (
    Letter(0, ADA, "Printer on fire", "A", index=()),
    Letter(1, BOB, "AW: Printer on fire", "A", (0,)),
    Letter(0, BOB, "AW: Printer on fire", "A", index=(1,)),
    Letter(2, ADA, "RE[2]: AW: Printer on fire", "A", (0, 1)),
    Letter(1, ADA, "Re: [Ticket#{A}] Printer on fire", "A"),
    Letter(0, BOB, "WG: [Ticket#{A}] Printer on fire", "A"),
    Letter(0, BOB, "A new subject, the same thread", "A", (0, 1, 3)),
    Letter(2, ADA, "AW: [Case#2026112300012] Printer on fire", "A", (3,)),
    Letter(1, EVE, "Re: [Ticket#{A}] I saw your number", "B"),
    Letter(1, EVE, "Re: [Ticket#{A}] and again", "B", (8,)),
    Letter(0, EVE, "Fwd: Printer on fire", "A", (6,)),
    Letter(2, EVE, "Re: [Ticket#{A}] now I am a party", "A"),
    Letter(0, ADA, "AW: [Ticket#19990101000001] elsewhere", "C"),
    Letter(0, BOB, "AW: Printer on fire", "A", index=(1, 2)),
    Letter(1, BOB, "WG: Printer on fire", "A", index=(3,)),
    Letter(2, BOB, "Printer on fire", "D", index=()),
    Letter(2, ROBOT, "Out of office", "A", (11,), headers=("Auto-Submitted: auto-replied",)),
    Letter(0, ROBOT, "Out of office [Ticket#{A}]", "A"),
    Letter(1, ADA, "Re: Out of office", "A", (17,)),
    Letter(0, ADA, "TR: Re: Out of office", "A", (18,)),
    Letter(1, ADA, "SV: VS: Out of office", "A", (16, 19)),
    Letter(2, BOB, "Antw: {A}", "A", (20,)),
    Letter(0, EVE, "Ticket#{B}0 is another", "E"),
    Letter(1, EVE, "RE: Ticket#{B}", "B"),
    Letter(2, EVE, "RE: RE: Ticket#{B}", "B", (23,)),
    Letter(0, BOB, "Re: [XTicket#{A}] of another system", "F"),
    Letter(1, BOB, "", "A", (24, 21)),
    Letter(2, BOB, "Re:", "A", (26,)),
    Letter(0, ADA, "Re: Ticket#{A} Ticket#{B}", "A"),
    Letter(1, ADA, "the end", "A", (0,)),
)


def letter(number: int, tickets: dict[str, str]) -> bytes:
    """The bytes of a letter."""
    given = THREAD[number]
    headers = list(given.headers)
    if given.index is not None:
        conversation = b"D" * 16 if given.ticket == "D" else b"A" * 16
        data = b"\x01" + bytes(5) + conversation + b"".join(bytes([step]) * 5 for step in given.index)
        headers.append(f"Thread-Index: {base64.b64encode(data).decode()}")
    raw = threaded(number, *given.answers, sender=given.sender, headers=headers)
    return raw.replace(f"message {number}".encode(), given.subject.format(**tickets).encode(), 1)


def test_a_thread_of_thirty_through_three_accounts_ends_as_documented(desk: Desk, mailbox: TestMailbox) -> None:
    boxes = [mailbox, new_mailbox(mailbox.server), new_mailbox(mailbox.server)]
    for box, kind in zip(boxes, ("IMAP", "POP3", "IMAPS"), strict=True):
        desk.account(box, kind)
    known: dict[str, str] = {}
    totals: Counter[str] = Counter()
    for number, given in enumerate(THREAD):
        boxes[given.account].deliver(letter(number, {"A": "", "B": "", **known}))
        goes_on = number + 1 < len(THREAD) and THREAD[number + 1].account == given.account
        if goes_on and number > 10:
            continue  # once both numbers are known, what goes to one account in a row comes in one batch
        totals.update(_counted(desk))
        if given.ticket in "AB":
            known.setdefault(given.ticket, desk.tickets()[-1]["number"])
    found = [_letters(desk, ticket["number"]) for ticket in desk.tickets()]
    labels = dict.fromkeys(each.ticket for each in THREAD)
    assert found == [[number for number, each in enumerate(THREAD) if each.ticket == label] for label in labels]
    assert (totals["found"], totals["new"], totals["follow_up"]) == (30, len(labels), 30 - len(labels))


def _counted(desk: Desk) -> dict[str, int]:
    totals = desk.fetch()["totals"]
    return {name: totals[name] for name in ("found", "new", "follow_up")}


def _letters(desk: Desk, ticket: str) -> list[int]:
    articles = desk.ok("ticket", "show", ticket, "--json").json["articles"]
    return [int(article["message_id"].partition("@")[0]) for article in articles]


def test_deletions_stay_confirmed_though_a_batch_is_refused(
    app: Flask, desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postmaster.fetching.batches.BATCH_MESSAGES", 1)
    refuse_title(app, "poison")
    mailbox.deliver(*mails(2), mail("poison"), mail("last"))
    desk.account(mailbox)
    assert desk.fetch_one()["quarantined"] == 1
    with app.app_context(), read_session() as session:
        assert list(session.scalars(select(InboundMail.deletion))) == [Deletion.CONFIRMED] * 4


@pytest.mark.parametrize(("kind", "sizes"), [("IMAP", [25, 100, 5]), ("POP3", [25, 15, 25, 15, 25, 15, 10])])
def test_a_session_begins_with_a_small_batch_and_keeps_to_its_limit(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, kind: str, sizes: list[int]
) -> None:
    recorded = []

    def record_and_count(arrivals: Sequence[Arrival], *rest: Any) -> list[Recorded]:
        recorded.append(len(arrivals))
        return record(arrivals, *rest)

    monkeypatch.setattr("postmaster.fetching.batches.record", record_and_count)
    desk.ok("setting", "set", "PostMasterReconnectMessage", "40")
    mailbox.deliver(*mails(130))
    desk.account(mailbox, kind)
    assert desk.fetch_one()["new"] == 130
    assert recorded == sizes
