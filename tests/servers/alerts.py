"""What alerts are sent to: a mail server that takes mail in (RFC 5321), and a web server that takes webhooks."""

from __future__ import annotations

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self


class _Server:
    """A server in a thread. While ``broken`` it refuses what it is sent; while ``gate`` is shut it does not answer,
    and ``asked`` says that somebody waits for it.
    """

    def __init__(self, server: socketserver.BaseServer) -> None:
        self.broken = False
        self.gate, self.asked = threading.Event(), threading.Event()
        self.gate.set()
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class SmtpServer(_Server):
    """``mails`` are the messages it took, with their envelope's recipients."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], str]] = []
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                owner._talk(self)

        super().__init__(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))

    @property
    def target(self) -> str:
        """The address as Apprise writes it; the password must never be seen anywhere."""
        return f"mailto://127.0.0.1:{self.port}/?from=postmaster@example.org&to=ops@example.org&name=s3cret-smtp"

    def _talk(self, connection: socketserver.StreamRequestHandler) -> None:
        def say(line: str) -> None:
            connection.wfile.write(f"{line}\r\n".encode())

        say("220 test")
        recipients: list[str] = []
        while line := connection.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
            if verb == b"DATA":
                self.asked.set()
                self.gate.wait(10)
            if verb == b"DATA" and not self.broken:
                say("354 go on")
                lines = iter(connection.rfile.readline, b".\r\n")
                self.mails.append((recipients, b"".join(lines).decode()))
            if verb == b"QUIT":
                say("221 bye")
                return
            say("451 not now" if self.broken else "250 ok")


class WebhookServer(_Server):
    """``calls`` are the JSON bodies that were posted."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not owner.broken:
                    owner.calls.append(json.loads(body))
                self.send_response(500 if owner.broken else 200)
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Nothing."""

        super().__init__(HTTPServer(("127.0.0.1", 0), Handler))

    @property
    def target(self) -> str:
        """The address as Apprise writes it; the path must never be seen anywhere."""
        return f"json://127.0.0.1:{self.port}/s3cret-path"
