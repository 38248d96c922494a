"""What a server trickles, or does not delete, does not keep the rest of the mailbox from being fetched."""

from __future__ import annotations

import pytest
from flask import Flask

from postmaster.sources import deadline
from tests.servers.quirks.books import check_books, digests, recorded
from tests.servers.quirks.imap import QuirkyImapServer
from tests.servers.quirks.imap_table import CULPRIT, is_culprit
from tests.servers.quirks.mailbox import Mailbox, Message
from tests.servers.quirks.pop3 import QuirkyPop3Server
from tests.servers.quirks.pop3_table import DeleRefused
from tests.support import Desk, mail, mails

SERVERS = {"IMAP": QuirkyImapServer, "POP3": QuirkyPop3Server}


class TricklesText:
    """Whatever the answer, the text of the culprit comes a byte at a time, until the client has had enough."""

    def text(self, message: Message) -> bytes:
        if is_culprit(message):
            self.connection.trickle(b"* " + b"x" * 100_000)  # type: ignore[attr-defined]
        return message.raw


class TricklesAll(TricklesText):
    def text(self, message: Message) -> bytes:
        self.connection.trickle(b"* " + b"x" * 100_000)  # type: ignore[attr-defined]
        return message.raw


# More than one session takes (PostMasterReconnectMessage).
SESSION, COUNT = 10, 25


@pytest.mark.parametrize("runs", [1, 2])
def test_mail_whose_deletion_pop3_refuses_is_taken_once_by_all_sessions_of_a_run(
    app: Flask, desk: Desk, runs: int
) -> None:
    desk.ok("setting", "set", "PostMasterReconnectMessage", str(SESSION))
    delivered = mails(COUNT)
    mailbox = Mailbox(*delivered)
    with QuirkyPop3Server(mailbox, [DeleRefused]) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="POP3", host=server.host, port=server.port, credential=credential)
        for _ in range(runs):
            desk.fetch_one("--timeout", "20")
            check_books(app, mailbox, delivered)
        assert recorded(app) == digests(delivered)
        assert mailbox.sessions < 10 * runs, "no session should go over what another one has done"
        server.quirks = ()
        desk.fetch()
    assert not mailbox.messages
    assert recorded(app) == digests(delivered)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step has but two seconds."""
    monkeypatch.setattr(deadline, "STEP_SECONDS", 2.0)
    monkeypatch.setattr(deadline, "MAIL_SECONDS", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", SERVERS)
def test_a_message_that_the_server_trickles_is_left_and_named_and_the_others_come(
    app: Flask, desk: Desk, kind: str
) -> None:
    usual, culprit = mails(30), mail("culprit", sender="eve@example.net", body=CULPRIT.decode())
    delivered = [*usual[:10], culprit, *usual[10:]]
    mailbox = Mailbox(*delivered)
    with SERVERS[kind](mailbox, [TricklesText]) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type=kind, host=server.host, port=server.port, credential=credential)
        row = desk.fetch_one()
        check_books(app, mailbox, delivered)
        assert [message.raw for message in mailbox.messages] == [culprit]
        assert (row["new"], row["left_reasons"]) == (30, {"withheld": 1})
        assert "too slow" in row["notes"][0]
        server.quirks = ()
        desk.fetch()
    assert not mailbox.messages
    assert recorded(app) == digests(delivered)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_trickles_all_messages_is_given_up(app: Flask, desk: Desk, kind: str) -> None:
    mailbox = Mailbox(*mails(30))
    with SERVERS[kind](mailbox, [TricklesAll]) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type=kind, host=server.host, port=server.port, credential=credential)
        row = desk.fetch_one(code=1)
        assert row["error"]["code"] == "server-slow"
        assert mailbox.sessions < 10
    assert not recorded(app)
