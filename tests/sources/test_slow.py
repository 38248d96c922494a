"""A server that sends a byte now and then is left soon, whatever it is asked; one that gets on is not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from postmaster.sources import deadline
from tests.servers.pop3 import Pop3Server
from tests.servers.scripted import Answer, Connection, ImapServer
from tests.sources.support import at_script, mail, opened, refused, taken


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits for which a test can wait."""
    for name, seconds in (("STEP_SECONDS", 0.7), ("MAIL_SECONDS", 0.1), ("OPENING_SECONDS", 0.7)):
        monkeypatch.setattr(deadline, name, seconds)
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 15


def crawls(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    connection.trickle(b"x" * 500)


OPENING = [
    ("IMAP", "LOGIN"),
    ("IMAP", "SELECT"),
    ("IMAP", "FETCH"),
    ("POP3", "PASS"),
    ("POP3", "UIDL"),
    ("POP3", "LIST"),
]
READING = [("IMAP", "UID FETCH"), ("POP3", "RETR")]
DELETING = [("IMAP", "UID STORE"), ("IMAP", "UID EXPUNGE"), ("POP3", "DELE"), ("POP3", "QUIT")]


def crawling(type_: str, command: str) -> ImapServer | Pop3Server:
    answers: dict[str, Answer] = {command: crawls}
    if type_ == "POP3":
        return Pop3Server([mail("a")], answers=answers)
    return ImapServer(answers, messages={1: mail("a")})


@pytest.mark.parametrize(("type_", "command"), OPENING)
def test_signing_in_and_listing_have_one_limit_together(type_: str, command: str) -> None:
    with crawling(type_, command) as server:
        error = refused(at_script(server, type_))
    assert error.code == "server-slow"
    assert "signing in and listing the mailbox took longer than 0.7 s" in error.message
    assert "Test connection" in error.advice


@pytest.mark.parametrize(("type_", "command"), READING + DELETING)
def test_reading_and_deleting_have_a_limit_that_follows_the_mail(type_: str, command: str) -> None:
    with crawling(type_, command) as server:
        error = refused(at_script(server, type_))
    word = "reading" if (type_, command) in READING else "deleting"
    assert (error.code, f"{word} a batch of mail took longer than 0." in error.message) == ("server-slow", True)


def test_a_farewell_that_crawls_keeps_nobody() -> None:
    with crawling("IMAP", "LOGOUT") as server:
        assert len(taken(opened(at_script(server)))[0]) == 1


@pytest.mark.parametrize("type_", ["IMAP", "POP3"])
def test_each_step_is_timed_for_itself_and_not_what_is_done_in_between(type_: str) -> None:
    server = ImapServer(messages={1: mail("a")}) if type_ == "IMAP" else Pop3Server([mail("a")])
    with server:
        source = opened(at_script(server, type_))
        mails = source.list()
        for _ in range(2):
            assert not server.stopping.wait(1.0)  # as while a batch is recorded
            assert len(list(source.read(mails))) == 1
        source.abort()
