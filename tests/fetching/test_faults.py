"""What goes wrong ends in a clear error, loses nothing, and the next run finishes the work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from postmaster import create_app, database
from postmaster.config import load_environment
from postmaster.extensions import db
from postmaster.fetching import batches, lease
from postmaster.pipeline import arrival
from tests.fetching.test_exactly_once import between_list_and_read
from tests.results import Result
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates, TestMailbox, new_mailbox
from tests.servers.flask_process import FlaskProcesses
from tests.servers.ports import wait_until
from tests.servers.postgres import Postgres
from tests.servers.scripted import Connection, ImapServer, ScriptedServer
from tests.support import Desk, expected, mail, mails, refuse_title


def noise(bytes_: int) -> str:
    """Text that does not compress."""
    return "\r\n".join(random.randbytes(35).hex() for _ in range(bytes_ // 72))


def test_a_folder_that_does_not_exist_is_named_with_those_that_do(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.server.create_folder(mailbox.user, "Orders")
    desk.account(mailbox, folder="Odrers")
    error = desk.fetch_one(code=1)["error"]
    assert (error["code"], error["stage"]) == ("folder-missing", "folder")
    assert "Odrers" in error["message"]
    assert "Orders" in error["advice"]


def test_a_folder_that_is_read_only_is_not_read_at_all(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(mail("kept"), folder="Shared")
    mailbox.server.restrict(mailbox.user, "lr", "Shared")
    desk.account(mailbox, folder="Shared")
    assert desk.fetch_one(code=1)["error"]["code"] == "folder-read-only"
    assert desk.tickets() == []
    assert mailbox.count("Shared") == 1


@pytest.mark.database("sqlite")
def test_a_full_disk_stops_the_run_and_nothing_is_deleted_that_was_not_stored(
    desk: Desk, app: Flask, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 2)
    mailbox.deliver(*[mail(f"mail {number}", body=noise(200_000)) for number in range(10)])
    desk.account(mailbox)

    def limit_pages(more: int) -> None:
        with app.app_context():
            with db.engine.connect() as connection:
                pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            limit = f"PRAGMA max_page_count = {pages + more}"
            monkeypatch.setattr(database, "SQLITE_PRAGMAS", (*database.SQLITE_PRAGMAS, limit))
            db.engine.dispose()

    limit_pages(more=70)
    row = desk.fetch_one(code=1)
    assert row["error"]["code"] == "database-away"
    assert "full" in row["error"]["server"]
    assert 0 < row["new"] < 10
    assert mailbox.count() == 10 - row["new"]
    limit_pages(more=100_000)
    monkeypatch.setattr(lease, "has_died", lambda _process: True)
    desk.fetch_one()
    assert desk.titles() == expected(10)
    assert mailbox.count() == 0


def test_a_database_that_goes_away_during_a_batch_loses_nothing(
    environ: dict[str, str], mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, postgres_pattern: Path
) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 1)
    with Postgres(postgres_pattern) as server:
        app = create_app(load_environment({**environ, "POSTMASTER_DATABASE_URL": server.copy_database()}))
        desk = Desk(runner(app))
        mailbox.deliver(*mails(5))
        desk.account(mailbox)
        with monkeypatch.context() as patch:
            between_list_and_read(patch, server.kill)
            assert desk.fetch_one(code=1)["error"]["code"] == "database-away"
        assert mailbox.count() == 5
        server.start()
        wait_until(lambda: desk.run("fetch").exit_code == 0, "the lease of the run that failed to expire")
        assert desk.titles() == expected(5)
        assert mailbox.count() == 0


def runner(app: Flask) -> Callable[..., Result]:
    """Like the fixture ``run``, for another app."""

    def run(*args: object, input: str | bytes | None = None) -> Result:  # noqa: A002 - click's word
        result = app.test_cli_runner().invoke(args=[str(arg) for arg in args], input=input)
        return Result(result.exit_code, result.stdout, result.stderr)

    return run


def test_a_server_that_goes_away_during_a_run_loses_nothing(
    desk: Desk, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Dovecot(certificates.by_address) as server:
        mailbox = new_mailbox(server)
        mailbox.deliver(*mails(5))
        desk.account(mailbox)
        with monkeypatch.context() as patch:
            between_list_and_read(patch, server.kill)
            error = desk.fetch_one(code=1)["error"]
        assert error["code"] == "connection-lost"
        server.start()
        assert desk.fetch_one()["new"] == 5
        assert desk.titles() == expected(5)


@pytest.mark.parametrize("position", [0, 2, 4])
def test_a_message_that_cannot_be_read_goes_to_quarantine_and_holds_up_no_other(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    mailbox.deliver(*mails(5))
    desk.account(mailbox)
    original = arrival.parse_message

    def parse(raw: bytes) -> Any:
        if f"Subject: mail {position}\r\n".encode() in raw:
            raise ValueError("a flaw in the reader")
        return original(raw)

    monkeypatch.setattr(arrival, "parse_message", parse)
    row = desk.fetch_one()
    assert (row["new"], row["quarantined"]) == (4, 1)
    assert desk.titles() == expected(5) - Counter([f"mail {position}"])
    assert mailbox.count() == 0


@pytest.mark.parametrize("position", [0, 2, 4])
def test_a_message_that_the_database_refuses_goes_to_quarantine_and_holds_up_no_other(
    desk: Desk, app: Flask, mailbox: TestMailbox, position: int
) -> None:
    desk.ok("status")
    refuse_title(app, f"mail {position}")
    mailbox.deliver(*mails(5))
    desk.account(mailbox)
    row = desk.fetch_one()
    assert (row["new"], row["quarantined"]) == (4, 1)
    assert mailbox.count() == 0


EMPTY = b"* 1 FETCH (UID 1 BODY[] {0}\r\n)\r\n{tag} OK done\r\n"
NIL = b"* 1 FETCH (UID 1 BODY[] NIL)\r\n{tag} OK done\r\n"


@pytest.mark.parametrize("answer", [EMPTY, NIL, b"{tag} NO cannot\r\n"], ids=["empty", "NIL", "refused"])
def test_a_message_that_the_server_does_not_hand_over_is_left_there(desk: Desk, answer: bytes) -> None:
    with ImapServer({"UID FETCH": answer}, messages={1: mail("kept")}) as server:
        credential = desk.credential("user", "secret")
        desk.add_account(type="IMAP", host="127.0.0.1", port=server.port, credential=credential)
        row = desk.fetch_one()
    assert (row["found"], row["left_reasons"]) == (1, {"withheld": 1})
    assert desk.tickets() == []
    assert not any(b"STORE" in line or b"EXPUNGE" in line for line in server.received)


def test_ctrl_c_finishes_the_current_batch_and_exits_130(
    desk: Desk, mailbox: TestMailbox, environ: dict[str, str], flask_process: FlaskProcesses, tmp_path: Path
) -> None:
    mailbox.deliver(*mails(1000))
    desk.account(mailbox)
    said = tmp_path / "said"
    with said.open("wb") as file, flask_process.begin(environ, "fetch", stderr=file) as process:
        wait_until(lambda: len(desk.tickets("--limit", "1")) > 0, "the first batch", 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, said.read_text()
    stored = len(desk.tickets())
    assert 0 < stored < 1000
    assert mailbox.count() == 1000 - stored
    desk.fetch_one()
    assert desk.titles() == expected(1000)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_twice_it_does_not_wait_for_a_server_that_says_nothing(
    desk: Desk, environ: dict[str, str], flask_process: FlaskProcesses, tmp_path: Path, number: signal.Signals
) -> None:
    said = tmp_path / "said"
    with ScriptedServer(Connection.hang) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        with said.open("wb") as file, flask_process.begin(environ, "fetch", stderr=file) as process:
            wait_until(lambda: server.connections > 0, "the session", 60)
            process.send_signal(number)
            wait_until(lambda: "once more ends it at once" in said.read_text(), "the first one to be heard")
            process.send_signal(number)
            assert process.wait(10) == 130, said.read_text()
    assert "Traceback" not in said.read_text()


def test_peak_memory_does_not_grow_with_the_mailbox(desk: Desk, mailbox: TestMailbox, environ: dict[str, str]) -> None:
    desk.account(mailbox)
    peaks = []
    for count in (100, 900):  # the second has 18 MB more of mail, which is what is asked for below
        mailbox.deliver(*[mail(f"mail {number}", size=22_000) for number in range(count)])
        script = "import resource, sys; from flask.cli import main\ntry: main()\nfinally: "
        script += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        done = subprocess.run(
            [sys.executable, "-c", script, "fetch"],
            env={**os.environ, **environ, "FLASK_APP": "postmaster"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr.split()[-1]))
    assert mailbox.count() == 0
    assert peaks[1] < peaks[0] * 1.2
