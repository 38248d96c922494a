"""``--verbose``: the dialogue with the server on standard error, and no secret in it, however it is given back."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator

import pytest

from postmaster.errors import MailError
from postmaster.sources.dialogue import shown_on
from postmaster.sources.masking import Mask
from tests.servers.pop3 import Pop3Server
from tests.servers.quirks.imap import ImapSession, QuirkyImapServer
from tests.servers.quirks.mailbox import Mailbox
from tests.servers.quirks.pop3 import Pop3Session, QuirkyPop3Server
from tests.servers.scripted import Connection, ImapServer, ScriptedServer
from tests.sources.support import at_script, opened
from tests.support import Desk, mail, mails

PASSWORD = 'correct  horse"battery\\staple'
TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9." + "x9Zk" * 200
LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} anna@127\.0\.0\.1:\d+ [<>=] \S.*")


class Tokens:
    """Hands out ``TOKEN``, whatever is refused."""

    def get(self) -> str:
        return TOKEN

    def renew(self, refused: str) -> str:
        return TOKEN

    def describe(self, token: str) -> str:
        return "Signs in."

    def causes(self, token: str) -> str:
        return ""


def leaks(text: str, secret: str) -> list[str]:
    """The parts of ``secret`` that ``text`` gives away, in the clear or in base64."""
    decoded = [base64.b64decode(run[start : start + (len(run) - start) // 4 * 4]).decode("latin-1")
               for run in re.findall(r"[A-Za-z0-9+/]{8,}", text) for start in range(4)]  # fmt: skip
    words = [part for part in re.split(r"\W+", secret) if len(part) > 4]
    return [word for word in words for seen in (text, *decoded) if word.lower() in seen.lower()]


ECHOES: dict[str, Callable[[bytes], bytes]] = {
    "as it was sent": lambda line: line,
    "in capitals": bytes.upper,
    "in base64": base64.b64encode,
    "in base64, not from its beginning": lambda line: base64.b64encode(line)[1:],
    "cut short": lambda line: line[: len(line) * 3 // 4],
    "between other words": lambda line: b"<<" + line + b">> is what you said",
    "with single blanks": lambda line: b" ".join(line.split()),
}


def echoing_imap(echo: Callable[[bytes], bytes], capability: bytes) -> ImapServer:
    """Refuses whatever signs in, and gives it back."""

    def login(connection: Connection, tag: bytes, arguments: bytes) -> None:
        connection.send(b"* OK hm\r\n" + tag + b" NO rejected: " + echo(arguments) + b"\r\n")

    def authenticate(connection: Connection, tag: bytes, _arguments: bytes) -> None:
        connection.send(b"+ \r\n")
        said = connection.line() or b""
        connection.send(b"+ " + echo(said) + b"\r\n")
        connection.line()
        connection.send(b"* NO " + echo(base64.b64decode(said)).replace(b"\1", b" ").replace(b"\0", b" ") + b"\r\n")
        connection.send(tag + b" NO rejected: " + echo(said) + b"\r\n")

    return ImapServer({"LOGIN": login, "AUTHENTICATE": authenticate}, capability=b"IMAP4rev1 " + capability)


def echoing_pop3(echo: Callable[[bytes], bytes], sasl: bytes) -> Pop3Server:
    """The same for POP3."""

    def refuse(connection: Connection, _tag: bytes, arguments: bytes) -> None:
        connection.send(b"-ERR rejected: " + echo(arguments) + b"\r\n")

    def auth(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        connection.send(b"+\r\n")
        connection.send(b"-ERR rejected: " + echo(connection.line() or b"") + b"\r\n")

    user = b"" if sasl else b"USER\r\n"
    capabilities = b"+OK\r\n" + user + b"SASL " + sasl + b"\r\n.\r\n"
    return Pop3Server(answers={"PASS": refuse, "AUTH": auth, "CAPA": capabilities})


def servers(echo: Callable[[bytes], bytes]) -> Iterator[tuple[ScriptedServer, str, bool]]:
    """Each way to sign in: the server, the type, and whether it is by token."""
    yield echoing_imap(echo, b"X"), "IMAP", False
    yield echoing_imap(echo, b"AUTH=PLAIN LOGINDISABLED"), "IMAP", False
    yield echoing_imap(echo, b"AUTH=XOAUTH2"), "IMAP", True
    yield echoing_imap(echo, b"AUTH=OAUTHBEARER"), "IMAP", True
    yield echoing_pop3(echo, b""), "POP3", False
    yield echoing_pop3(echo, b"PLAIN"), "POP3", False
    yield echoing_pop3(echo, b"XOAUTH2"), "POP3", True


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
def test_no_secret_is_shown_nor_told_however_the_server_gives_it_back(echo: Callable[[bytes], bytes]) -> None:
    for server, type_, by_token in servers(echo):
        shown = io.StringIO()
        with server, shown_on(shown):
            signing = {"tokens": Tokens(), "password": ""} if by_token else {"password": PASSWORD}
            with pytest.raises(MailError) as caught:
                opened(at_script(server, type_, **signing))
        secret = TOKEN if by_token else PASSWORD
        assert leaks(shown.getvalue(), secret) == []
        assert leaks(caught.value.server, secret) == []
        assert caught.value.server.startswith("rejected: ")
        assert "rejected: " in shown.getvalue()


def told(desk: Desk, server: ScriptedServer, type_: str, *command: str) -> list[str]:
    """What ``--verbose`` prints of a session with that server."""
    credential = desk.credential("anna", PASSWORD)
    account = desk.add_account(type=type_, host=server.host, port=server.port, credential=credential)
    result = desk.ok(*command, *([account] if command[0] == "account" else []), "--verbose")
    assert leaks(result.stderr, PASSWORD) == []
    lines = result.stderr.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    return [line.split(" ", 2)[2] for line in lines]


def test_a_fetch_shows_what_is_said_but_not_the_mail(desk: Desk) -> None:
    with QuirkyImapServer(Mailbox(mail("the subject"))) as server:
        lines = told(desk, server, "IMAP", "fetch")
    assert lines[:2] == ["= connected to 127.0.0.1", "< * OK ready"]
    assert any(re.fullmatch(r"> [A-P]{4}\d+ LOGIN …", line) for line in lines)
    assert any(re.fullmatch(r'> [A-P]{4}\d+ SELECT "INBOX"', line) for line in lines)
    assert any(re.fullmatch(r"< \(\d+ bytes\)", line) for line in lines)
    assert "the subject" not in "\n".join(lines)


def test_a_fetch_by_pop3_shows_what_is_said_but_not_the_mail(desk: Desk) -> None:
    with QuirkyPop3Server(Mailbox(mail("the subject"))) as server:
        lines = told(desk, server, "POP3", "fetch")
    assert [line for line in lines if line.startswith(">")] == [
        "> CAPA", "> USER anna", "> PASS …", "> CAPA", "> UIDL", "> LIST", "> RETR 1", "> DELE 1", "> QUIT"
    ]  # fmt: skip
    assert "< 1 u000002" in lines
    assert any(re.fullmatch(r"< \(\d+ bytes\)", line) for line in lines)
    assert "the subject" not in "\n".join(lines)


@pytest.mark.parametrize(("type_", "server"), [("IMAP", QuirkyImapServer), ("POP3", QuirkyPop3Server)])
def test_a_connection_test_shows_what_is_said(
    desk: Desk, type_: str, server: type[QuirkyImapServer | QuirkyPop3Server]
) -> None:
    with server(Mailbox(*mails(2))) as quirky:
        lines = told(desk, quirky, type_, "account", "test")
    assert sum(line.startswith(">") for line in lines) > 4


def test_control_characters_and_long_lines_of_a_server_do_no_harm(desk: Desk) -> None:
    class Odd(ImapSession):
        greeting = b"* OK \x1b]0;title\x07\xff\ttab\r\n"

        def do_list(self, _arguments: bytes) -> None:
            self.send(b'* LIST () "/" ' + b"x" * 5_000 + b"\r\n")
            self.finish()

        def do_noop(self, _arguments: bytes) -> None:
            self.do_list(b"")

    class OddPop3(Pop3Session):
        greeting = b"+OK " + b"y" * 2_000 + b"\r\n"

    with QuirkyImapServer(Mailbox(), [Odd]) as server:
        assert r"< * OK \x1b]0;title\x07\xff\x09tab" in told(desk, server, "IMAP", "account", "test")
    desk.ok("account", "set", "1", "--validity", "invalid")
    with QuirkyPop3Server(Mailbox(), [OddPop3]) as server:
        lines = told(desk, server, "POP3", "account", "test")
    assert max(map(len, lines)) < 350
    assert "< +OK " + "y" * 296 + " … (2,004 bytes)" in lines


def test_nothing_is_shown_unless_it_is_asked_for(desk: Desk) -> None:
    with QuirkyImapServer(Mailbox(*mails(1))) as server:
        credential = desk.credential("anna", PASSWORD)
        desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        assert desk.ok("fetch").stderr == ""


@pytest.mark.parametrize("secret", ["x", "ä€", "a.b*c", "….…", " lead", "p\\ss", 'q"t', "0123456789abcdef"])
def test_a_mask_hides_any_secret(secret: str) -> None:
    mask = Mask([secret])
    for said in (secret, secret.upper(), secret.replace("\\", "\\\\").replace('"', '\\"')):
        assert secret not in mask.hide(f"<{said}>").replace("…", "")
    assert mask.hide("QQ") == "QQ"


def test_a_mask_leaves_what_is_no_secret() -> None:
    words = "[AUTHENTICATIONFAILED] Invalid credentials (Failure) 65536 AAAABBBBCCCC"
    assert Mask([PASSWORD, TOKEN, ""]).hide(words) == words
