"""A message with which run after run ends is left on the server, named, and keeps nobody else's mail waiting."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

import pytest
from flask import Flask

from postmaster.database import read_session
from postmaster.extensions import now
from postmaster.fetching import recorder
from postmaster.fetching.caution import STRIKES
from postmaster.operations import account_troubles, upkeep
from postmaster.operations.conditions import CONDITIONS
from postmaster.pipeline.arrival import Arrival
from tests.servers.flask_process import FlaskProcesses
from tests.servers.quirks.books import check_books, digests, recorded
from tests.servers.quirks.imap import QuirkyImapServer
from tests.servers.quirks.imap_table import CULPRIT
from tests.servers.quirks.mailbox import Mailbox
from tests.servers.quirks.pop3 import QuirkyPop3Server
from tests.support import Desk, mail, mails

SERVERS = {"IMAP": QuirkyImapServer, "POP3": QuirkyPop3Server}

# Runs with a whole batch and with ten messages, and then so many with the message alone.
ENDED = 2 + STRIKES

Fetch = Callable[[], int]


def troubles(app: Flask) -> Sequence[str]:
    """What incidents there are because of mail that ends runs."""
    [condition] = [each for each in CONDITIONS if each.name == "fatal"]
    with app.app_context(), read_session() as session:
        return [trouble.sentence for trouble in condition.find(session, now()) or ()]


@pytest.fixture
def mailbox() -> Mailbox:
    """Thirty messages; one in the middle is the culprit."""
    usual = mails(29)
    return Mailbox(*usual[:15], mail("culprit", sender="eve@example.net", body=CULPRIT.decode()), *usual[15:])


@pytest.fixture
def fetch_and_die(environ: dict[str, str], flask_process: FlaskProcesses) -> Fetch:
    """Runs it; returns how it ended."""
    module = "tests.fetching.fetch_and_be_killed"
    return lambda: flask_process(environ, CULPRIT.decode(), module=module).returncode


@pytest.mark.parametrize("kind", SERVERS)
def test_a_message_at_which_the_process_is_killed_is_left_after_some_runs_and_the_others_come(
    app: Flask, desk: Desk, fetch_and_die: Fetch, mailbox: Mailbox, kind: str
) -> None:
    delivered = [message.raw for message in mailbox.messages]
    with SERVERS[kind](mailbox) as server:
        credential = desk.credential("anna", "correct horse")
        account = desk.add_account(type=kind, host=server.host, port=server.port, credential=credential)
        for number in range(ENDED):
            assert troubles(app) == []
            assert fetch_and_die() == -signal.SIGKILL
            if number % 2:
                with app.app_context():
                    upkeep.close_dead_runs()  # the worker notices it, or the next run does
            check_books(app, mailbox, delivered)
        assert fetch_and_die() == 0
        assert [CULPRIT in message.raw for message in mailbox.messages] == [True]
        assert sum(recorded(app).values()) == len(delivered) - 1
        assert "1 message is left on the server" in troubles(app)[0]
        late = mail("late", sender="late@example.net")
        mailbox.deliver(late)
        assert fetch_and_die() == 0, "it should be left in the runs that follow, too"
        desk.ok("account", "set", account, "--comment", "has more memory now")
        row = desk.fetch_one()
        assert (row["new"], row["left"]) == (1, 0)
    assert not mailbox.messages
    assert recorded(app) == digests([*delivered, late])
    assert troubles(app) == []


def test_several_messages_that_end_runs_are_spoken_of_as_several(
    app: Flask, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = int(desk.add_account(type="IMAP", host="one.example"))
    monkeypatch.setattr(account_troubles, "fatal_mail", lambda _session: {account: 3})
    [sentence] = troubles(app)
    assert "3 messages are left on the server" in sentence
    assert "in the middle of them" in sentence
    assert "move them away with a mail program; the account's page names them." in sentence


def test_a_message_for_which_memory_runs_out_in_each_run_is_left_and_named(
    app: Flask, desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = recorder.read_arrival

    def hungry(raw: bytes, *rest: object) -> Arrival:
        if CULPRIT in raw:
            raise MemoryError
        return read(raw, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(recorder, "read_arrival", hungry)
    with QuirkyImapServer(mailbox) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        for _ in range(ENDED):
            assert desk.fetch_one(code=1)["error"]["code"] == "memory-short"
        row = desk.fetch_one()
        assert row["left_reasons"] == {"withheld": 1}
        assert "memory" in row["notes"][0]
        assert len(mailbox.messages) == 1
    assert sum(recorded(app).values()) == 29


def test_a_kill_by_chance_leaves_nothing_behind(app: Flask, desk: Desk, fetch_and_die: Fetch, mailbox: Mailbox) -> None:
    delivered = [message.raw for message in mailbox.messages]
    with QuirkyImapServer(mailbox) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        for _ in range(ENDED - 1):
            assert fetch_and_die() == -signal.SIGKILL
        row = desk.fetch_one()
        assert (row["left"], row["notes"]) == (0, [])
    assert recorded(app) == digests(delivered)
