"""An IMAP server (RFC 3501, RFC 4315) over a ``Mailbox``; quirks are classes that stand before ``ImapSession``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tests.servers.quirks.mailbox import Mailbox, Message
from tests.servers.scripted import Connection, ScriptedServer, number_in, split_command

Items = list[tuple[bytes, bytes]]  # name and value of a FETCH answer; a value is written as it stands


class HangUp(Exception):  # noqa: N818 - nothing went wrong: it is what the server does
    """The server ends the connection here."""


def literal(data: bytes) -> bytes:
    """``data`` as a literal (section 4.3)."""
    return b"{%d}\r\n%b" % (len(data), data)


class ImapSession:
    """One connection. Methods named ``do_…`` answer a command; a quirk overrides what it does in its own way."""

    greeting = b"* OK ready\r\n"
    capability = b"IMAP4rev1 UIDPLUS AUTH=PLAIN"

    def __init__(self, mailbox: Mailbox, connection: Connection) -> None:
        self.mailbox = mailbox
        self.connection = connection
        self.messages: list[Message] = []
        self.tag = b""
        with mailbox.lock:
            mailbox.sessions += 1
            self.number = mailbox.sessions

    def run(self) -> None:
        """Answer until the client or the server has gone."""
        self.send(self.greeting)
        while (line := self.connection.line()) is not None:
            self.tag, command, arguments = split_command(line)
            method = getattr(self, "do_" + command.lower().replace(" ", "_"), None)
            if method is None:
                self.finish(b"BAD unknown command")
            else:
                with self.mailbox.lock:
                    method(arguments)
            if command == "LOGOUT":
                return

    def send(self, data: bytes) -> None:
        """Send ``data`` as it is."""
        self.connection.send(data)

    def finish(self, words: bytes = b"OK done") -> None:
        """The tagged line that ends an answer."""
        self.send(self.tag + b" " + words + b"\r\n")

    # Signing in

    def do_capability(self, _arguments: bytes) -> None:
        self.send(b"* CAPABILITY " + self.capability + b"\r\n")
        self.finish()

    def do_login(self, _arguments: bytes) -> None:
        self.finish(b"OK signed in")

    def do_id(self, _arguments: bytes) -> None:
        self.send(b"* ID NIL\r\n")
        self.finish()

    def do_noop(self, _arguments: bytes) -> None:
        self.finish()

    def do_logout(self, _arguments: bytes) -> None:
        self.send(b"* BYE\r\n")
        self.finish()

    # The folder

    def do_list(self, _arguments: bytes) -> None:
        self.send(b'* LIST () "/" INBOX\r\n')
        self.finish()

    def do_select(self, _arguments: bytes) -> None:
        self.open_folder(b"READ-WRITE")

    def do_examine(self, _arguments: bytes) -> None:
        self.open_folder(b"READ-ONLY")

    def open_folder(self, access: bytes) -> None:
        """Take the messages that are there now; their numbers hold until something is expunged."""
        self.messages = list(self.mailbox.messages)
        self.send(b"* %d EXISTS\r\n* 0 RECENT\r\n" % len(self.messages))
        self.send(b"* FLAGS (\\Deleted \\Seen)\r\n* OK [PERMANENTFLAGS (\\Deleted \\Seen)] ok\r\n")
        self.send(self.validity())
        self.finish(b"OK [" + access + b"] done")

    def validity(self) -> bytes:
        """The line that tells the UIDVALIDITY."""
        return b"* OK [UIDVALIDITY %d] ok\r\n" % self.mailbox.uidvalidity

    # Messages

    def uid(self, message: Message) -> int:
        """Its UID in this session."""
        return message.uid

    def size(self, message: Message) -> int:
        """What RFC822.SIZE says."""
        return len(message.raw)

    def text(self, message: Message) -> bytes:
        """What BODY[] holds."""
        message.read_in = self.number
        return message.raw

    def chosen(self, numbers: bytes, *, uids: bool) -> list[tuple[int, Message]]:
        """The messages that a set of numbers or UIDs names, with their numbers."""
        listed = list(enumerate(self.messages, start=1))
        return [(n, m) for n, m in listed if number_in(self.uid(m) if uids else n, numbers)]

    def do_fetch(self, arguments: bytes) -> None:
        self.fetch(arguments, uids=False)

    def do_uid_fetch(self, arguments: bytes) -> None:
        self.fetch(arguments, uids=True)

    def fetch(self, arguments: bytes, *, uids: bool) -> None:
        """Answer FETCH message by message."""
        numbers, _, wanted = arguments.partition(b" ")
        for number, message in self.chosen(numbers, uids=uids):
            self.send_message(number, message, self.items(message, wanted.upper()))
        self.finish()

    def items(self, message: Message, wanted: bytes) -> Items:
        """The items of one message, in the usual order."""
        items = [(b"UID", b"%d" % self.uid(message))]
        if b"RFC822.SIZE" in wanted:
            items.append((b"RFC822.SIZE", b"%d" % self.size(message)))
        if b"FLAGS" in wanted:
            items.append((b"FLAGS", b"(" + b" ".join(sorted(message.flags)) + b")"))
        if part := re.search(rb"BODY(?:\.PEEK)?\[\](?:<(\d+)\.(\d+)>)?", wanted):
            items.append(self.body_item(message, part[1], part[2]))
        return items

    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        """BODY[], or the part of it that was asked for."""
        text = self.text(message)
        if start is None or length is None:
            return b"BODY[]", literal(text)
        return b"BODY[]<%b>" % start, literal(text[int(start) : int(start) + int(length)])

    def send_message(self, number: int, message: Message, items: Items) -> None:
        """One answer to FETCH."""
        self.send(self.fetch_line(number, items))

    def fetch_line(self, number: int, items: Items) -> bytes:
        """``* N FETCH (…)``."""
        return b"* %d FETCH (%b)\r\n" % (number, b" ".join(b"%b %b" % item for item in items))

    # Searching, marking, deleting

    def do_uid_search(self, arguments: bytes) -> None:
        self.search(arguments, uids=True)

    def do_search(self, arguments: bytes) -> None:
        self.search(arguments, uids=False)

    def search(self, arguments: bytes, *, uids: bool) -> None:
        """SEARCH by UID set or by \\Deleted."""
        found = self.found(arguments.upper())
        self.send(b"* SEARCH" + b"".join(b" %d" % (self.uid(m) if uids else n) for n, m in found) + b"\r\n")
        self.finish()

    def found(self, arguments: bytes) -> list[tuple[int, Message]]:
        """What SEARCH finds."""
        named = re.search(rb"UID ([\d,:*]+)", arguments)
        listed = self.chosen(named[1], uids=True) if named else list(enumerate(self.messages, start=1))
        return [(n, m) for n, m in listed if b"DELETED" not in arguments.split() or b"\\Deleted" in m.flags]

    def do_uid_store(self, arguments: bytes) -> None:
        numbers, _, _rest = arguments.partition(b" ")
        for _number, message in self.chosen(numbers, uids=True):
            message.flags.add(b"\\Deleted")
        self.finish()

    def do_uid_expunge(self, arguments: bytes) -> None:
        self.expunge([message for _, message in self.chosen(arguments, uids=True)])

    def do_expunge(self, _arguments: bytes) -> None:
        self.expunge(list(self.messages))

    def expunge(self, among: Sequence[Message]) -> None:
        """Remove those of ``among`` that are marked, and say so."""
        gone = [message for message in among if b"\\Deleted" in message.flags and message in self.mailbox.messages]
        for line in self.expunge_lines(gone):
            self.send(line)
        self.messages = [message for message in self.messages if message not in gone]
        self.mailbox.remove(gone)
        self.finish()

    def expunge_lines(self, gone: Iterable[Message]) -> list[bytes]:
        """``* N EXPUNGE``, each by the number that it has when it goes."""
        left, lines = list(self.messages), []
        for message in gone:
            lines.append(b"* %d EXPUNGE\r\n" % (left.index(message) + 1))
            left.remove(message)
        return lines


class QuirkyImapServer(ScriptedServer):
    """A server for ``mailbox``. ``quirks`` may be changed between sessions; the first stands in front."""

    def __init__(self, mailbox: Mailbox, quirks: Sequence[type] = ()) -> None:
        super().__init__()
        self.mailbox = mailbox
        self.quirks = tuple(quirks)

    def serve(self, connection: Connection) -> None:
        kind = type("Session", (*self.quirks, ImapSession), {})
        try:
            kind(self.mailbox, connection).run()
        except HangUp:
            return
