"""What fails while encryption is set up is told in words of ours, with advice that can help."""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from postmaster.errors import Temporary
from postmaster.sources.handshake import handshake_fault
from tests.servers.certificates import Authority
from tests.servers.pop3 import Pop3Server
from tests.servers.scripted import Connection, ScriptedServer
from tests.sources.support import at_script, refused


def alert(number: int) -> Callable[[Connection], None]:
    """A server that answers every handshake with a fatal alert (RFC 5246 section 7.2)."""

    def answer(connection: Connection) -> None:
        connection.sock.recv(65536)
        connection.send(struct.pack("!BHHBB", 21, 0x0301, 2, 2, number))

    return answer


def hears_and(how: Callable[[Connection], None]) -> Callable[[Connection], None]:
    def answer(connection: Connection) -> None:
        connection.sock.recv(65536)
        how(connection)

    return answer


@pytest.mark.parametrize(("handler", "code"), [
    (hears_and(Connection.cut), "tls-broken"),  # jstedfast/MailKit#1456: an hour's wait for a reset
    (hears_and(Connection.close), "tls-broken"),
    (alert(80), "tls-broken"),  # internal error
    (alert(70), "tls-outdated"),  # protocol version: nothing newer than TLS 1.1
    (alert(40), "tls-outdated"),  # handshake failure: no cipher in common
    (lambda connection: connection.send(b"* OK not encrypted\r\n"), "tls-failed"),
])  # fmt: skip
@pytest.mark.parametrize("type_", ["IMAPS", "POP3S"])
def test_a_failed_handshake_is_told_by_what_it_means(
    type_: str, handler: Callable[[Connection], None], code: str
) -> None:
    with ScriptedServer(handler) as server:
        error = refused(at_script(server, type_))
    assert (error.code, error.stage) == (code, "tls")
    assert isinstance(error, Temporary) == (code == "tls-broken")
    told = f"{error} {error.server}"
    assert not [word for word in ("SSL:", "_ssl.c", "EOF occurred", "WRONG_VERSION", "violation") if word in told]


@pytest.mark.parametrize("reason", ["DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "UNSAFE_LEGACY_RENEGOTIATION_DISABLED"])
def test_weak_keys_and_ciphers_are_outdated(reason: str) -> None:
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1006)")
    error.reason = reason
    assert handshake_fault(error) == "tls-outdated"


@pytest.mark.parametrize("type_", ["POP3S", "POP3TLS"])
def test_a_certificate_that_names_no_host_gets_advice_that_can_help(tmp_path: Path, type_: str) -> None:
    authority = Authority(tmp_path)
    nameless = authority.issue("nameless", ["mail.example.org"], nameless=True)
    options = {"certificate": nameless} if type_ == "POP3S" else {"starttls": nameless}
    with Pop3Server(**options) as server:  # type: ignore[arg-type]
        error = refused(at_script(server, type_, ca_file=authority.ca_file))
    assert error.code == "certificate-nameless"
    assert "mail.example.org" in error.message
    assert "subjectAltName" in error.advice
    assert "Use that name as Host" not in error.advice
