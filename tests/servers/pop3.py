"""A small POP3 server over a list of messages, with the transactions of RFC 1939: mail is deleted at QUIT only."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Mapping
from typing import Literal

from tests.servers.certificates import Certificate
from tests.servers.scripted import Answer, Connection, ScriptedServer

PASSWORD = "correct horse"
Uidl = Literal["unique", "none", "duplicate"]


class Pop3Server(ScriptedServer):
    """One mailbox for whoever knows ``password``.

    ``messages`` is what the mailbox holds; tests may change it between sessions. ``uidl``: one identity a message,
    the same for all of them, or the command is not there. ``answers`` replaces what is answered to a command:
    bytes, or a function of connection, b"" and arguments. ``quits`` counts sessions that ended in order.
    """

    def __init__(
        self,
        messages: Iterable[bytes] = (),
        *,
        uidl: Uidl = "unique",
        password: str = PASSWORD,
        answers: Mapping[str, Answer] | None = None,
        greeting: bytes = b"+OK ready\r\n",
        capa: bool = True,
        certificate: Certificate | None = None,
        starttls: Certificate | None = None,
    ) -> None:
        super().__init__(certificate=certificate)
        self.messages = list(messages)
        self.uidl = uidl
        self.quits = 0
        self.password = password
        self.greeting = greeting
        self.capa = capa
        self.starttls = starttls
        self.answers = dict(answers or {})
        self.lock = threading.Lock()
        self._names: dict[int, bytes] = {}

    def serve(self, connection: Connection) -> None:
        _Session(self, connection).run()

    def name_of(self, raw: bytes) -> bytes:
        """The unique identity of a message; equal messages are different ones."""
        return self._names.setdefault(id(raw), b"u%06d" % (len(self._names) + 1))


class _Session:
    def __init__(self, server: Pop3Server, connection: Connection) -> None:
        self.server = server
        self.connection = connection
        self.messages: list[bytes] | None = None
        self.marked: set[int] = set()
        self.user = b""

    def run(self) -> None:
        self.connection.send(self.server.greeting)
        while (line := self.connection.line()) is not None:
            command, _, argument = line.partition(b" ")
            name = command.decode(errors="replace").upper()
            self._answer(name, argument)
            if name == "QUIT":
                return

    def _answer(self, name: str, argument: bytes) -> None:
        answer = self.server.answers.get(name)
        if callable(answer):
            answer(self.connection, b"", argument)
        elif answer is not None:
            self.connection.send(answer)
        else:
            method = getattr(self, f"do_{name.lower()}", None)
            self.connection.send(method(argument) if method else b"-ERR unknown command\r\n")
            if name == "STLS" and self.server.starttls:
                self.connection.start_tls(self.server.starttls)

    # Signing in

    def do_capa(self, argument: bytes) -> bytes:
        if not self.server.capa:
            return b"-ERR unknown command\r\n"
        lines = [b"TOP", b"USER", b"SASL PLAIN", b"RESP-CODES"]
        lines += [b"UIDL"] if self.server.uidl != "none" else []
        lines += [b"STLS"] if self.server.starttls else []
        return _listing(lines)

    def do_stls(self, argument: bytes) -> bytes:
        return b"+OK go ahead\r\n" if self.server.starttls else b"-ERR unknown command\r\n"

    def do_user(self, argument: bytes) -> bytes:
        self.user = argument
        return b"+OK\r\n"

    def do_pass(self, argument: bytes) -> bytes:
        return self._sign_in(argument)

    def do_auth(self, argument: bytes) -> bytes:
        self.connection.send(b"+ \r\n")
        response = base64.b64decode(self.connection.line() or b"")
        return self._sign_in(response.rsplit(b"\0", 1)[-1])

    def _sign_in(self, password: bytes) -> bytes:
        if password != self.server.password.encode():
            return b"-ERR [AUTH] wrong user name or password\r\n"
        with self.server.lock:
            self.messages = list(self.server.messages)
        return b"+OK signed in\r\n"

    # The mailbox

    def do_stat(self, argument: bytes) -> bytes:
        left = self._left()
        return b"+OK %d %d\r\n" % (len(left), sum(len(raw) for _, raw in left))

    def do_list(self, argument: bytes) -> bytes:
        return _listing([b"%d %d" % (number, len(raw)) for number, raw in self._left()])

    def do_uidl(self, argument: bytes) -> bytes:
        if self.server.uidl == "none":
            return b"-ERR unknown command\r\n"
        same = self.server.uidl == "duplicate"
        return _listing([b"%d %b" % (n, b"same" if same else self.server.name_of(raw)) for n, raw in self._left()])

    def do_retr(self, argument: bytes) -> bytes:
        number = int(argument)
        raw = dict(self._left()).get(number)
        return b"-ERR no such message\r\n" if raw is None else multiline(raw)

    def do_dele(self, argument: bytes) -> bytes:
        self.marked.add(int(argument))
        return b"+OK marked\r\n"

    def do_noop(self, argument: bytes) -> bytes:
        return b"+OK\r\n"

    def do_quit(self, argument: bytes) -> bytes:
        with self.server.lock:
            gone = {id(raw) for number, raw in enumerate(self.messages or [], start=1) if number in self.marked}
            self.server.messages = [raw for raw in self.server.messages if id(raw) not in gone]
            self.server.quits += 1
        return b"+OK bye\r\n"

    def _left(self) -> list[tuple[int, bytes]]:
        if self.messages is None:
            raise ValueError("not signed in")
        return [(number, raw) for number, raw in enumerate(self.messages, start=1) if number not in self.marked]


def _listing(lines: Iterable[bytes]) -> bytes:
    return b"+OK\r\n" + b"".join(line + b"\r\n" for line in lines) + b".\r\n"


def multiline(raw: bytes) -> bytes:
    """A message as RETR answers it (RFC 1939 section 3): dots doubled, lines ended by CRLF, closed by a dot."""
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return _listing([b"." + line if line.startswith(b".") else line for line in lines])
