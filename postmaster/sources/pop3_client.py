"""poplib on a connection of our own: signing in, listings, and messages exactly as they were sent."""

from __future__ import annotations

import base64
import contextlib
import io
import poplib
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

from postmaster.sources.connection import Opening
from postmaster.sources.dialogue import Dialogue
from postmaster.sources.oauth import MECHANISMS, TokenExchange, choose_mechanism, read_challenge
from postmaster.sources.pop3_text import text_blocks
from postmaster.sources.tls import TlsGuard
from postmaster.sources.wire import ErrorTranslator, NonsenseError, error_message

PIECE_BYTES = 65_536
"""How much is read at once of a line that does not end."""

LISTING_BYTES = 100_000_000
"""The longest LIST or UIDL that is taken: millions of messages."""

MAX_BLANK_LINES = 10
"""How many empty lines may come before an answer."""

CAPA_SECONDS = 15.0
"""How long a server may think about what it can do; RFC 1939 knows no such question, so some do not answer."""

LOGIN_SECONDS = 20.0
"""How long a server may take for the next bytes of its answers to USER and PASS if it was sent both."""


class _Pop3(poplib.POP3):
    """poplib on a socket that is connected already."""

    def __init__(self, host: str, sock: socket.socket, dialogue: Dialogue) -> None:
        self._connected = sock
        self._dialogue = dialogue
        self._ahead: deque[str] = deque()
        super().__init__(host)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._connected

    @property
    def is_ahead(self) -> bool:
        """Whether the server was sent commands that poplib has yet to give."""
        return bool(self._ahead)

    def send_ahead(self, *commands: str) -> None:
        """Send them together. Each has to be given later, as it is here and in this order, to wait for its answer."""
        self._ahead.extend(commands)
        self.send_together(*commands)

    def send_together(self, *commands: str) -> None:
        """Send them together. poplib's own way refuses line ends in what it takes for one command (CVE-2025-15367)."""
        lines = [command.encode(self.encoding) for command in commands]
        for line in lines:
            self._dialogue.sent_pop3(line)
        super()._putline(b"\r\n".join(lines))  # type: ignore[misc]

    def _putcmd(self, line: str) -> None:
        if self._ahead and self._ahead[0] == line:
            self._ahead.popleft()
        else:
            super()._putcmd(line)  # type: ignore[misc]

    def _putline(self, line: bytes) -> None:
        self._dialogue.sent_pop3(line)
        super()._putline(line)  # type: ignore[misc]

    def _getline(self) -> tuple[bytes, int]:
        line: tuple[bytes, int] = super()._getline()  # type: ignore[misc]
        self._dialogue.received(line[0])
        return line

    def _getresp(self) -> bytes:
        """The next answer. Some servers send empty lines before it."""
        for _ in range(MAX_BLANK_LINES):
            line = self._getline()[0]
            if line.strip():
                break
        if not line.startswith(b"+"):
            raise poplib.error_proto(line)
        return line


class Pop3Client:
    """One POP3 connection. Call everything but the constructor, ``start_tls`` and ``sign_in`` inside a stage."""

    def __init__(self, wire: ErrorTranslator, sock: socket.socket) -> None:
        self.wire = wire
        self.capabilities: dict[str, list[str]] | None = None
        self.hurried = self.looks_ahead = False
        with wire.stage("connect"):
            self.raw: Any = _Pop3(wire.endpoint.host, sock, wire.dialogue)
            wire.uses(lambda: self.raw.sock)
            self._learn()

    def _learn(self) -> None:
        """What the server says it can do (RFC 2449); None where it does not know the question, or hangs up over it."""
        if not self.wire.habits.tells_capabilities:
            return
        try:
            with contextlib.nullcontext() if self.raw.is_ahead else self.wire.patience(CAPA_SECONDS):
                self.raw._shortcmd("CAPA")
                words = [line.decode("latin-1").split() for line in self.lines(LISTING_BYTES)]
                self.capabilities = {row[0].upper(): row[1:] for row in words if row}
        except (OSError, poplib.error_proto) as error:
            if isinstance(error, poplib.error_proto) and is_answer(error):
                return
            self.hurried = self.looks_ahead
            self.wire.habits.tells_capabilities = self.looks_ahead  # it is not to blame if it had more to answer
            raise

    def can(self, capability: str) -> bool | None:
        """Whether the server says so; None if it does not say what it can do."""
        return None if self.capabilities is None else capability in self.capabilities

    @property
    def offered(self) -> str:
        """The ways to sign in that the server names."""
        told = self.capabilities or {}
        user = ["USER"] if "USER" in told else []
        return ", ".join(user + [f"SASL {name}" for name in told.get("SASL", [])])

    @property
    def login_delay(self) -> int:
        """Seconds that a server wants between two sessions (RFC 2449 section 6.5); 0 if it does not mind."""
        seconds = next(iter((self.capabilities or {}).get("LOGIN-DELAY", [])), "0")
        return int(seconds) if seconds.isdecimal() and len(seconds) < 8 else 0

    @property
    def pipelines(self) -> bool:
        """Whether several commands may be sent at once (PIPELINING, RFC 2449 section 6.6)."""
        return bool(self.can("PIPELINING")) and self.wire.habits.pipelines

    def start_tls(self, guard: TlsGuard) -> None:
        """Encrypt the connection, or raise MailError: there is no way on without.

        What came before the handshake is dropped with the reader that holds it, so nobody can slip in an answer.
        """
        with self.wire.stage("tls"):
            if self.can("STLS") is False:
                raise self.wire.fail("starttls-missing", "tls")
            try:
                self.raw._shortcmd("STLS")
            except poplib.error_proto as error:
                if not is_refusal(error):
                    raise
                raise self.wire.fail("starttls-missing", "tls", error_message(error)) from None
            self.raw.sock = guard.wrap_socket(self.raw.sock)
            self.raw.file = self.raw.sock.makefile("rb")
            self.capabilities = None  # nobody vouched for them
            self._learn()

    def sign_in(self, opening: Opening | None = None) -> None:
        """Send user name and password: USER and PASS, or AUTH PLAIN (RFC 5034) where those do not do."""
        endpoint = self.wire.endpoint
        self.wire.login_delay = self.login_delay
        if endpoint.tokens is not None:
            self._sign_in_with_token()
            return
        with self.wire.stage("login"):
            simple = endpoint.login.isascii() and endpoint.password.isascii()
            plain = "PLAIN" in (self.capabilities or {}).get("SASL", ())
            if plain and (not simple or not self.can("USER")):
                self._auth_plain()
            elif self.can("USER") is False and not self.can("SASL"):
                raise self.wire.fail("login-disabled", "login")
            else:
                self._login(endpoint.login, endpoint.password)
            self._look_ahead(opening)
        # What it can do may come with the listing only, which a server may take long to make.
        with self.wire.stage("list" if self.looks_ahead else "login"):
            self._learn()

    def _login(self, login: str, password: str) -> None:
        """USER and PASS, together where the server takes that (RFC 2449 section 6.6).

        A refusal is a verdict on the password if both were read: if USER was accepted, or if it has let somebody in so.
        """
        habits, accepted = self.wire.habits, False
        if self.pipelines:
            self.hurried = True
            self.raw.send_ahead(f"USER {login}", f"PASS {password}")
        try:
            with self.wire.patience(LOGIN_SECONDS) if self.hurried else contextlib.nullcontext():
                self.raw.user(login)
                accepted = True
                self.raw.pass_(password)
        except poplib.error_proto as error:
            self.hurried = self.hurried and not (is_refusal(error) and (accepted or habits.took_login))
            raise
        habits.took_login = habits.took_login or self.hurried
        self.hurried = False

    def _look_ahead(self, opening: Opening | None) -> None:
        """Ask what the mailbox holds before it is known what else the server can do now."""
        if opening is not None and self.pipelines and self.can("UIDL") and self.wire.habits.tells_capabilities:
            self.raw.send_ahead("CAPA", "UIDL", "LIST")
            self.looks_ahead = True

    def _auth_plain(self) -> None:
        endpoint = self.wire.endpoint
        self.raw._shortcmd("AUTH PLAIN")
        self.raw._shortcmd(base64.b64encode(f"\0{endpoint.login}\0{endpoint.password}".encode()).decode())

    def _sign_in_with_token(self) -> None:
        """AUTH with the access token on a line of its own: tokens are longer than RFC 5034 section 4 lets commands be.

        What the server holds against it comes as a challenge before its -ERR.
        """
        with self.wire.stage("login"):
            offered = None if self.capabilities is None else self.capabilities.get("SASL", [])
            mechanism = choose_mechanism(offered is None or name in offered for name in MECHANISMS)
            if mechanism is None:
                raise self.wire.fail("oauth-not-offered", "login")
            exchange = TokenExchange(mechanism, self.wire.endpoint, self.wire.token)
            self.raw._shortcmd(f"AUTH {mechanism}")
            answer: bytes = self.raw._shortcmd(base64.b64encode(exchange.answer(b"")).decode())
            try:
                while not answer.upper().startswith(b"+OK"):
                    challenge = read_challenge(answer.removeprefix(b"+"))
                    answer = self.raw._shortcmd(base64.b64encode(exchange.answer(challenge)).decode())
            except poplib.error_proto as error:
                if not is_refusal(error):
                    raise
                raise poplib.error_proto(f"-ERR {exchange.with_complaint(error_message(error))}") from None
            self._learn()

    def try_mailbox(self) -> None:
        """Ask for something harmless, which a server that took a token for a mailbox it keeps shut does not answer."""
        self.raw.stat()

    def ask(self, *commands: str) -> Iterator[str]:
        """Send each command; whoever iterates reads its answer before taking the next.

        A server that takes several at once gets them so: round trips cost more than anything else. It is waited for as
        long as usual: to hang up on one that is only slow would leave the mailbox locked.
        """
        if len(commands) > 1 and self.pipelines:
            self.raw.send_together(*commands)
            yield from commands
        else:
            for command in commands:
                self.send(command)
                yield command

    def send(self, command: str) -> None:
        """Send a command and leave its answer to be read."""
        self.raw._putcmd(command)

    def accepted(self) -> bool:
        """Read an answer of one line; False if the server refused. Raises poplib.error_proto if it said neither."""
        try:
            self.raw._getresp()
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            return False
        return True

    def command(self, command: str) -> None:
        """Send a command with an answer of one line. Raises poplib.error_proto if it is refused."""
        self.raw._shortcmd(command)

    def listing(self, command: str) -> Iterator[tuple[int, str]]:
        """What LIST or UIDL says of each message, with its number. Raises poplib.error_proto if it is refused.

        Number and value may be apart by any white space, and lines may be empty. A server that refuses to list what
        is not there, as STAT says, has an empty listing.
        """
        try:
            self.raw._shortcmd(command)
        except poplib.error_proto as error:
            if is_refusal(error) and not self.raw.is_ahead and self._is_empty():
                return
            raise
        for line in self.lines(LISTING_BYTES):
            if row := line.decode("latin-1").split(None, 1):
                yield int(row[0]), row[1].strip() if row[1:] else ""

    def _is_empty(self) -> bool:
        try:
            words = self.raw._shortcmd("STAT").split()
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            return False
        return bool(words[1:2] == [b"0"])

    def text(self, limit: int) -> bytes | None:
        """A message as it was sent; None if it has more than ``limit`` bytes, which are read and forgotten.

        It takes the memory of its bytes, however short its lines are.
        """
        text, size = io.BytesIO(), 0
        for block, sent in text_blocks(self.raw.file):
            size += sent
            if text.tell() <= limit:
                text.write(block)
        self.wire.dialogue.received_text(size)
        return text.getvalue() if text.tell() <= limit else None

    def lines(self, limit: int) -> Iterator[bytes]:
        """The lines of a long answer with their ends, dots restored (RFC 1939 section 3); long ones come in pieces.

        Raises NonsenseError beyond ``limit`` bytes.
        """
        readline = self.raw.file.readline
        starts, size = True, 0
        while (line := readline(PIECE_BYTES)) != b".\r\n" or not starts:
            ends = line.endswith(b"\n")
            if not ends and len(line) < PIECE_BYTES:
                raise poplib.error_proto("EOF")
            size += len(line)
            if size > limit:
                raise NonsenseError("an answer far longer than can be right")
            self.wire.dialogue.received(line)
            yield line[1:] if starts and line.startswith(b".") else line
            starts = ends

    def shutdown(self) -> None:
        """Drop the connection; nothing is deleted."""
        with contextlib.suppress(OSError, AttributeError):
            self.raw.close()


def is_answer(error: poplib.error_proto) -> bool:
    """Whether the server said something; what poplib says about a lost connection is text, not bytes."""
    return isinstance(error.args[0], bytes)


def is_refusal(error: poplib.error_proto) -> bool:
    """Whether the server itself said no."""
    return is_answer(error) and error.args[0].upper().startswith(b"-ERR")
