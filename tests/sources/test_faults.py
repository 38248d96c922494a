"""Each way in which a server fails ends in its code, at its stage, with the server's own words."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from postmaster.accounts.types import ACCOUNT_TYPES
from postmaster.sources import deadline, dial, wire
from postmaster.sources.base import Endpoint
from tests.servers.certificates import Certificate
from tests.servers.fixtures import Certificates, TestMailbox
from tests.servers.pop3 import Pop3Server
from tests.servers.ports import free_ports
from tests.servers.scripted import Connection, ImapServer, ScriptedServer
from tests.sources.support import TYPES, at, at_script, mail, opened, refused

LITERAL = b"* 1 FETCH (UID 1 BODY[] {%d}\r\nSubject: cut"


def endpoint(host: str, port: int, type_: str = "IMAP") -> Endpoint:
    return Endpoint(ACCOUNT_TYPES[type_], host, port, "anna", "correct horse")


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("host", ["no-such-host.invalid", "", "a..b", "x" * 70, "nul\0"])
def test_an_unknown_host_is_told_at_the_stage_dns(type_: str, host: str) -> None:
    error = refused(endpoint(host, 143, type_))
    assert (error.code, error.stage) == ("host-unknown", "dns")


@pytest.mark.parametrize("type_", TYPES)
def test_a_closed_port_is_told_as_refused(type_: str) -> None:
    error = refused(endpoint("127.0.0.1", free_ports(1)[0], type_))
    assert (error.code, error.stage) == ("connect-refused", "connect")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits for single answers that tests can wait for."""
    for module in (dial, wire):
        monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(deadline, "ANSWER_SECONDS", {})
    monkeypatch.setattr(deadline, "USUAL_ANSWER_SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_port_that_does_not_answer_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as filler:
        filler.connect(listener.getsockname())
        error = refused(endpoint(*listener.getsockname()))
    assert (error.code, error.stage) == ("connect-timeout", "connect")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("type_", "code", "stage"), [
    ("IMAP", "no-greeting", "connect"),
    ("POP3TLS", "no-greeting", "connect"),
    ("IMAPS", "server-silent", "tls"),
    ("POP3S", "server-silent", "tls"),
])  # fmt: skip
def test_a_server_that_says_nothing_is_told_as_such(type_: str, code: str, stage: str) -> None:
    with ScriptedServer(Connection.hang) as server:
        error = refused(at_script(server, type_))
    assert (error.code, error.stage) == (code, stage)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "FETCH", "UID FETCH", "UID STORE", "UID EXPUNGE"])
def test_a_server_that_falls_silent_is_told_as_such(command: str) -> None:
    with ImapServer({command: lambda connection, _, __: connection.hang()}, messages={1: mail("one")}) as server:
        assert refused(at_script(server)).code == "server-silent"


def says(greeting: bytes) -> Callable[[Connection], None]:
    return lambda connection: connection.send(greeting)


@pytest.mark.parametrize("type_", ["IMAP", "IMAPTLS", "POP3", "POP3TLS"])
@pytest.mark.parametrize("greeting", [b"220 mail.example.org ESMTP\r\n", b"SSH-2.0-OpenSSH\r\n", b"\xff\0\x01\r\n"])
def test_another_protocol_is_told_as_no_mail_server(type_: str, greeting: bytes) -> None:
    with ScriptedServer(says(greeting)) as server:
        error = refused(at_script(server, type_))
    assert (error.code, error.stage) == ("not-a-mail-server", "connect")


def test_imap_at_a_pop3_port_and_the_other_way_round_is_told_as_such() -> None:
    with ImapServer() as imap, Pop3Server() as pop3:
        assert refused(at_script(imap, "POP3")).code == "not-a-mail-server"
        assert refused(at_script(pop3, "IMAP")).code == "not-a-mail-server"


@pytest.mark.parametrize(("type_", "greeting", "words"), [
    ("IMAP", b"* BYE Too many connections\r\n", "Too many connections"),
    ("POP3", b"-ERR [SYS/TEMP] come back later\r\n", "[SYS/TEMP] come back later"),
    ("IMAP", b"", ""),
    ("POP3", b"", ""),
])  # fmt: skip
def test_a_server_that_turns_us_away_at_once_is_temporary(type_: str, greeting: bytes, words: str) -> None:
    with ScriptedServer(says(greeting)) as server:
        error = refused(at_script(server, type_))
    assert (error.code, error.stage, error.server) == ("server-unavailable", "connect", words)


@pytest.mark.parametrize("type_", ["IMAPS", "POP3S"])
def test_a_plain_port_under_a_tls_type_is_told_at_the_stage_tls(type_: str) -> None:
    with ImapServer() as server:
        error = refused(at_script(server, type_))
    assert (error.code, error.stage) == ("tls-failed", "tls")


def test_a_server_that_is_signed_in_before_we_are_is_not_trusted() -> None:
    with ImapServer(greeting=b"* PREAUTH welcome\r\n", messages={1: mail("whose?")}) as server:
        assert refused(at_script(server)).code == "server-confused"


LOGINS = [
    ("NO [AUTHENTICATIONFAILED] no", "login-refused"),
    ("NO [AUTHORIZATIONFAILED] no", "login-refused"),
    ("NO [EXPIRED] change your password, try again later", "login-refused"),
    ("NO LOGIN failed.", "login-refused"),
    ("NO [ALERT] Application-specific password required", "login-refused"),
    ("NO [UNAVAILABLE] Temporary authentication failure", "login-unavailable"),
    ("NO Temporary failure in name lookup", "login-unavailable"),
    ("NO [INUSE] somebody else is here", "login-in-use"),
    ("NO [LIMIT] too many", "login-limit"),
    ("NO [ALERT] Too many simultaneous connections.", "login-limit"),
    ("NO [PRIVACYREQUIRED] use TLS", "login-disabled"),
    ("BAD unknown command", "server-refused"),
]


@pytest.mark.parametrize(("answer", "code"), LOGINS)
def test_a_refused_imap_login_blames_the_password_only_if_the_server_does(answer: str, code: str) -> None:
    with ImapServer({"LOGIN": b"{tag} %b\r\n" % answer.encode()}) as server:
        error = refused(at_script(server))
    assert (error.code, error.stage) == (code, "login")
    assert error.server == answer.partition(" ")[2]


@pytest.mark.parametrize(("answer", "code"), LOGINS)
def test_a_refused_authenticate_is_read_like_a_refused_login(answer: str, code: str) -> None:
    with ImapServer({"AUTHENTICATE": b"{tag} %b\r\n" % answer.encode()}) as server:
        error = refused(at_script(server, password="pässword"))
    assert (error.code, error.stage) == (code, "login")


@pytest.mark.parametrize(("answer", "code"), [
    (b"-ERR [AUTH] no", "login-refused"),
    (b"-ERR no", "login-unclear"),
    (b"-ERR [IN-USE] locked", "login-in-use"),
    (b"-ERR maildrop already locked by another session", "login-in-use"),
    (b"-ERR [LOGIN-DELAY] wait a minute", "login-limit"),
    (b"-ERR [SYS/TEMP] try again", "login-unavailable"),
    (b"-ERR [SYS/PERM] call somebody", "login-unavailable"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["USER", "PASS"])
def test_a_refused_pop3_login_blames_the_password_only_if_the_server_does(
    answer: bytes, code: str, command: str
) -> None:
    with Pop3Server(answers={command: answer + b"\r\n"}) as server:
        error = refused(at_script(server, "POP3"))
    assert (error.code, error.stage) == (code, "login")
    assert error.server == answer.decode().removeprefix("-ERR ")


def test_goodbye_at_login_does_not_blame_the_password() -> None:
    with ImapServer({"LOGIN": b"* BYE shutting down\r\n"}) as server:
        error = refused(at_script(server))
    assert (error.code, error.server) == ("login-unavailable", "shutting down")


@pytest.mark.parametrize("type_", ["IMAP", "POP3"])
def test_a_wrong_password_on_a_real_server_is_a_refused_login(mailbox: TestMailbox, type_: str) -> None:
    error = refused(at(mailbox, type_, password="wr0ng"))
    assert (error.code, error.stage) == ("login-refused", "login")
    assert "Authentication failed" in error.server


def test_a_server_that_takes_no_passwords_unencrypted_gets_none() -> None:
    with ImapServer(capability=b"IMAP4rev1 LOGINDISABLED STARTTLS") as server:
        assert refused(at_script(server)).code == "login-disabled"
    assert not any(b"LOGIN" in line for line in server.received)


@pytest.mark.parametrize("type_", ["IMAP", "POP3"])
def test_a_server_that_echoes_the_password_does_not_get_it_into_the_error(type_: str) -> None:
    words = b"what is correct horse supposed to mean"
    with (
        ImapServer({"LOGIN": b"{tag} NO " + words + b"\r\n"}) as imap,
        Pop3Server(answers={"PASS": b"-ERR " + words + b"\r\n"}) as pop3,
    ):
        error = refused(at_script(imap if type_ == "IMAP" else pop3, type_))
    assert error.server == "what is … supposed to mean"
    assert error.__cause__ is None


@pytest.mark.parametrize(("command", "stage"), [
    ("LOGIN", "login"),
    ("SELECT", "folder"),
    ("FETCH", "list"),
    ("UID FETCH", "read"),
    ("UID STORE", "delete"),
    ("UID EXPUNGE", "delete"),
])  # fmt: skip
@pytest.mark.parametrize("how", [Connection.cut, Connection.close])
def test_a_lost_imap_connection_is_told_with_its_stage(
    command: str, stage: str, how: Callable[[Connection], None]
) -> None:
    with ImapServer({command: lambda connection, _, __: how(connection)}, messages={1: mail("one")}) as server:
        error = refused(at_script(server))
    assert (error.code, error.stage) == ("connection-lost", stage)


@pytest.mark.parametrize(("command", "stage"), [
    ("PASS", "login"), ("LIST", "list"), ("UIDL", "list"), ("RETR", "read"), ("DELE", "delete"), ("QUIT", "delete"),
])  # fmt: skip
def test_a_lost_pop3_connection_is_told_with_its_stage_and_deletes_nothing(command: str, stage: str) -> None:
    with Pop3Server([mail("one")], answers={command: lambda connection, _, __: connection.cut()}) as server:
        error = refused(at_script(server, "POP3"))
    assert (error.code, error.stage) == ("quit-lost" if command == "QUIT" else "connection-lost", stage)
    assert len(server.messages) == 1


@pytest.mark.parametrize(("command", "stage", "code"), [
    ("SELECT", "folder", "folder-refused"),
    ("FETCH", "list", "server-refused"),
    ("UID STORE", "delete", "delete-refused"),
    ("UID EXPUNGE", "delete", "delete-refused"),
])  # fmt: skip
@pytest.mark.parametrize("verdict", [b"NO", b"BAD"])
def test_a_refused_imap_command_is_told_with_the_servers_words(
    command: str, stage: str, code: str, verdict: bytes
) -> None:
    answers = {command: b"{tag} " + verdict + b" not on Mondays\r\n"}
    with ImapServer(answers, messages={1: mail("one")}) as server:
        error = refused(at_script(server))
    assert (error.code, error.stage, error.server) == (code, stage, "not on Mondays")


@pytest.mark.parametrize(("command", "stage", "code"), [
    ("LIST", "list", "server-refused"), ("UIDL", "list", "server-refused"), ("QUIT", "delete", "delete-refused"),
])  # fmt: skip
def test_a_refused_pop3_command_is_told_with_the_servers_words(command: str, stage: str, code: str) -> None:
    with Pop3Server([mail("one")], answers={command: b"-ERR not on Mondays\r\n"}) as server:
        error = refused(at_script(server, "POP3"))
    assert (error.code, error.stage, error.server) == (code, stage, "not on Mondays")


@pytest.mark.parametrize(("command", "answer"), [
    ("SELECT", b"* OK nothing else\r\n{tag} OK done\r\n"),
    ("SELECT", b"* x EXISTS\r\n* OK [UIDVALIDITY many] ok\r\n{tag} OK done\r\n"),
    ("FETCH", b"* 1 FETCH (UID one RFC822.SIZE 1 FLAGS ())\r\n{tag} OK done\r\n"),
    ("FETCH", b"* 1 FETCH (UID 1 RFC822.SIZE\r\n{tag} OK done\r\n"),
    ("FETCH", b"garbage\r\n"),
    ("FETCH", b"x" * 2_000_000 + b"\r\n"),
    ("FETCH", LITERAL % 10**11),
    ("UID FETCH", LITERAL % 10**11),
    ("UID FETCH", LITERAL % 10**30),
    ("UID FETCH", b"\xff\xfe\r\n"),
])  # fmt: skip
def test_nonsense_from_an_imap_server_is_told_as_nonsense(command: str, answer: bytes) -> None:
    with ImapServer({command: answer}, messages={1: mail("one")}) as server:
        assert refused(at_script(server)).code in ("server-confused", "server-refused", "delete-refused")


@pytest.mark.parametrize(("command", "answer"), [
    ("LIST", b"+OK\r\none two\r\n.\r\n"),
    ("LIST", b"+OK\r\n1\r\n.\r\n"),
    ("LIST", b"hello\r\n"),
    ("UIDL", b"hello\r\n"),
    ("RETR", b"hello\r\n"),
    ("DELE", b"hello\r\n"),
    ("QUIT", b"hello\r\n"),
])  # fmt: skip
def test_nonsense_from_a_pop3_server_is_told_as_nonsense_and_deletes_nothing(command: str, answer: bytes) -> None:
    with Pop3Server([mail("one")], answers={command: answer}) as server:
        assert refused(at_script(server, "POP3")).code in ("server-confused", "server-refused", "delete-refused")
    assert len(server.messages) == 1


# Time


def starts_crawling(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    connection.trickle(b"* 1 FETCH (UID 1 BODY[] {500}\r\n" + b"x" * 500)


@pytest.mark.parametrize("type_", ["IMAP", "IMAPS", "POP3"])
def test_a_server_that_sends_a_byte_now_and_then_is_cut_off_at_the_deadline(
    certificates: Certificates, type_: str
) -> None:
    certificate: Certificate | None = certificates.valid if type_ == "IMAPS" else None
    server: ScriptedServer = (
        Pop3Server([mail("slow")], answers={"RETR": starts_crawling})
        if type_ == "POP3"
        else ImapServer({"UID FETCH": starts_crawling}, messages={1: mail("slow")}, certificate=certificate)
    )
    with server:
        error = refused(at_script(server, type_, ca_file=certificates.ca_file), seconds=0.7)
    assert (error.code, error.stage) == ("session-deadline", "read")
    assert "0.7 s" in error.message


@pytest.mark.parametrize("type_", ["IMAPS", "IMAP"])
def test_the_deadline_holds_during_handshake_and_greeting(type_: str) -> None:
    with ScriptedServer(lambda connection: connection.trickle(b"\x16\x03\x03\x40\x00" + b"\x02" * 500)) as server:
        error = refused(at_script(server, type_), seconds=0.5)
    assert error.code == "session-deadline"


def test_a_session_that_ends_in_time_leaves_no_timer_behind(mailbox: TestMailbox) -> None:
    import threading

    before = threading.active_count()
    opened(at(mailbox)).close()
    opened(at(mailbox)).abort()
    assert threading.active_count() <= before + 1
