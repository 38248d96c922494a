"""``flask read``: one message from a pipe."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.extensions import db, now
from postmaster.fetching import pending
from tests.servers.flask_process import FlaskProcesses
from tests.support import Desk, mail


def test_a_message_becomes_a_ticket_and_is_described(desk: Desk) -> None:
    raw = mail("printer on fire", to="Desk <desk@example.org>")
    result = desk.ok("read", "--json", input=raw).json
    [ticket] = desk.tickets()
    assert result["ticket"] == ticket["number"]
    assert (result["outcome"], result["reason"], result["queue"]) == ("new", "dispatched-to-default", "Raw")
    assert result["title"] == "printer on fire"
    assert result["attributes"]["priority"] == "3 normal"
    assert result["attributes"]["state"] == "new"
    assert result["attributes"]["customer_user"] == "ada@example.net"
    assert result["message"]["from"] == {"name": "Ada Lovelace", "address": "ada@example.net"}
    assert result["message"]["to"] == [{"name": "Desk", "address": "desk@example.org"}]
    assert result["message"]["date"] == "2026-11-23T09:12:00+01:00"
    assert result["message"]["text"].strip() == "Hello."
    assert [row["stage"] for row in result["trace"]] == ["dispatch"]


def test_a_ticket_shows_its_article_as_read_described_it(desk: Desk) -> None:
    result = desk.ok("read", "--json", input=mail("hello")).json
    shown = desk.ok("ticket", "show", result["ticket"], "--json").json
    [article] = shown["articles"]
    assert {name: article[name] for name in result["message"]} == result["message"]


def test_the_same_bytes_again_give_the_first_ticket(desk: Desk) -> None:
    raw = mail("once")
    first = desk.ok("read", "--json", input=raw).json
    second = desk.ok("read", "--json", input=raw).json
    assert (second["outcome"], second["ticket"]) == ("already-recorded", first["ticket"])
    assert desk.titles() == Counter(["once"])


def test_the_same_bytes_again_on_purpose_make_a_second_ticket(desk: Desk) -> None:
    raw = mail("twice")
    desk.ok("read", input=raw)
    desk.ok("read", "--again", input=raw)
    assert desk.titles() == Counter({"twice": 2})


def test_the_same_bytes_after_a_day_are_a_new_message(desk: Desk, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = mail("daily")
    desk.ok("read", input=raw)
    monkeypatch.setattr(pending, "now", lambda: now() + pending.PIPE_MEMORY * 1.01)
    desk.ok("read", input=raw)
    assert desk.titles() == Counter({"daily": 2})


def test_two_deliveries_of_the_same_bytes_at_once_make_one_ticket(
    desk: Desk, environ: dict[str, str], flask_process: FlaskProcesses
) -> None:
    raw = mail("at once")

    def deliver(_number: int) -> int:
        return flask_process(environ, "read", input=raw).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(deliver, range(4))) == [0] * 4
    assert desk.titles() == Counter(["at once"])


def test_a_queue_can_be_named(desk: Desk) -> None:
    result = desk.ok("read", "--queue", "Misc", "--json", input=mail("hello")).json
    assert (result["queue"], result["reason"]) == ("Misc", "dispatched-by-queue")


@pytest.mark.parametrize("queue", ["Nowhere", "", "Resting", "x" * 300, "\udcff"])
def test_a_queue_that_is_not_there_takes_the_mail_into_the_default_queue_and_says_so(desk: Desk, queue: str) -> None:
    desk.ok("queue", "add", "--name", "Resting", "--validity", "invalid")
    desk.ok("address", "add", "--address", "desk@example.org", "--name", "Desk", "--queue", "Misc")
    for options in (("--dry-run",), ()):
        result = desk.ok("read", "--queue", queue, "--json", *options, input=mail("hello")).json
        assert (result["outcome"], result["queue"], result["reason"]) == ("new", "Raw", "pipe-queue-missing")
        assert any("The pipe names the queue" in line["text"] for line in result["trace"])
    assert len(desk.tickets()) == 1


def test_a_queue_that_a_pipe_names_in_vain_is_an_incident_until_it_is_there(desk: Desk) -> None:
    desk.ok("read", "--queue", "Orders", "--dry-run", input=mail("no"))
    assert "“Orders”" not in desk.run("alert", "check").stdout
    for number in range(2):
        desk.ok("read", "--queue", "Orders", input=mail(f"hello {number}"))
    checked = desk.run("alert", "check")
    assert (checked.exit_code, checked.stdout.count("names the queue “Orders”")) == (1, 1)
    [incident] = [row for row in desk.ok("alert", "list", "--json").json_lines if row["condition"] == "pipe"]
    assert "PostmasterDefaultQueue" in incident["sentence"]
    desk.ok("queue", "add", "--name", "Orders")
    assert "“Orders”" not in desk.run("alert", "check").stdout
    assert desk.ok("read", "--queue", "Orders", "--json", input=mail("fine")).json["queue"] == "Orders"


def test_such_an_incident_ends_a_day_after_the_last_message(desk: Desk) -> None:
    desk.ok("read", "--queue", "Orders", input=mail("hello"))
    assert "“Orders”" in desk.run("alert", "check").stdout
    with time_machine.travel(now() + timedelta(days=1, minutes=1)):
        assert "“Orders”" not in desk.run("alert", "check").stdout


def test_a_dry_run_stores_nothing(desk: Desk) -> None:
    result = desk.ok("read", "--dry-run", "--json", input=mail("hello")).json
    assert (result["outcome"], result["queue"], result["ticket"]) == ("new", "Raw", None)
    assert desk.tickets() == []


def test_a_database_that_does_not_take_it_asks_for_another_try(desk: Desk, app: Flask) -> None:
    desk.ok("status")
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE article RENAME TO elsewhere"))
    result = desk.run("read", input=mail("hello"))
    assert result.exit_code == 75
    assert "Nothing was stored" in result.stderr
    assert desk.run("read", input=mail("hello")).exit_code == 75


def test_a_database_out_of_reach_asks_for_another_try(environ: dict[str, str]) -> None:
    away = {**environ, "POSTMASTER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    result = create_app(load_environment(away)).test_cli_runner().invoke(args=["read"], input=mail("hello"))
    assert result.exit_code == 75
    assert "cannot be used" in result.stderr


def test_many_files_give_an_object_a_line(desk: Desk, tmp_path: Path) -> None:
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.eml")
        files[-1].write_bytes(mail(f"file {number}"))
    rows = desk.ok("read", "--json-lines", *files).json_lines
    assert [(row["file"], row["title"]) for row in rows] == [
        (str(path), f"file {number}") for number, path in enumerate(files)
    ]


def test_a_file_that_cannot_be_read_is_named(desk: Desk, tmp_path: Path) -> None:
    result = desk.run("read", "--json-lines", tmp_path / "missing.eml")
    assert result.exit_code == 2
    assert "missing.eml" in result.stderr


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"no header at all", b"\0" * 100, b"Subject: \xff\xfe\r\n\r\n\xff\0\xfe"]
)
def test_any_bytes_become_a_ticket(desk: Desk, raw: bytes) -> None:
    result = desk.ok("read", "--json", input=raw).json
    assert result["outcome"] == "new"
    assert len(desk.tickets()) == 1


@pytest.mark.parametrize(
    ("header", "loop"),
    [
        ("Precedence: bulk", True),
        ("Precedence: first-class", False),
        ("Auto-Submitted: auto-replied; owner=x", True),
        ("Auto-Submitted: no", False),
        ("X-Loop: desk@example.org", True),
        ("List-Id: <list.example.org>", True),
        ("Return-Path: <>", True),
        ("Return-Path: <ada@example.net>", False),
        ("X-Auto-Response-Suppress: All", True),
    ],
)
def test_automatic_mail_is_marked_and_becomes_a_ticket_all_the_same(desk: Desk, header: str, loop: bool) -> None:
    result = desk.ok("read", "--json", input=mail("hello", headers=[header])).json
    assert (result["loop"], result["outcome"]) == (loop, "new")


@pytest.mark.parametrize("field", ["Resent-To", "Envelope-To", "To", "Cc", "Delivered-To", "X-Original-To"])
def test_each_recipient_field_is_asked(desk: Desk, field: str) -> None:
    desk.ok("address", "add", "--address", "orders@example.org", "--name", "Orders", "--queue", "Misc")
    raw = mail("hello", to="someone@example.org", headers=[f"{field}: orders@example.org"])
    if field == "To":
        raw = mail("hello", to="Orders <orders@example.org>")
    assert desk.ok("read", "--json", input=raw).json["queue"] == "Misc"


def test_the_recipient_fields_are_asked_in_their_order(desk: Desk) -> None:
    for name, queue in (("first", "Misc"), ("second", "Junk")):
        desk.ok("address", "add", "--address", f"{name}@example.org", "--name", name, "--queue", queue)
    raw = mail("hello", to="second@example.org", headers=["Envelope-To: first@example.org"])
    assert desk.ok("read", "--json", input=raw).json["queue"] == "Misc"


def test_a_default_queue_that_is_not_valid_does_not_lose_mail(desk: Desk, app: Flask) -> None:
    desk.ok("status")
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE queue SET validity = 'invalid' WHERE name = 'Raw'"))
    result = desk.ok("read", "--json", input=mail("hello")).json
    assert (result["queue"], result["reason"]) == ("Postmaster", "dispatched-to-any")


def test_what_nobody_foresaw_asks_for_another_try_which_makes_no_second_ticket(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise ValueError("after it was stored")

    raw = mail("hello")
    with monkeypatch.context() as patch:
        patch.setattr("postmaster.cli.read.print_json", stumble)
        result = desk.run("read", "--json", input=raw)
    assert result.exit_code == 75
    assert "reference" in result.stderr
    assert "Traceback" not in result.stderr
    assert desk.ok("read", "--json", input=raw).json["outcome"] == "already-recorded"
    assert len(desk.tickets()) == 1
