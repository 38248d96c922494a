"""Small servers that do what no real one does: answer nonsense, cut connections, crawl.

``ScriptedServer`` runs a function for each connection. ``ImapServer`` is a working IMAP server as long as no answer
of it is replaced. ``pop3.Pop3Server`` is the same for POP3.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Self

from tests.servers.certificates import Certificate


class Connection:
    """The server's end of one connection. ``received`` are the lines that the client sent, without their ends."""

    def __init__(self, sock: socket.socket, received: list[bytes], stopping: threading.Event) -> None:
        self.sock = sock
        self.received = received
        self.stopping = stopping
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send ``data`` as it is."""
        self.sock.sendall(data)

    def line(self) -> bytes | None:
        """The next line without its end; None when the client has gone."""
        while b"\n" not in self._buffer:
            if not self.take():
                return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        self.received.append(line.rstrip(b"\r"))
        return self.received[-1]

    @property
    def unread(self) -> bytes:
        """What has come and was not asked for by ``line``."""
        return self._buffer

    def take(self) -> bool:
        """Wait for what the client sends next, and leave it ``unread``; False when it has gone."""
        data = self.sock.recv(65536)
        self._buffer += data
        return bool(data)

    def forget(self) -> None:
        """Never mind what is ``unread``."""
        self._buffer = b""

    def trickle(self, data: bytes, pause: float = 0.05) -> None:
        """Send a byte every ``pause`` seconds, until the client has gone or the server stops."""
        for position in range(len(data)):
            self.send(data[position : position + 1])
            if self.stopping.wait(pause):
                return

    def hang(self) -> None:
        """Say nothing until the server stops."""
        self.stopping.wait()

    def cut(self) -> None:
        """Reset the connection, as a crash does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """End the connection in order."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def start_tls(self, certificate: Certificate) -> None:
        """Go on encrypted."""
        self._buffer = b""
        self.sock = server_context(certificate).wrap_socket(self.sock, server_side=True)


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """What a server needs to show ``certificate``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    return context


class ScriptedServer:
    """Runs ``handler`` in a thread for each connection; with ``certificate`` the connection starts encrypted.

    ``received`` are the lines of all connections, in the order in which they came.
    """

    host = "127.0.0.1"

    def __init__(self, handler: Callable[[Connection], None] | None = None, certificate: Certificate | None = None):
        self._handler = handler or self.serve
        self._certificate = certificate
        self.received: list[bytes] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self, connection: Connection) -> None:
        """What is done with a connection when no handler was given."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopping.set()
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _spawn(self, function: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=function, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self.stopping.is_set():
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self._open.append(sock)
                self._spawn(self._converse, sock)

    def _converse(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._certificate:
                sock = server_context(self._certificate).wrap_socket(sock, server_side=True)
            connection = Connection(sock, self.received, self.stopping)
            try:
                self._handler(connection)
            finally:
                connection.close()


Answer = bytes | Callable[[Connection, bytes, bytes], None]


class ImapServer(ScriptedServer):
    """An IMAP server with one folder, INBOX, whose answers can be replaced.

    ``answers`` maps a command (``LOGIN``, ``UID SEARCH`` …) to what is answered: bytes in which ``{tag}`` is replaced,
    or a function of connection, tag and arguments. ``messages`` maps a UID to a message.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        *,
        greeting: bytes = b"* OK ready\r\n",
        capability: bytes = b"IMAP4rev1 UIDPLUS AUTH=PLAIN",
        messages: Mapping[int, bytes] | None = None,
        certificate: Certificate | None = None,
        starttls: Certificate | None = None,
    ) -> None:
        super().__init__(certificate=certificate)
        self.answers = dict(answers or {})
        self._greeting = greeting
        self._capability = capability
        self._starttls = starttls
        self.messages = dict(messages or {})

    def serve(self, connection: Connection) -> None:
        connection.send(self._greeting)
        while (line := connection.line()) is not None:
            tag, command, arguments = split_command(line)
            self._answer(connection, tag, command, arguments)
            if command == "LOGOUT":
                return

    def _answer(self, connection: Connection, tag: bytes, command: str, arguments: bytes) -> None:
        answer = self.answers.get(command) or self._standard(command, arguments)
        if callable(answer):
            answer(connection, tag, arguments)
        else:
            connection.send(answer.replace(b"{tag}", tag))
        if command == "STARTTLS" and self._starttls and command not in self.answers:
            connection.start_tls(self._starttls)

    def _standard(self, command: str, arguments: bytes) -> bytes:
        done = b"{tag} OK done\r\n"
        count = b"* %d EXISTS\r\n* 0 RECENT\r\n" % len(self.messages)
        flags = b"* OK [PERMANENTFLAGS (\\Deleted \\Seen)] ok\r\n* OK [UIDVALIDITY 7] ok\r\n"
        uids = b" ".join(b"%d" % uid for uid in self.messages)
        standard = {
            "CAPABILITY": b"* CAPABILITY " + self._capability + b"\r\n" + done,
            "SELECT": count + flags + b"{tag} OK [READ-WRITE] done\r\n",
            "EXAMINE": count + flags + b"{tag} OK [READ-ONLY] done\r\n",
            "LIST": b'* LIST () "/" INBOX\r\n' + done,
            "UID SEARCH": b"* SEARCH " + (b"" if b"DELETED" in arguments.split() else uids) + b"\r\n" + done,
            "FETCH": self._fetch(arguments, uids=False) + done,
            "UID FETCH": self._fetch(arguments, uids=True) + done,
            "LOGOUT": b"* BYE\r\n" + done,
        }
        return standard.get(command, done)

    def _fetch(self, arguments: bytes, *, uids: bool) -> bytes:
        numbers, _, items = arguments.partition(b" ")
        answer = b""
        for number, (uid, raw) in enumerate(self.messages.items(), start=1):
            if number_in(uid if uids else number, numbers):
                body = b" BODY[] {%d}\r\n%b" % (len(raw), raw) if b"BODY" in items else b""
                answer += b"* %d FETCH (UID %d RFC822.SIZE %d FLAGS ()%b)\r\n" % (number, uid, len(raw), body)
        return answer


def split_command(line: bytes) -> tuple[bytes, str, bytes]:
    """Tag, command and arguments; ``UID`` counts as part of the command."""
    tag, _, rest = line.partition(b" ")
    command, _, arguments = rest.partition(b" ")
    if command.upper() == b"UID":
        second, _, arguments = arguments.partition(b" ")
        command += b" " + second
    return tag, command.decode(errors="replace").upper(), arguments


def number_in(number: int, numbers: bytes) -> bool:
    """Whether ``number`` is in a set of numbers as IMAP writes it, such as ``1,3:5``."""
    for part in filter(None, numbers.split(b",")):
        low, _, high = part.partition(b":")
        if low.isdigit() and int(low) <= number <= (10**10 if high == b"*" else int(high or low)):
            return True
    return False
