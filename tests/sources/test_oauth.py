"""Signing in with access tokens on servers that behave as no real one does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from postmaster.accounts.types import ACCOUNT_TYPES
from postmaster.errors import MailError
from postmaster.sources.base import Endpoint
from postmaster.sources.probe import probe
from tests.servers.pop3 import Pop3Server
from tests.servers.scripted import Answer, Connection, ImapServer, ScriptedServer
from tests.sources.support import opened

COMPLAINT = base64.b64encode(json.dumps({"status": "401", "scope": "mail"}).encode())
BEARER = b"IMAP4rev1 AUTH=OAUTHBEARER AUTH=XOAUTH2"


class Tokens:
    """A TokenSource with a token more for each renewal."""

    def __init__(self) -> None:
        self.renewed = 0

    @property
    def token(self) -> str:
        return f"access-token-{self.renewed}"

    def get(self) -> str:
        return self.token

    def renew(self, refused: str) -> str:
        assert refused == self.token
        self.renewed += 1
        return self.token

    def describe(self, token: str) -> str:
        return "Signs in."

    def causes(self, token: str) -> str:
        return "The likeliest causes first."


def endpoint(server: ScriptedServer, type_: str = "IMAP", login: str = "a,b=c@example.org") -> Endpoint:
    return Endpoint(ACCOUNT_TYPES[type_], server.host, server.port, login, tokens=Tokens())


def failure(server: ScriptedServer, type_: str = "IMAP") -> MailError:
    with pytest.raises(MailError) as caught:
        opened(endpoint(server, type_))
    assert "access-token" not in repr(vars(caught.value)) + str(caught.value) + repr(caught.value.__context__)
    return caught.value


def taking(
    mechanism: str,
    tokens: tuple[bytes, ...],
    *,
    hang_up: bool = False,
    prefix: bytes = b"{tag} ",
    continuation: bytes = b"+ ",
    complaint: bytes = b"+ " + COMPLAINT,
) -> Answer:
    """The answer to AUTHENTICATE: it takes ``tokens``, and complains of any other as RFC 7628 section 3.2.2 says."""

    def answer(connection: Connection, tag: bytes, arguments: bytes) -> None:
        said = prefix.replace(b"{tag}", tag)
        if arguments.decode() != mechanism:
            connection.send(said + (b"NO unknown\r\n" if prefix else b"-ERR unknown\r\n"))
            return
        connection.send(continuation + b"\r\n")
        sent = base64.b64decode(connection.line() or b"")
        if any(b"auth=Bearer " + token + b"\1\1" in sent for token in tokens):
            connection.send(said + (b"OK in\r\n" if prefix else b"+OK in\r\n"))
            return
        connection.send(complaint + b"\r\n")
        connection.line()
        connection.send(said + (b"NO AUTHENTICATE failed.\r\n" if prefix else b"-ERR Authentication failure\r\n"))
        if hang_up:
            connection.close()

    return answer


def pop3(answer: Answer, sasl: bytes = b"PLAIN XOAUTH2") -> Pop3Server:
    listing = b"+OK\r\nUSER\r\nUIDL\r\nSASL " + sasl + b"\r\n.\r\n"

    def auth(connection: Connection, tag: bytes, arguments: bytes) -> None:
        assert callable(answer)
        answer(connection, tag, arguments)

    no_mail = b"+OK\r\n.\r\n"
    return Pop3Server(answers={"CAPA": listing, "AUTH": auth, "LIST": no_mail, "UIDL": no_mail})


def server_of(type_: str, tokens: tuple[bytes, ...], **options: Any) -> ScriptedServer:
    """A server of that type which takes ``tokens`` by XOAUTH2."""
    if type_ == "POP3":
        return pop3(taking("XOAUTH2", tokens, prefix=b"", **options))
    answer = taking("XOAUTH2", tokens, **options)
    return ImapServer({"AUTHENTICATE": answer}, capability=b"IMAP4rev1 AUTH=XOAUTH2")


@pytest.mark.parametrize(("offered", "sent"), [
    (b"IMAP4rev1 AUTH=XOAUTH2", b"user=a,b=c@example.org\1auth=Bearer access-token-0\1\1"),
    (BEARER, b"n,a=a=2Cb=3Dc@example.org,\1host=127.0.0.1\1port=%d\1auth=Bearer access-token-0\1\1"),
])  # fmt: skip
def test_imap_sends_the_form_of_the_mechanism_that_is_offered(offered: bytes, sent: bytes) -> None:
    mechanism = "OAUTHBEARER" if b"OAUTHBEARER" in offered else "XOAUTH2"
    answer = taking(mechanism, (b"access-token-0",))
    with ImapServer({"AUTHENTICATE": answer}, capability=offered) as server:
        opened(endpoint(server)).abort()
    expected = sent % server.port if b"%d" in sent else sent
    assert base64.b64encode(expected) in server.received


def test_pop3_sends_the_token_on_a_line_of_its_own() -> None:
    with pop3(taking("XOAUTH2", (b"access-token-0",), prefix=b"")) as server:
        opened(endpoint(server, "POP3")).abort()
    place = server.received.index(b"AUTH XOAUTH2")
    assert base64.b64decode(server.received[place + 1]).startswith(b"user=a,b=c@example.org\1auth=Bearer ")


@pytest.mark.parametrize("hang_up", [False, True])
@pytest.mark.parametrize("type_", ["IMAP", "POP3"])
def test_a_refused_token_is_renewed_once_and_the_new_one_signs_in(type_: str, hang_up: bool) -> None:
    with server_of(type_, (b"access-token-1",), hang_up=hang_up) as server:
        opened(endpoint(server, type_)).abort()
    assert server.connections == 2


@pytest.mark.parametrize("continuation", [b"+", b"+ go ahead", b"+OK", b"+OK go ahead", b"+ Z28gYWhlYWQ="])
@pytest.mark.parametrize("type_", ["IMAP", "POP3"])
def test_a_token_is_sent_after_any_continuation(type_: str, continuation: bytes) -> None:
    with server_of(type_, (b"access-token-0",), continuation=continuation) as server:
        opened(endpoint(server, type_)).abort()
    assert server.connections == 1


@pytest.mark.parametrize("complaint", [b"+", b"+ no such token", b'+ {"status": "401", "scope": "mail"}'])
@pytest.mark.parametrize("type_", ["IMAP", "POP3"])
def test_a_complaint_that_is_plain_text_is_a_refusal_all_the_same(type_: str, complaint: bytes) -> None:
    with server_of(type_, (), complaint=complaint) as server:
        error = failure(server, type_)
    assert error.code == "token-refused"
    assert ("status 401, scope mail" in error.server) == (b"{" in complaint)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("type_", ["IMAP", "POP3"])
def test_a_token_that_is_refused_twice_is_a_refused_login_with_what_the_server_says(type_: str, mechanism: str) -> None:
    prefix = b"{tag} " if type_ == "IMAP" else b""
    answer = taking(mechanism, (), prefix=prefix)
    imap = ImapServer({"AUTHENTICATE": answer}, capability=f"IMAP4rev1 AUTH={mechanism}".encode())
    with imap if type_ == "IMAP" else pop3(answer, mechanism.encode()) as server:
        error = failure(server, type_)
    assert (error.code, error.stage) == ("token-refused", "login")
    assert "status 401, scope mail" in error.server
    assert error.advice == "The likeliest causes first."
    assert server.connections == 2


@pytest.mark.parametrize(("type_", "offered"), [("IMAP", b"IMAP4rev1 AUTH=PLAIN"), ("POP3", b"PLAIN LOGIN")])
def test_a_server_that_takes_no_tokens_is_sent_none(type_: str, offered: bytes) -> None:
    with ImapServer(capability=offered) if type_ == "IMAP" else pop3(b"-ERR\r\n", offered) as server:
        assert failure(server, type_).code == "oauth-not-offered"
    assert not any(line.startswith(b"AUTH") or b"AUTHENTICATE" in line for line in server.received)


@pytest.mark.parametrize(("words", "code"), [
    (b"NO [UNAVAILABLE] later", "login-unavailable"),
    (b"NO [AUTHENTICATIONFAILED] no", "token-refused"),
    (b"BAD what", "server-refused"),
])  # fmt: skip
def test_a_token_is_not_blamed_for_what_the_server_says_of_itself(words: bytes, code: str) -> None:
    with ImapServer({"AUTHENTICATE": b"{tag} " + words + b"\r\n"}, capability=BEARER) as server:
        assert failure(server).code == code


def test_challenges_without_end_are_given_up() -> None:
    def nag(connection: Connection, tag: bytes, arguments: bytes) -> None:
        while connection.sock.fileno() != -1:
            connection.send(b"+ bm90IGpzb24=\r\n")
            if connection.line() is None:
                return

    with ImapServer({"AUTHENTICATE": nag}, capability=BEARER) as server:
        assert failure(server).code == "server-confused"


def test_a_mailbox_that_stays_shut_after_a_good_token_is_a_matter_of_permission() -> None:
    shut = b"{tag} BAD User is authenticated but not connected.\r\n"
    answers: dict[str, Answer] = {"AUTHENTICATE": taking("XOAUTH2", (b"access-token-0",)), "LIST": shut, "SELECT": shut}
    with ImapServer(answers, capability=b"IMAP4rev1 AUTH=XOAUTH2") as server:
        error = failure(server)
        stages = list(probe(endpoint(server)))
    assert (error.code, error.advice) == ("mailbox-closed", "The likeliest causes first.")
    assert [(stage.stage, stage.state) for stage in stages[4:7]] == [
        ("login", "ok"),
        ("permission", "fail"),
        ("folder", "skip"),
    ]
