"""The main job on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers.fixtures import TestMailbox
from tests.servers.flask_process import FlaskProcesses
from tests.servers.postgres import Postgres
from tests.support import Desk, expected, mail, mails


@pytest.fixture
def environ(environ: dict[str, str], postgres: Postgres) -> dict[str, str]:
    """The environment of an app on an empty PostgreSQL database."""
    return {**environ, "POSTMASTER_DATABASE_URL": postgres.create_database()}


def test_without_tables_a_command_says_what_to_run(desk: Desk) -> None:
    result = desk.run("fetch")
    assert result.exit_code == 2
    assert "flask db upgrade" in result.stderr


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_mail_becomes_tickets_and_is_deleted(desk: Desk, mailbox: TestMailbox, kind: str) -> None:
    desk.ok("db", "upgrade")
    mailbox.deliver(*mails(120), mail("NUL \0 and \udcff".encode("utf-8", "surrogateescape").decode("latin-1")))
    desk.account(mailbox, kind)
    assert desk.fetch_one()["new"] == 121
    assert not expected(120) - desk.titles()
    assert mailbox.count() == 0


@pytest.mark.parametrize("raw", [b"", b"\0" * 100, b"Subject: \xff\xfe\0\r\nFrom: \xff\r\n\r\n\xff\0\xfe"])
def test_any_bytes_become_a_ticket(desk: Desk, raw: bytes) -> None:
    desk.ok("db", "upgrade")
    assert desk.ok("read", "--json", input=raw).json["outcome"] == "new"


def test_ticket_numbers_are_unique_when_many_are_opened_at_once(
    desk: Desk, environ: dict[str, str], flask_process: FlaskProcesses
) -> None:
    desk.ok("db", "upgrade")

    def deliver(raw: bytes) -> int:
        return flask_process(environ, "read", input=raw).returncode

    same = mail("the same")
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(deliver, [*mails(6), same, same])) == [0] * 8
    assert set(Counter(ticket["number"] for ticket in desk.tickets()).values()) == {1}
    assert desk.titles() == expected(6) + Counter(["the same"])
