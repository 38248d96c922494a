"""Mail that a server does not hand over: told on the account's page, and an incident after three runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.operations.alerting import check_now
from tests.servers.quirks.imap import QuirkyImapServer
from tests.servers.quirks.imap_table import CULPRIT, CutShort, is_culprit
from tests.servers.quirks.mailbox import Mailbox, Message
from tests.servers.quirks.pop3 import Pop3Session, QuirkyPop3Server
from tests.support import Desk, mail, mails
from tests.web.resource_support import words

NOTICE = 'id="withheld"'


def culprits(count: int) -> list[bytes]:
    """Messages that a quirk concerns."""
    return [mail(f"culprit {number}", body=CULPRIT.decode(), size=600) for number in range(count)]


@pytest.fixture
def server() -> Iterator[QuirkyImapServer]:
    """A server that cuts one of three messages short."""
    with QuirkyImapServer(Mailbox(*mails(2), *culprits(1)), [CutShort]) as server:
        yield server


@pytest.fixture
def page(desk: Desk, client: FlaskClient, server: QuirkyImapServer) -> Callable[[], str]:
    """Fetches from the server, and shows the account's page."""
    credential = desk.credential("anna", "correct horse")
    desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)

    def fetch_and_show() -> str:
        desk.fetch()
        return client.get("/accounts/1/status").text

    return fetch_and_show


def test_the_page_of_an_account_names_what_its_server_withholds_until_it_comes(
    page: Callable[[], str], server: QuirkyImapServer
) -> None:
    first = page()
    assert NOTICE in first
    text = words(first)
    assert "The server does not hand over 1 message. Nothing was deleted, and each run tries again" in text
    assert "Left on the server: message UID 4" in text
    assert "only 100 of its" in text
    assert "Runs without it: 1." in text
    assert "Runs without it: 2." in words(page())
    server.quirks = ()
    assert NOTICE not in page()


def test_several_messages_are_counted_and_named(page: Callable[[], str], server: QuirkyImapServer) -> None:
    server.mailbox.deliver(*culprits(2))
    text = words(page())
    assert "does not hand over 3 messages." in text
    assert all(f"message UID {uid}," in text for uid in (4, 5, 6))


def test_an_account_whose_server_hands_over_everything_has_no_notice(
    page: Callable[[], str], server: QuirkyImapServer
) -> None:
    server.quirks = ()
    assert NOTICE not in page()


def test_what_a_server_calls_a_message_is_shown_as_text(desk: Desk, client: FlaskClient) -> None:
    class Hostile(CutShort, Pop3Session):
        def uidl(self, message: Message) -> bytes:
            return b"<img/src=x>" if is_culprit(message) else message.uidl

    with QuirkyPop3Server(Mailbox(*culprits(1)), [Hostile]) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="POP3", host=server.host, port=server.port, credential=credential)
        desk.fetch()
        shown = client.get("/accounts/1/status").text
    assert NOTICE in shown
    assert "uidl:&lt;img/src=x&gt;" in shown
    assert "<img/src=x>" not in shown


def test_it_is_an_incident_after_three_runs_and_over_when_it_comes(
    app: Flask, client: FlaskClient, page: Callable[[], str], server: QuirkyImapServer
) -> None:
    sentence = "1 message is left on the server, which does not hand it over."

    def status() -> str:
        with app.app_context():
            check_now()
        return words(client.get("/status").text)

    for run in range(3):
        assert (sentence in status()) == (run > 2)
        page()
    assert sentence in status()
    server.quirks = ()
    page()
    assert sentence not in status()
