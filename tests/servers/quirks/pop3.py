"""A POP3 server (RFC 1939) over a ``Mailbox``; quirks are classes that stand before ``Pop3Session``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.servers.pop3 import multiline
from tests.servers.quirks.imap import HangUp
from tests.servers.quirks.mailbox import Mailbox, Message
from tests.servers.scripted import Connection, ScriptedServer


class Pop3Session:
    """One connection. Methods named ``do_…`` return the answer to a command; a quirk overrides one of them."""

    greeting = b"+OK ready\r\n"
    capabilities: Sequence[bytes] = (b"TOP", b"USER", b"UIDL", b"SASL PLAIN", b"RESP-CODES")

    def __init__(self, mailbox: Mailbox, connection: Connection) -> None:
        self.mailbox = mailbox
        self.connection = connection
        self.messages: list[Message] = []
        self.marked: set[int] = set()
        with mailbox.lock:
            mailbox.sessions += 1
            self.number = mailbox.sessions

    def run(self) -> None:
        """Answer until the client or the server has gone."""
        self.send(self.greeting)
        while (line := self.connection.line()) is not None:
            command, _, argument = line.partition(b" ")
            name = command.decode(errors="replace").lower()
            method = getattr(self, f"do_{name}", None)
            with self.mailbox.lock:
                self.send(method(argument) if method else b"-ERR unknown command\r\n")
            if name == "quit":
                return

    def send(self, data: bytes) -> None:
        """Send ``data`` as it is."""
        self.connection.send(data)

    def listing(self, lines: Iterable[bytes]) -> bytes:
        """An answer of several lines."""
        return b"+OK\r\n" + b"".join(line + b"\r\n" for line in lines) + b".\r\n"

    # Signing in

    def do_capa(self, _argument: bytes) -> bytes:
        return self.listing(self.capabilities)

    def do_user(self, _argument: bytes) -> bytes:
        return b"+OK\r\n"

    def do_pass(self, _argument: bytes) -> bytes:
        self.messages = list(self.mailbox.messages)
        return b"+OK signed in\r\n"

    # The maildrop

    def left(self) -> list[tuple[int, Message]]:
        """The messages that are not marked, with their numbers."""
        return [(n, m) for n, m in enumerate(self.messages, start=1) if n not in self.marked]

    def size(self, message: Message) -> int:
        """What LIST says."""
        return len(message.raw)

    def uidl(self, message: Message) -> bytes:
        """What UIDL says."""
        return message.uidl

    def text(self, message: Message) -> bytes:
        """What RETR hands over."""
        message.read_in = self.number
        return message.raw

    def do_stat(self, _argument: bytes) -> bytes:
        left = self.left()
        return b"+OK %d %d\r\n" % (len(left), sum(self.size(message) for _, message in left))

    def do_noop(self, _argument: bytes) -> bytes:
        return b"+OK\r\n"

    def do_list(self, argument: bytes) -> bytes:
        sizes = {number: self.size(message) for number, message in self.left()}
        if not argument:
            return self.listing(b"%d %d" % row for row in sizes.items())
        number = int(argument)
        return b"+OK %d %d\r\n" % (number, sizes[number]) if number in sizes else b"-ERR no such message\r\n"

    def do_uidl(self, _argument: bytes) -> bytes:
        return self.listing(b"%d %b" % (number, self.uidl(message)) for number, message in self.left())

    def do_retr(self, argument: bytes) -> bytes:
        message = dict(self.left()).get(int(argument))
        return b"-ERR no such message\r\n" if message is None else self.retrieved(message)

    def do_top(self, argument: bytes) -> bytes:
        return self.do_retr(argument.split()[0])

    def retrieved(self, message: Message) -> bytes:
        """The answer to RETR."""
        return multiline(self.text(message))

    def do_dele(self, argument: bytes) -> bytes:
        self.marked.add(int(argument))
        return b"+OK marked\r\n"

    def do_rset(self, _argument: bytes) -> bytes:
        self.marked.clear()
        return b"+OK\r\n"

    def do_quit(self, _argument: bytes) -> bytes:
        self.carry_out()
        return b"+OK bye\r\n"

    def carry_out(self) -> None:
        """Delete what is marked."""
        gone = [message for n, message in enumerate(self.messages, start=1) if n in self.marked]
        self.mailbox.remove([message for message in gone if message in self.mailbox.messages])


class QuirkyPop3Server(ScriptedServer):
    """A server for ``mailbox``. ``quirks`` may be changed between sessions; the first stands in front."""

    def __init__(self, mailbox: Mailbox, quirks: Sequence[type] = ()) -> None:
        super().__init__()
        self.mailbox = mailbox
        self.quirks = tuple(quirks)

    def serve(self, connection: Connection) -> None:
        kind = type("Session", (*self.quirks, Pop3Session), {})
        try:
            kind(self.mailbox, connection).run()
        except HangUp:
            return
