"""What went in comes out: sources, attachments, whole tickets, byte for byte."""

from __future__ import annotations

import base64
import mailbox
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event

from postmaster.extensions import db
from tests.support import Desk, mail, refuse_title

ODD = b"\r\n".join(
    [
        b"From: Zo\xc3\xab <zoe@example.net>",
        b"To: desk@example.org",
        b"Subject: odd \xff",
        b"Message-ID: <odd@example.net>",
        b'Content-Type: multipart/mixed; boundary="b"',
        b"",
        b"--b",
        b"",
        b"From here on",
        b">From there",
        b"--b",
        b'Content-Type: application/octet-stream; name="a.bin"',
        b"Content-Transfer-Encoding: base64",
        b"",
        b"AAECA/8=",
        b"--b--",
        b"",
    ]
)


def opened(desk: Desk, raw: bytes, *options: str) -> str:
    """Take a message; returns the number of its ticket."""
    return str(desk.ok("read", "--json", *options, input=raw).json["ticket"])


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """A desk with an odd message and its answer in Misc, and a plain one in Raw."""
    number = opened(desk, ODD, "--queue", "Misc")
    opened(desk, mail(f"Re: [Ticket#{number}] odd", sender="zoe@example.net"))
    opened(desk, mail("plain"))
    return desk


def test_the_source_of_a_mail_comes_byte_for_byte(desk: Desk, tmp_path: Path) -> None:
    [row] = desk.ok("mail", "find", "--message-id", "odd@example.net", "--json").json_lines
    desk.ok("mail", "source", row["id"], "--output", tmp_path / "odd.eml")
    assert (tmp_path / "odd.eml").read_bytes() == ODD


def test_so_does_that_of_one_in_quarantine(desk: Desk, app: Flask, tmp_path: Path) -> None:
    refuse_title(app, "refused")
    raw = mail("refused")
    assert desk.run("read", "--json", input=raw).json["outcome"] == "quarantined"
    [row] = desk.ok("mail", "find", "refused", "--json").json_lines
    desk.ok("mail", "source", row["id"], "--output", tmp_path / "held.eml")
    assert (tmp_path / "held.eml").read_bytes() == raw


def test_an_attachment_is_named_by_its_ticket_and_comes_decoded(desk: Desk, tmp_path: Path) -> None:
    number = desk.tickets("--queue", "Misc")[0]["number"]
    shown = desk.ok("ticket", "show", number, "--json").json
    [part] = shown["articles"][0]["attachments"]
    assert f"Attachment {part['id']}: a.bin" in desk.ok("ticket", "show", number).stdout
    desk.ok("ticket", "attachment", part["id"], "--output", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"\0\1\2\3\xff"


def test_a_line_for_each_ticket_and_each_article_holds_everything(desk: Desk) -> None:
    rows = desk.ok("ticket", "export").json_lines
    assert [row["kind"] for row in rows] == ["ticket", "article", "article", "ticket", "article"]
    assert rows[0].items() >= {"queue": "Misc", "state": "new", "type": "Unclassified", "links": []}.items()
    assert base64.b64decode(rows[1]["source"]) == ODD
    assert {row["ticket"] for row in rows[1:3]} == {rows[0]["number"]}


def test_links_are_exported_with_the_later_ticket(desk: Desk) -> None:
    number = desk.tickets("--queue", "Misc")[0]["number"]
    desk.ok("queue", "set", "Misc", "--follow-up", "new-ticket")
    desk.ok("ticket", "set", number, "--state", "closed successful")
    later = opened(desk, mail(f"Re: [Ticket#{number}] again", sender="zoe@example.net"))
    rows = {row["number"]: row for row in desk.ok("ticket", "export").json_lines if row["kind"] == "ticket"}
    assert rows[later]["links"] == [{"kind": "follow-up", "ticket": number}]


def test_an_mbox_is_read_by_others_and_quotes_lines_that_begin_with_from(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "all.mbox"
    done = desk.ok("ticket", "export", "--format", "mbox", "--output", path)
    assert "Exported: 3 messages." in done.stderr
    read = [message.as_bytes() for message in mailbox.mbox(path, create=False)]
    assert len(read) == 3
    assert b"\n>From here on\n>>From there\n" in read[0]


def test_files_hold_a_message_each(desk: Desk, tmp_path: Path) -> None:
    desk.ok("ticket", "export", "--format", "eml", "--queue", "Misc", "--output", tmp_path / "out")
    files = sorted((tmp_path / "out").iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert files[0].read_bytes() == ODD


def test_what_is_not_kept_any_more_is_exported_with_its_text(desk: Desk, app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE article SET raw_id = NULL")
    done = desk.ok("ticket", "export")
    articles = [row for row in done.json_lines if row["kind"] == "article"]
    assert "Exported: 2 tickets." in done.stderr
    assert "Exported: 1 ticket." in desk.ok("ticket", "export", "--queue", "Raw").stderr
    assert [row["source"] for row in articles] == [None] * 3
    assert "From here on" in articles[0]["text"]
    assert desk.ok("ticket", "export", "--format", "mbox").stdout == ""


def test_tickets_can_be_listed_by_state_time_order_and_number(desk: Desk) -> None:
    numbers = [ticket["number"] for ticket in desk.tickets()]
    assert [ticket["number"] for ticket in desk.tickets("--newest-first", "--limit", "1")] == numbers[-1:]
    assert desk.tickets("--since", "2100-01-01") == []
    assert len(desk.tickets("--until", "2100-01-01", "--state", "new")) == 2
    assert desk.tickets("--state", "open") == []


def test_the_number_of_queries_does_not_grow_with_the_tickets(desk: Desk, app: Flask) -> None:
    def queries() -> int:
        seen: list[str] = []
        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        desk.ok("ticket", "export")
        return len([statement for statement in seen if statement.startswith("SELECT")])

    before = queries()
    for number in range(5):
        opened(desk, mail(f"more {number}"))
    assert queries() == before


@pytest.mark.parametrize(
    ("arguments", "flaw"),
    [
        (("mail", "source", "999"), "There is no message 999 in the ledger."),
        (("ticket", "attachment", "999"), "There is no attachment 999"),
        (("ticket", "export", "--queue", "Nowhere"), "There is no queue “Nowhere”."),
        (("ticket", "export", "--since", "soon"), "--since"),
        (("ticket", "export", "--format", "eml"), "--format eml needs --output FOLDER."),
        (("ticket", "export", "--format", "eml", "--output", "."), "cannot be made"),
        (("ticket", "export", "--output", "pyproject.toml"), "is there already"),
        (("ticket", "export", "--output", "nowhere/x"), "cannot be written"),
    ],
)
def test_refusals_say_what_is_wrong(desk: Desk, arguments: tuple[str, ...], flaw: str) -> None:
    done = desk.run(*arguments)
    assert done.exit_code == 2
    assert flaw in done.stderr
