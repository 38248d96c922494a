"""imaplib below IMAPClient: on a socket of ours, for answers that are not quite as they should be, within bounds."""

from __future__ import annotations

import imaplib
import re
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any

from imapclient import IMAPClient

from postmaster.sources.dialogue import Dialogue
from postmaster.sources.wire import NonsenseError

ALLOWANCE = 64_000_000
"""How many bytes one command may be answered with, message texts apart."""

Command = tuple[bytes | str, ...]

_BARE = re.compile(rb"\S+ (OK|NO|BAD|BYE)")

# What comes for each message, and how a line ends that a literal follows.
_TOLD = re.compile(rb"\* (\d+) (FETCH|EXPUNGE)(?: (.*))?", re.DOTALL)
_LITERAL = re.compile(rb".*\{(\d+)\}", re.DOTALL)

# How a line begins that is not the rest of an answer: as it should, and as some write it.
_HEAD = re.compile(rb"(?:\*|[A-P]{4}\d+) (?:\d+ )?[A-Z-]+(?: [^ \t]|$)")
_ODD_HEAD = re.compile(rb"(\*|[A-P]{4}\d+)[ \t]+(?:(\d+)[ \t]+)?([A-Za-z-]+)(?:[ \t]+|$)")

# What some tell of a message behind the end of its answer: on the line that ends it, or on one without a head.
_ITEM = rb'(?:FLAGS \([^()]*\)|(?:RFC822\.SIZE|UID) \d+|INTERNALDATE "[^"]*")'
_LEFT_OVER = re.compile(_ITEM + rb"(?: " + _ITEM + rb"){0,9}", re.IGNORECASE)


class _Imap4(imaplib.IMAP4):
    """imaplib on a socket that is connected already, and with a bound to what it takes in.

    Without the bound a server could have us reserve memory for a message of any size it likes to announce.
    """

    def __init__(self, host: str, sock: socket.socket, dialogue: Dialogue) -> None:
        self._connected = sock
        self._dialogue = dialogue
        self.allowance = ALLOWANCE
        self._is_text = False  # whether the text of a message was announced by the last line that began an answer
        self._held = b""  # a line that imaplib is to read
        self._within = False  # a literal was read, so the line that comes is the rest of its answer
        self._greeted = True
        self._ahead: deque[tuple[Command, bytes]] = deque()
        super().__init__(host)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self._connected

    def _get_capabilities(self) -> None:
        """What the server can do, as its greeting tells (RFC 3501 section 7.1), which saves a round trip; else ask.

        It is asked again when TLS has begun: what came before was nobody's in particular.
        """
        told: Any = b""
        if self._greeted:
            told = self.untagged_responses.pop("CAPABILITY", [b""])[-1]
        else:
            self._readbuf: list[bytes] = []  # of imaplib from Python 3.14 on, which keeps it when TLS begins
        self._greeted = False
        words = tuple(told.decode("ascii", "replace").upper().split()) if isinstance(told, bytes) else ()
        if "IMAP4REV1" in words:
            self.capabilities = words
        else:
            super()._get_capabilities()  # type: ignore[misc]

    @property
    def is_ahead(self) -> bool:
        """Whether the server was sent commands that imaplib has yet to give."""
        return bool(self._ahead)

    def send_ahead(self, commands: Sequence[Command]) -> None:
        """Send them together. Each has to be given later, as it is here and in this order, to wait for its answer."""
        lines = []
        for command in commands:
            tag: bytes = self._new_tag()
            words = (word.encode() if isinstance(word, str) else word for word in command)
            lines.append(b" ".join([tag, *words]) + b"\r\n")
            self._dialogue.sent_imap(lines[-1])
            self._ahead.append((command, tag))
        super().send(b"".join(lines))

    def _command(self, name: str, *arguments: Any) -> bytes:
        if self._ahead and self._ahead[0][0] == (name, *arguments):
            return self._ahead.popleft()[1]
        tag: bytes = super()._command(name, *arguments)  # type: ignore[misc]
        return tag

    def send(self, data: Any) -> None:
        self._dialogue.sent_imap(data)
        super().send(data)

    def read(self, size: int) -> bytes:
        self._spend(size)
        self._within = True
        self._dialogue.received_text(size)
        return super().read(size)

    def _get_response(self, *arguments: Any) -> Any:
        """Read an answer. What comes for each message is told by one pattern (measured: 11 instead of 23 µs a message);
        imaplib tries six for each line.
        """
        line = self._get_line()
        told = _TOLD.fullmatch(line)
        if told is None:
            self._held = line
            return super()._get_response(*arguments)  # type: ignore[misc]
        number, kind, rest = told.groups()
        kind, rest = kind.decode(), b"%b %b" % (number, rest) if rest else number
        while rest.endswith(b"}") and (literal := _LITERAL.fullmatch(rest)):
            self._append_untagged(kind, (rest, self.read(int(literal[1]))))
            rest = self._get_line()
        self._append_untagged(kind, rest)
        return line

    def _get_line(self) -> bytes:
        """The next line. A status without words gets its space, blank lines between answers are passed over.

        So is what some tell of a message behind the end of its text; elsewhere it may be a mark that counts.

        What follows a literal must be the rest of its answer; else the server's length was wrong, and nothing that
        comes can be told from the text.
        """
        if self._held:
            line, self._held = self._held, b""
            return line
        line = self._whole_line()
        if self._within:
            self._within = False
            if self._is_text and not line.startswith((b")", b" ")):
                raise NonsenseError("a literal of another length than announced")
            return b")" if self._is_text and line[:2] == b") " and _LEFT_OVER.fullmatch(line, 2) else line
        while not line.strip() or (self._is_text and _LEFT_OVER.fullmatch(line)):
            line = self._whole_line()
        line = _mended(line)
        self._is_text = line.endswith(b"}") and b" FETCH (" in line
        return line + b" " if _BARE.fullmatch(line) else line

    def _whole_line(self) -> bytes:
        """The next line, without its end. imaplib's own way formats each for a log that nobody reads."""
        line = self.readline()
        if not line.endswith(b"\r\n"):
            raise self.abort(f"socket error: unterminated line: {line!r}" if line else "socket error: EOF")
        return line[:-2]

    def readline(self) -> bytes:
        line = super().readline()
        self._spend(len(line))
        self._dialogue.received(line)
        return line

    def _spend(self, size: int) -> None:
        if size > self.allowance:
            raise NonsenseError(f"an answer with {size} bytes more than can be right")
        self.allowance -= size


def _mended(line: bytes) -> bytes:
    """``line`` with its first words as imaplib wants them: single spaces between them, keywords in capitals."""
    odd = None if _HEAD.match(line) else _ODD_HEAD.match(line)
    if odd is None:
        return line
    head = [word for word in (odd[1], odd[2], odd[3].upper()) if word]
    return b" ".join([*head, line[odd.end() :]]).rstrip(b" ")


class ConnectedClient(IMAPClient):
    """IMAPClient on a socket that is connected already."""

    def __init__(self, host: str, sock: socket.socket, dialogue: Dialogue) -> None:
        self._connected = sock
        self._dialogue = dialogue
        super().__init__(host, ssl=False)
        _be_quiet(self)

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - IMAPClient's name
        return _Imap4(self.host, self._connected, self._dialogue)


def _be_quiet(client: IMAPClient) -> None:
    """Switch imaplib's debugging off.

    IMAPClient switches it on at the highest level; every message would be formatted for a log nobody keeps, which
    halves the speed and triples the memory.
    """
    imap = getattr(client, "_imap", None)
    if isinstance(imap, imaplib.IMAP4):
        imap.debug = 0
