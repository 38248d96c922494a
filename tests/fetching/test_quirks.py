"""Every reported quirk of a mail server: nothing is lost, nothing doubled, and the next good run recovers by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from postmaster.extensions import now
from postmaster.fetching import pending
from postmaster.fetching.batches import LISTED_AGAIN
from postmaster.sources import imap as imap_module
from postmaster.sources.imap import ImapSource
from postmaster.sources.pop3 import Pop3Source
from tests.fetching.test_exactly_once import break_before_deleting
from tests.servers.quirks import imap_table, pop3_table
from tests.servers.quirks.books import check_books, digests, recorded
from tests.servers.quirks.imap import QuirkyImapServer
from tests.servers.quirks.imap_table import CULPRIT, Quirk
from tests.servers.quirks.mailbox import Mailbox
from tests.servers.quirks.pop3 import QuirkyPop3Server
from tests.support import Desk, mail, mails
from tests.turns import in_turns

SOURCES = {"IMAP": ImapSource, "POP3": Pop3Source}
SERVERS = {"IMAP": QuirkyImapServer, "POP3": QuirkyPop3Server}
NO_UIDS = ("no UID at all", "NIL for each UID", "a listing of nothing", "a listing of flags only")

# Each quirk, at once or after a run that was killed between commit and deletion.
EVERY_QUIRK = [
    pytest.param(kind, quirk, killed == "after a kill", id=f"{kind}-{quirk}-{killed}")
    for kind, table in (("IMAP", imap_table.QUIRKS), ("POP3", pop3_table.QUIRKS))
    for quirk in table
    for killed in in_turns(("at once", "after a kill"), str(quirk))
]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of some thousand bytes count as large ones."""
    monkeypatch.setattr(imap_module, "LARGE_BYTES", 4_000)
    monkeypatch.setattr(imap_module, "CHUNK_BYTES", 1_500)


@pytest.fixture
def mailbox() -> Mailbox:
    """Seven messages; one in the middle is the culprit, one is large."""
    usual = mails(5)
    culprit = mail("culprit", sender="eve@example.net", body=CULPRIT.decode(), size=600)
    return Mailbox(*usual[:2], culprit, *usual[2:], mail("large", sender="lars@example.net", size=6_000))


@pytest.mark.parametrize(("kind", "quirk", "killed"), EVERY_QUIRK)
def test_a_quirk_neither_loses_nor_doubles_mail(
    app: Flask, desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, kind: str, quirk: Quirk, killed: bool
) -> None:
    delivered = [message.raw for message in mailbox.messages]
    with SERVERS[kind](mailbox) as server:
        account = desk.add_account(
            type=kind, host=server.host, port=server.port, credential=desk.credential("anna", "correct horse")
        )
        if killed:
            with monkeypatch.context() as patch:
                break_before_deleting(patch, SOURCES[kind])
                desk.fetch(code=1)
            assert recorded(app) == digests(delivered)
        server.quirks = (quirk.session,)
        for _ in range(2):
            desk.run("fetch", "--json", "--account", account)
            check_books(app, mailbox, delivered)
        if not quirk.refuses:
            left = [message.raw for message in mailbox.messages]
            assert left == [raw for raw in delivered if quirk.blocks and CULPRIT in raw]
        server.quirks = ()
        late = mail("late", sender="late@example.net")
        mailbox.deliver(late)
        desk.fetch("--account", account)
        assert not mailbox.messages
        assert recorded(app) == digests([*delivered, late])
        assert set(desk.titles().values()) == {1}


@pytest.mark.parametrize("quirk", [q for q in imap_table.QUIRKS if q.name in NO_UIDS], ids=str)
def test_a_listing_without_uids_is_an_error_of_the_session(desk: Desk, mailbox: Mailbox, quirk: Quirk) -> None:
    with QuirkyImapServer(mailbox, [quirk.session]) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        row = desk.fetch_one(code=1)
    assert (row["error"]["code"], row["error"]["stage"], row["left_reasons"]) == ("uids-missing", "list", {})


def test_what_may_be_a_mark_of_others_is_not_passed_over(desk: Desk, mailbox: Mailbox) -> None:
    with QuirkyImapServer(mailbox, [imap_table.MoreBehindTheListing]) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        row = desk.fetch_one(code=1)
    assert (row["error"]["stage"], row["new"], len(mailbox.messages)) == ("list", 0, 7)


def test_mail_that_a_server_never_deletes_is_one_ticket_for_as_long_as_it_is_listed(
    app: Flask, desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with QuirkyPop3Server(mailbox, (pop3_table.QuitDoesNothing,)) as server:
        credential = desk.credential("anna", "correct horse")
        account = desk.add_account(type="POP3", host=server.host, port=server.port, credential=credential)
        desk.fetch("--account", account)
        for hours in (20, 40, 60):
            monkeypatch.setattr(pending, "now", lambda hours=hours: now() + timedelta(hours=hours))
            row = desk.fetch_one("--account", account)
            assert row["already_recorded"] == len(mailbox.messages)
            assert LISTED_AGAIN in row["notes"]
    assert set(desk.titles().values()) == {1}
