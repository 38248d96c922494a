"""What events are handed over to: a web server that takes them, or does what a test wants of it."""

from __future__ import annotations

import json
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook

from tests.servers.certificates import Certificate


@dataclass(frozen=True)
class Call:
    """A request that came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The id of the event."""
        return self.headers["webhook-id"]

    @property
    def document(self) -> Any:
        """The event."""
        return json.loads(self.body)

    @property
    def about(self) -> int:
        """The number by which the tests call its ticket."""
        return int(self.document["data"]["changes"]["about"][1])


@dataclass(frozen=True)
class Reply:
    """What the server answers, after ``gate`` is open, and before that the status ``early``; ``trickle``: its "headers"
    or its "body" come a byte now and then, and never to their end.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    trickle: str = ""
    early: int = 0


Answering = Callable[[Call], Reply]


class EventReceiver:
    """A server in threads. ``calls`` is what came, ``taken`` the keys that it answered 2xx to, in their order.

    ``answer`` says what is answered. While ``gate`` is shut nothing is.
    """

    def __init__(self, certificate: Certificate | None = None, port: int = 0, answer: Answering | None = None) -> None:
        self.calls: list[Call] = []
        self.taken: list[Call] = []
        self.answer: Answering = answer or (lambda _call: Reply())
        self.gate = threading.Event()
        self.gate.set()
        self.ended = threading.Event()
        self.connections = 0
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                owner.connections += 1

            def do_POST(self) -> None:
                owner._take(self)

            def log_message(self, *_words: object) -> None:
                """Nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            allow_reuse_address = True

            def handle_error(self, *_words: object) -> None:
                """Those that hang up are meant to."""

        self._server = Server(("127.0.0.1", port), Handler)
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert_file, certificate.key_file)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where to post to."""
        return f"{self._scheme}://127.0.0.1:{self.port}/hooks"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def types(self) -> list[str]:
        """The types of events that were taken."""
        return [call.document["type"] for call in self.taken]

    def by_ticket(self) -> Mapping[int, Sequence[int]]:
        """The numbers of the events that were taken first, in their order, by ticket."""
        found: dict[int, list[int]] = defaultdict(list)
        seen: set[str] = set()
        for call in self.taken:
            if call.key not in seen:
                seen.add(call.key)
                found[call.about].append(call.document["sequence"])
        return found

    def verify(self, secret: str) -> None:
        """See that each call is signed. Raises WebhookVerificationError."""
        for call in self.calls:
            Webhook(secret).verify(call.body, dict(call.headers))

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        call = Call(handler.path, {name.lower(): value for name, value in handler.headers.items()}, body)
        with self._lock:
            self.calls.append(call)
        self.gate.wait(60)
        reply = self.answer(call)
        if reply.early:
            handler.wfile.write(f"HTTP/1.1 {reply.early} Early\r\nLink: </x>\r\n\r\n".encode() * 2)
        handler.send_response(reply.status)
        for name, value in reply.headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body) + (10**6 if reply.trickle else 0)))
        if reply.trickle == "headers":
            handler.send_header("X-Slow", "")
            handler._headers_buffer[-1] = b"X-Slow: "
            handler.flush_headers()
        else:
            handler.end_headers()
        while reply.trickle and not self.ended.wait(0.1):
            handler.wfile.write(b"x")
        handler.wfile.write(reply.body)
        if 200 <= reply.status < 300 and not reply.trickle:
            with self._lock:
                self.taken.append(call)
