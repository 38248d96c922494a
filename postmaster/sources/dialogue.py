"""What is said between us and mail servers, line by line, for whoever has to find out why one does not work.

It goes to a logger of its own, that nothing listens to unless ``--verbose`` is given. What carries a secret is left
out by the command that it belongs to, whatever it is, and secrets that a server gives back are masked.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from postmaster.sources.masking import HIDDEN

LOG = logging.getLogger("postmaster.dialogue")
LOG.propagate = False

MAX_SHOWN = 300
"""Characters of a line that are shown."""

_IMAP_COMMAND = re.compile(rb"([A-P]{4}\d+) (\w+)(.*)", re.DOTALL)
_IMAP_SECRET = (b"LOGIN", b"AUTHENTICATE")

# What is none of these answers a challenge.
_POP3_COMMANDS = (
    b"CAPA", b"STLS", b"USER", b"PASS", b"AUTH", b"STAT", b"LIST", b"UIDL", b"RETR", b"TOP", b"DELE", b"NOOP", b"QUIT"
)  # fmt: skip


class Dialogue:
    """The dialogue with one server. ``hide`` takes the secrets out of a text that the server sent."""

    def __init__(self, name: str, hide: Callable[[str], str]) -> None:
        self._name = name
        self._hide = hide
        self._on = LOG.isEnabledFor(logging.DEBUG)

    def sent_imap(self, data: bytes) -> None:
        """A command, or what answers a challenge: that is a secret, always."""
        if self._on and data.strip():
            self._show(">", _imap_shown(data.rstrip(b"\r\n")))

    def sent_pop3(self, data: bytes) -> None:
        """One command or several, or what answers a challenge."""
        if self._on:
            for line in data.splitlines():
                self._show(">", _pop3_shown(line))

    def received(self, line: bytes) -> None:
        """A line of an answer."""
        if self._on:
            self._show("<", line.rstrip(b"\r\n"))

    def received_text(self, size: int) -> None:
        """A literal, or the text of a message, which is nobody's business."""
        if self._on:
            self._write("<", f"({size:,} bytes)")

    def note(self, words: str) -> None:
        """What happened to the connection."""
        if self._on:
            self._write("=", words)

    def _show(self, direction: str, line: bytes) -> None:
        text = self._hide(line[: 4 * MAX_SHOWN].decode(errors="backslashreplace"))
        more = f" … ({len(line):,} bytes)" if len(text) > MAX_SHOWN else ""
        self._write(direction, text[:MAX_SHOWN] + more)

    def _write(self, direction: str, text: str) -> None:
        printable = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
        LOG.debug("%s %s %s", self._name, direction, printable)


def _imap_shown(data: bytes) -> bytes:
    match = _IMAP_COMMAND.fullmatch(data)
    if match is None:
        return HIDDEN.encode()
    tag, command, rest = match.groups()
    if command.upper() not in _IMAP_SECRET:
        return data
    mechanism = rest if command.upper() == b"AUTHENTICATE" and rest.count(b" ") == 1 else b""
    return b"%b %b%b %b" % (tag, command, mechanism, HIDDEN.encode())


def _pop3_shown(line: bytes) -> bytes:
    command, _, argument = line.partition(b" ")
    if command.upper() not in _POP3_COMMANDS:
        return HIDDEN.encode()
    secret = command.upper() == b"PASS" or (command.upper() == b"AUTH" and b" " in argument)
    return b"%b %b" % (command, HIDDEN.encode()) if secret else line


@contextmanager
def shown_on(stream: TextIO) -> Iterator[None]:
    """Write all dialogues that begin meanwhile to ``stream``."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S"))
    before = LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        LOG.setLevel(before)
        LOG.removeHandler(handler)
