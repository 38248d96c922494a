"""Endpoints on the test servers, and what tests do with the sources most."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from postmaster.accounts.types import ACCOUNT_TYPES
from postmaster.errors import MailError
from postmaster.sources import deadline as deadline_module
from postmaster.sources.base import Deletions, Endpoint, MailSource
from postmaster.sources.open import open_source
from tests.servers.fixtures import TestMailbox
from tests.servers.scripted import ScriptedServer

TYPES = ("IMAP", "IMAPS", "IMAPTLS", "POP3", "POP3S", "POP3TLS")
TLS_TYPES = ("IMAPS", "IMAPTLS", "POP3S", "POP3TLS")

# The name of Dovecot's port for each type.
SERVICES = {"IMAP": "imap", "IMAPS": "imaps", "IMAPTLS": "imap", "POP3": "pop3", "POP3S": "pop3s", "POP3TLS": "pop3"}


def at(mailbox: TestMailbox, type_: str = "IMAP", host: str = "127.0.0.1", **options: Any) -> Endpoint:
    """The endpoint of a mailbox on Dovecot; ``host`` chooses the certificate it shows."""
    options = {"login": mailbox.user, "password": mailbox.password} | options
    return Endpoint(ACCOUNT_TYPES[type_], host, mailbox.server.port(SERVICES[type_]), **options)


def at_script(server: ScriptedServer, type_: str = "IMAP", **options: Any) -> Endpoint:
    """The endpoint of a scripted server."""
    options = {"host": server.host, "login": "anna", "password": "correct horse"} | options
    return Endpoint(ACCOUNT_TYPES[type_], port=server.port, **options)


def opened(endpoint: Endpoint, *, seconds: float = 60, read_only: bool = False, limit: int = 200) -> MailSource:
    """A source on ``endpoint``."""
    return open_source(endpoint, deadline_seconds=seconds, reconnect_after=limit, read_only=read_only)


def taken(source: MailSource, *, delete: bool = True) -> tuple[list[bytes | None], Deletions]:
    """Read everything, delete it and close: the messages, and all that was said of their deletion."""
    mails = source.list()
    texts = [text for _, text in source.read(mails)]
    first = source.delete(mails) if delete else Deletions()
    last = source.close()
    confirmed = first.confirmed | last.confirmed
    return texts, Deletions(confirmed, (first.left | last.left) - confirmed, first.reason)


def refused(endpoint: Endpoint, **options: Any) -> MailError:
    """The error that opening, reading and deleting everything ends in."""
    with pytest.raises(MailError) as caught:
        taken(opened(endpoint, **options))
    assert endpoint.password not in repr(vars(caught.value)) + str(caught.value)
    return caught.value


class FakeClock:
    """What limits are counted by; it goes on as usual, and ``pass_`` lets so many seconds pass at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._passed = 0.0
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + self._passed)
        monkeypatch.setattr(deadline_module, "time", clock)

    def pass_(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._passed += seconds


def mail(subject: str, size: int = 0) -> bytes:
    """A message; ``size`` pads its body to about that many bytes."""
    body = b"x" * 70 + b"\r\n"
    return f"From: ada@example.net\r\nSubject: {subject}\r\n\r\n".encode() + body * (1 + size // len(body))


def mails(count: int) -> list[bytes]:
    """``count`` messages that differ."""
    return [mail(f"mail {number}") for number in range(count)]
