"""What was exported is read back: a desk that is moved or restored has all its tickets, and answers find them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update

from demo.samples import samples
from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session, transaction
from postmaster.desk.models import Article, ImportedTicket, Queue, Ticket
from postmaster.desk.tickets import take_numbers, ticket_number
from postmaster.extensions import db, now
from postmaster.ledger import ticket_import
from postmaster.outbox.models import Event
from postmaster.pipeline.verdict import NO_VERDICT
from tests.cli.support import audit_log
from tests.cli.test_export import ODD
from tests.conftest import NewDatabase
from tests.results import runner_of
from tests.support import Desk, mail

HTML = ODD.replace(b"multipart/mixed", b"multipart/related").replace(b"odd@", b"html@").replace(
    b"--b\r\n\r\nFrom here on", b"--b\r\nContent-Type: text/html\r\n\r\n<b>From</b> here on"
)  # fmt: skip


def opened(desk: Desk, raw: bytes, *options: str) -> str:
    """Take a message; returns the number of its ticket."""
    return str(desk.ok("read", "--json", *options, input=raw).json["ticket"])


@pytest.fixture
def other_app(environ: dict[str, str], tmp_path: Path, new_database: NewDatabase) -> Iterator[Flask]:
    """The app of another desk, which is empty."""
    with new_database() as database:
        settings = load_environment({**environ, "POSTMASTER_DATA_DIR": str(tmp_path / "other"), **database})
        app = create_app(settings)
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def other(other_app: Flask) -> Desk:
    """Another desk, which is empty."""
    desk = Desk(runner_of(other_app))
    desk.ok("queue", "list")
    return desk


@pytest.fixture
def full(desk: Desk, app: Flask) -> Desk:
    """A desk with a ticket of each kind."""
    directory = "address,login,number\nada@example.net,ada,4711\n"
    desk.ok("customer", "import", input=directory)
    desk.ok("setting", "set", "Ticket::DynamicFields", "Order")
    desk.ok("setting", "set", "Article::DynamicFields", "ArticleFreeKey1; ArticleFreeText1")
    odd = opened(desk, ODD, "--queue", "Misc")
    opened(desk, mail(f"Re: [Ticket#{odd}] odd", sender="zoe@example.net"))
    opened(desk, HTML)
    told = ("X-OTRS-DynamicField-Order: A 17", "X-OTRS-ArticleKey1: kind", "X-OTRS-ArticleValue1: invoice",
            "X-OTRS-State: pending reminder", "X-OTRS-State-PendingTime: 2030-01-01 12:00:00",
            "X-OTRS-SenderType: agent", "X-OTRS-IsVisibleForCustomer: 0", "In-Reply-To: <awaited@example.net>",
            "Precedence: bulk")  # fmt: skip
    opened(desk, mail("fields", headers=told), "--trusted")
    merged, into = opened(desk, mail("merged")), opened(desk, mail("into"))
    desk.ok("ticket", "merge", merged, "--into", into)
    desk.ok("queue", "set", "Misc", "--follow-up", "new-ticket")
    desk.ok("ticket", "set", odd, "--state", "closed successful")
    opened(desk, mail(f"Re: [Ticket#{odd}] again", sender="zoe@example.net"))
    erased = opened(desk, mail("erased"))
    with app.app_context(), transaction() as session:
        ticket = session.scalars(select(Ticket).where(Ticket.number == erased)).one()
        session.execute(update(Article).where(Article.ticket_id == ticket.id).values(raw_id=None))
        session.add(ImportedTicket(ticket_id=ticket.id, changed_at=now()))
    return desk


def exported(desk: Desk) -> str:
    """All tickets of a desk."""
    return desk.ok("ticket", "export").stdout


def taken(desk: Desk, lines: str, *options: str, code: int = 0) -> Any:
    """Import ``lines``; returns what ``--json`` printed."""
    done = desk.run("ticket", "import", "-", "--json", *options, input=lines)
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.json


def changed(lines: str, kind: str, change: Callable[[Any], object]) -> str:
    """``lines`` with the first row of that kind changed."""
    rows = [json.loads(line) for line in lines.splitlines()]
    change(next(row for row in rows if row["kind"] == kind))
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def test_what_was_exported_comes_back_byte_for_byte(full: Desk, other: Desk) -> None:
    lines = exported(full)
    rows = [json.loads(line) for line in lines.splitlines()]
    for name in ("links", "merged_into", "imported", "pending_time", "dynamic_fields"):
        assert any(row.get(name) for row in rows), f"no ticket has {name}"
    for name in ("has_html", "attachments", "article_fields", "automatic"):
        assert any(row.get(name) for row in rows), f"no article has {name}"
    assert any(row["kind"] == "article" and row["source"] is None for row in rows)
    tickets = sum(row["kind"] == "ticket" for row in rows)
    done = taken(other, lines)
    assert done == {
        "created": tickets,
        "unchanged": 0,
        "refused": 0,
        "articles": len(rows) - tickets,
        "queues_created": [],
        "notes": [],
    }
    assert exported(other) == lines


def test_a_second_import_changes_nothing(full: Desk, other: Desk) -> None:
    lines = exported(full)
    taken(other, lines)
    again = taken(other, lines)
    assert (again["created"], again["unchanged"], again["articles"]) == (0, len(other.tickets()), 0)
    assert exported(other) == lines


def test_batches_make_no_difference(full: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("BATCH_TICKETS", 2), ("PIECE_BYTES", 1), ("TIED", 1)):
        monkeypatch.setattr(ticket_import, name, size)
    lines = exported(full)
    taken(other, lines)
    assert exported(other) == lines


def test_a_ticket_with_much_mail_waits_on_disk(desk: Desk, other: Desk) -> None:
    number = opened(desk, mail("big", size=900_000))
    for part in range(3):
        opened(desk, mail(f"[Ticket#{number}] {part}", size=900_000))
    lines = exported(desk)
    assert taken(other, lines)["articles"] == 4
    assert exported(other) == lines


@pytest.mark.parametrize(
    "answer",
    [
        lambda number: mail(f"Re: [Ticket#{number}] odd", sender="zoe@example.net"),
        lambda _: mail("other words", sender="zoe@example.net", headers=["In-Reply-To: <odd@example.net>"]),
    ],
    ids=["by number", "by Message-ID"],
)
def test_an_answer_finds_a_ticket_that_was_imported(desk: Desk, other: Desk, answer: Callable[[str], bytes]) -> None:
    number = opened(desk, ODD, "--queue", "Misc")
    taken(other, exported(desk))
    answered = other.ok("read", "--json", input=answer(number)).json
    assert (answered["outcome"], answered["ticket"]) == ("follow-up", number)


def test_mail_that_a_ticket_awaited_gets_there(full: Desk, other: Desk) -> None:
    taken(other, exported(full))
    late = mail("late").replace(b"Message-ID: <", b"Message-ID: <awaited@example.net>\r\nX-Old: <")
    [number] = [row["number"] for row in other.tickets() if row["title"] == "fields"]
    assert other.ok("read", "--json", input=late).json["ticket"] == number


def test_new_tickets_get_numbers_that_no_imported_one_has(desk: Desk, other: Desk) -> None:
    numbers = {opened(desk, mail(f"mail {count}", sender=f"{count}@example.net")) for count in range(3)}
    taken(other, exported(desk))
    assert opened(other, mail("new")) not in numbers


def test_a_day_full_of_imported_tickets_costs_the_first_mail_few_queries(desk: Desk, app: Flask) -> None:
    desk.ok("queue", "list")
    day = date(2030, 1, 2)
    with app.app_context(), transaction() as session:
        queue_id = session.scalars(select(Queue.id)).first()
        for value in [*range(1, 301), 303]:
            session.add(Ticket(number=ticket_number(day, value), title="", queue_id=queue_id, state="new",
                               priority="3 normal", type="Unclassified", lock="unlock"))  # fmt: skip
    asked: list[str] = []
    with app.app_context(), transaction() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda _c, _cur, text, *_: asked.append(text))
        assert take_numbers(session, 1, day) == ["2030010200301"]
        assert take_numbers(session, 2, day) == ["2030010200302", "2030010200304"]
        assert take_numbers(session, 1, day) == ["2030010200305"]
    assert len(asked) < 40


def test_merged_tickets_lead_to_one_that_was_not_merged_whatever_the_file_says(desk: Desk, other: Desk) -> None:
    numbers = [opened(desk, mail(title, sender=f"{title}@example.net")) for title in ("one", "two", "three")]
    rows = [json.loads(line) for line in exported(desk).splitlines()]
    tickets = [row for row in rows if row["kind"] == "ticket"]
    for ticket, into in zip(
        tickets, [*numbers[1:], numbers[0]], strict=True
    ):  # one into two, two into three, and so on
        ticket["merged_into"] = into
        ticket["links"] = [{"kind": "follow-up", "ticket": ticket["number"]}]
    taken(other, "".join(f"{json.dumps(row)}\n" for row in rows))
    back = [json.loads(line) for line in exported(other).splitlines()]
    assert [(row["merged_into"], row["links"]) for row in back if row["kind"] == "ticket"] == [
        (numbers[2], []),
        (numbers[2], []),
        (None, []),
    ]


def test_a_ticket_with_a_number_of_another_form_is_changed_like_others(desk: Desk, other: Desk) -> None:
    opened(desk, mail("foreign"))
    rows = [json.loads(line) for line in exported(desk).splitlines()]
    rows[0]["number"] = rows[1]["ticket"] = "SR-17 ä"
    taken(other, "".join(f"{json.dumps(row)}\n" for row in rows))
    other.ok("ticket", "set", "SR-17 ä", "--state", "open")
    assert [(row["number"], row["state"]) for row in other.tickets()] == [("SR-17 ä", "open")]


def test_an_import_is_no_news(full: Desk, other: Desk, other_app: Flask) -> None:
    assert taken(other, exported(full))["created"]
    with other_app.app_context(), read_session() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0


def test_a_ticket_that_differs_is_refused_and_the_others_are_taken(full: Desk, other: Desk) -> None:
    lines = exported(full)
    taken(other, lines)
    number = other.tickets()[0]["number"]
    other.ok("ticket", "set", number, "--state", "open")
    before = exported(other)
    done = other.run("ticket", "import", "-", "--json", input=lines)
    assert done.exit_code == 1
    assert done.json["refused"] == 1
    assert f"line 1: ticket {number}: Another ticket {number} is here already" in done.stderr
    assert "[ticket-differs]" in done.stderr
    assert exported(other) == before


def test_queues_that_are_not_here_are_said_or_created(desk: Desk, other: Desk) -> None:
    desk.ok("queue", "add", "--name", "Sales::Orders")
    opened(desk, mail("order"), "--queue", "Sales::Orders")
    opened(desk, mail("plain"))
    lines = exported(desk)
    refused = other.run("ticket", "import", "-", input=lines)
    assert refused.exit_code == 1
    assert "There is no queue “Sales::Orders”. Bring the queues first (flask queue import)" in refused.stderr
    assert "[unknown-queue]" in refused.stderr
    assert "Tickets: 1 created, 0 unchanged, 1 refused; 1 article." in refused.stdout
    assert taken(other, lines, "--create-queues")["queues_created"] == ["Sales::Orders"]
    assert {row["queue"] for row in other.tickets()} == {"Sales::Orders", "Raw"}


def test_a_state_that_is_not_in_the_list_is_said(desk: Desk, other: Desk) -> None:
    opened(desk, mail("plain"))
    lines = changed(exported(desk), "ticket", lambda row: row.update(state="dreamt of"))
    [note] = taken(other, lines, code=1)["notes"]
    assert "The state “dreamt of” of 1 ticket is not in the setting Ticket::States" in note


def test_links_come_with_whatever_part_of_a_desk_comes_last(full: Desk, other: Desk) -> None:
    lines = exported(full)
    [at] = [place for place, line in enumerate(lines.splitlines(True)) if '"follow-up", "ticket"' in line]
    first, last = "".join(lines.splitlines(True)[:at]), "".join(lines.splitlines(True)[at:])
    [note] = taken(other, last, code=1)["notes"]
    assert note.startswith("1 link leads to tickets that are not here")
    taken(other, first)
    taken(other, last)
    assert sorted(exported(other).splitlines()) == sorted(lines.splitlines())


FLAWS = [
    ("ticket", lambda row: row.update(number=""), "number is empty.", "invalid-value"),
    ("ticket", lambda row: row.update(number=" 1"), "number is no number of a ticket.", "invalid-value"),
    ("ticket", lambda row: row.update(number=17), "number is no text.", "invalid-value"),
    ("ticket", lambda row: row.update(title=None), "title is no text.", "invalid-value"),
    ("ticket", lambda row: row.update(title="a\0b"), "title has a NUL character", "invalid-value"),
    ("ticket", lambda row: row.update(priority="x" * 101), "priority has 101 characters", "invalid-value"),
    ("ticket", lambda row: row.update(created="2026-11-23"), "created is no moment with its zone", "invalid-value"),
    ("ticket", lambda row: row.update(dynamic_fields={"a": 1}), "dynamic_fields is no text.", "invalid-value"),
    ("ticket", lambda row: row.update(links=[{"kind": "x", "ticket": "1"}]), "links has a part that must be",
     "invalid-value"),
    ("ticket", lambda row: row.update(thread_keys=[]), "thread_keys is no object of own, awaited.", "invalid-value"),
    ("ticket", lambda row: row.update(colour="red"), "colour is no field of a ticket", "unknown-field"),
    ("ticket", lambda row: row.pop("state"), "state is missing.", "missing-field"),
    ("ticket", lambda row: row.update(kind="note"), "The line is no ticket and no article", "bad-line"),
    ("article", lambda row: row.update(ticket="1"), "The line is an article of ticket 1, but follows", "bad-line"),
    ("article", lambda row: row.update(source="%"), "source is not in base64.", "invalid-value"),
    ("article", lambda row: row.update(sender_type="dog"), "sender_type must be agent, system or customer",
     "invalid-value"),
    ("article", lambda row: row.update(visible=1), "visible is neither true nor false.", "invalid-value"),
    ("article", lambda row: row["header"].pop("to"), "header is no object of subject,", "invalid-value"),
    ("article", lambda row: row.update(attachments=[{}]), "attachments is no object of part,", "invalid-value"),
    ("article", lambda row: row.update(sender_verdict={"verdict": "pass", "x": {}}),
     "sender_verdict is no object of verdict,", "invalid-value"),
    ("article", lambda row: row.update(sender_verdict={**NO_VERDICT.as_json(), "verdict": "sure"}),
     "sender_verdict has a part that must be pass, none or fail", "invalid-value"),
    ("article", lambda row: row.update(text="\ud800"), "text has half a surrogate pair", "invalid-value"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change", "flaw", "code"), FLAWS, ids=[f"{flaw[3]}-{flaw[2]}" for flaw in FLAWS])
def test_a_line_that_is_wrong_is_named_and_its_ticket_is_left_out(
    desk: Desk, other: Desk, kind: str, change: Callable[[Any], object], flaw: str, code: str
) -> None:
    opened(desk, mail("wrong"))
    opened(desk, mail("right"))
    rows = [json.loads(line) for line in exported(desk).splitlines()]
    change(next(row for row in rows if row["kind"] == kind))
    done = other.run("ticket", "import", "-", "--json", input="".join(f"{json.dumps(row)}\n" for row in rows))
    assert done.exit_code == 1
    assert (done.json["created"], done.json["refused"]) == (1, 1)
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("line 1: " if kind == "ticket" else "line 2: ")
    assert flaw in sentence
    assert sentence.endswith(f"[{code}]")
    assert [row["title"] for row in other.tickets()] == ["right"]


@pytest.mark.parametrize("line", ["{", "[]", '"x"', "\ufeff{}", "[" * 100_000, '{"kind": "ticket", "number": NaN}'])
def test_what_is_no_row_is_told_by_its_line(other: Desk, line: str) -> None:
    done = other.run("ticket", "import", "-", input=f"\n{line}\n")
    assert done.exit_code == 1
    assert done.stderr.startswith("line 2: The line is no ticket and no article in JSON.")


@pytest.mark.parametrize("lost", [-1, 1], ids=["cut off", "lost in between"])
def test_a_ticket_that_lost_an_article_is_left_out(desk: Desk, other: Desk, lost: int) -> None:
    number = opened(desk, mail("first"))
    opened(desk, mail(f"[Ticket#{number}] second"))
    lines = exported(desk).splitlines(True)
    del lines[lost]
    done = other.run("ticket", "import", "-", input="".join(lines))
    assert done.exit_code == 1
    assert f"line 1: ticket {number}: The line says that ticket {number} has 2 articles, but 1 follow." in done.stderr
    assert other.tickets() == []
    assert taken(other, exported(desk))["created"] == 1


def test_articles_without_their_ticket_are_said_once(desk: Desk, other: Desk) -> None:
    number = opened(desk, mail("first"))
    opened(desk, mail(f"[Ticket#{number}] second"))
    _, *articles = exported(desk).splitlines(True)
    done = other.run("ticket", "import", "-", input="".join(articles))
    assert done.stderr.count("\n") == 1
    assert "is an article, but no ticket stands before it" in done.stderr
    assert other.tickets() == []


def test_a_number_that_is_there_twice_is_refused_the_second_time(desk: Desk, other: Desk) -> None:
    opened(desk, mail("plain"))
    lines = exported(desk)
    twice = lines + changed(lines, "ticket", lambda row: row.update(title="another"))
    assert taken(other, twice, code=1)["refused"] == 1
    assert exported(other) == lines


def test_the_audit_log_has_who_imported_how_much(full: Desk, other: Desk, other_app: Flask) -> None:
    done = taken(other, exported(full))
    with other_app.app_context():
        [event] = [event for event in audit_log() if event.action == "import"]
    assert event.actor.startswith("command line")
    assert event.detail.items() >= {"created": done["created"], "articles": done["articles"]}.items()


def test_a_file_that_is_not_there_is_said(desk: Desk) -> None:
    done = desk.run("ticket", "import", "nowhere.jsonl")
    assert done.exit_code == 2
    assert "nowhere.jsonl" in done.stderr


def test_all_sample_mail_comes_back_byte_for_byte(desk: Desk, other: Desk, tmp_path: Path) -> None:
    raws = {sample.raw for sample in samples()}
    for number, raw in enumerate(sorted(raws)):
        (tmp_path / f"{number}.eml").write_bytes(raw)
    desk.ok("read", "--json-lines", *sorted(tmp_path.glob("*.eml")))
    lines = exported(desk)
    assert taken(other, lines)["created"] == len(desk.tickets()) > 100
    assert exported(other) == lines
