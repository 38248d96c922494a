"""What imaplib and poplib do otherwise in Pythons that these tests need not run in."""

from __future__ import annotations

import imaplib
import poplib
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers.fixtures import Certificates
from tests.servers.pop3 import Pop3Server
from tests.servers.scripted import Answer, Connection, ImapServer
from tests.sources.support import at_script, mails, opened, taken
from tests.sources.test_pop3 import PIPELINING

FORGED = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN FORGED\r\n"


@pytest.fixture
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """imaplib as it reads from 3.14 on: through a buffer of its own, which starttls() leaves as it is."""

    def take(imap: Any, is_enough: Callable[[bytes], bool]) -> bytes:
        while not is_enough(held := b"".join(imap._readbuf)):
            imap._readbuf.append(imap.sock.recv(65536))
        imap._readbuf.clear()
        return held

    def readline(imap: Any) -> bytes:
        line, end, rest = take(imap, lambda held: b"\n" in held).partition(b"\n")
        imap._readbuf.append(rest)
        return line + end

    def read(imap: Any, size: int) -> bytes:
        held = take(imap, lambda held: len(held) >= size)
        imap._readbuf.append(held[size:])
        return held[:size]

    def connect(imap: Any, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        imap.host, imap.port = host, port
        imap.sock = imap._create_socket(timeout)
        imap._readbuf = []
        imap.file = imap.sock.makefile("rb")

    for name, function in (("readline", readline), ("read", read), ("open", connect)):
        monkeypatch.setattr(imaplib.IMAP4, name, function)


def slip_in(certificates: Certificates) -> Answer:
    """Go on encrypted, with answers to what is asked then already sent in the clear, as somebody in between could."""

    def answer(connection: Connection, tag: bytes, _arguments: bytes) -> None:
        following = tag[:4] + b"%d" % (int(tag[4:]) + 1)
        connection.send(tag + b" OK go ahead\r\n" + FORGED + following + b" OK done\r\n")
        connection.start_tls(certificates.valid)

    return answer


@pytest.mark.parametrize("reader", ["buffered", "usual"])
def test_what_was_slipped_in_before_the_handshake_is_not_taken_for_an_answer(
    certificates: Certificates, reader: str, request: pytest.FixtureRequest
) -> None:
    if reader == "buffered":
        request.getfixturevalue(reader)
    capability = b"IMAP4rev1 STARTTLS UIDPLUS AUTH=PLAIN"
    mail = dict(enumerate(mails(2), start=1))
    answers = {"STARTTLS": slip_in(certificates)}
    with ImapServer(answers, capability=capability, starttls=certificates.valid, messages=mail) as server:
        source = opened(at_script(server, "IMAPTLS", ca_file=certificates.ca_file))
        assert len(source.list()) == 2
        source.close()


def test_pop3_commands_are_sent_together_though_poplib_takes_no_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    send = poplib.POP3._putcmd  # type: ignore[attr-defined]

    def refuse(pop3: poplib.POP3, line: str) -> None:
        if any(character in line for character in "\r\n\0"):
            raise ValueError("Control characters not allowed in commands")
        send(pop3, line)

    monkeypatch.setattr(poplib.POP3, "_putcmd", refuse)
    with Pop3Server(mails(3), answers={"CAPA": PIPELINING}) as server:
        assert taken(opened(at_script(server, "POP3")))[0] == mails(3)
        assert server.connections == 1
