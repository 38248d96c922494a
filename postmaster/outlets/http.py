"""Posting to a receiver: certificates checked, the address checked that is connected to, and bounded in time and size.

A connection is kept for the next event. Redirects are not followed: they would lead past what was entered.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from postmaster.config.readers import Network
from postmaster.errors import MailError
from postmaster.sources.networks import check_addresses, resolve
from postmaster.sources.reach import reach
from postmaster.sources.tls import shared_context

CONNECT_SECONDS = 5.0
"""For connecting, however many addresses the receiver has."""

MAX_RECEIVED = 65_536
"""Bytes that are read of an answer. Nobody needs more to know whether an event was taken."""


class SendError(Exception):
    """No answer came; the words say why."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers that matter, and the beginning of the body."""

    status: int
    location: str
    retry_after: str
    body: bytes


class FinalResponse(http.client.HTTPResponse):
    """The answer itself: any number of 1xx may come before it (RFC 9110 section 15.2). http.client passes over 100
    alone, and would take what follows another one for the answer to the next request.
    """

    def begin(self) -> None:
        """Read status and headers."""
        super().begin()
        while 100 <= self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()


@dataclass(frozen=True)
class Receiver:
    """Where to post to, and by which rules."""

    url: str
    seconds: float
    ca_file: Path | None
    forbidden: tuple[Network, ...]

    @property
    def parts(self) -> SplitResult:
        """The parts of the address."""
        return urlsplit(self.url)


class Poster:
    """Posts to one receiver, from several threads. ``close`` lets go of the connections that are kept."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def post(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Post ``body``. Raises SendError if no answer comes in time.

        A connection that was kept may have been closed by the receiver meanwhile: then it is tried with another one.
        """
        ends = time.monotonic() + self._receiver.seconds
        kept = self._take()
        if kept is not None:
            with suppress(SendError), _within(kept, ends):
                return self._exchange(kept, headers, body, ends)
            if time.monotonic() >= ends:
                raise SendError(self._too_slow())
        fresh = self._connect(ends)
        with _within(fresh, ends):
            return self._exchange(fresh, headers, body, ends)

    def close(self) -> None:
        """Close what is kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _exchange(
        self, connection: http.client.HTTPConnection, headers: Mapping[str, str], body: bytes, ends: float
    ) -> HttpAnswer:
        parts = self._receiver.parts
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body=body, headers=dict(headers))
            response = connection.getresponse()
            if time.monotonic() >= ends:  # headers that were cut short count as complete there
                raise TimeoutError
            received = response.read(MAX_RECEIVED)
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise SendError(self._too_slow() if time.monotonic() >= ends else _broken(error)) from error
        if response.isclosed() and not response.will_close and time.monotonic() < ends:
            with self._lock:
                self._idle.append(connection)
        else:
            connection.close()
        location, retry_after = (response.headers.get(name, "") for name in ("Location", "Retry-After"))
        return HttpAnswer(response.status, location, retry_after, received)

    def _connect(self, ends: float) -> http.client.HTTPConnection:
        parts = self._receiver.parts
        secure = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        sock = self._reach(host, port, ends)
        try:
            sock.settimeout(max(ends - time.monotonic(), 0.1))
            if secure:
                context = shared_context(verify=True, ca_file=self._receiver.ca_file)
                sock = context.wrap_socket(sock, server_hostname=host.rstrip("."))
        except ssl.SSLCertVerificationError as error:
            sock.close()
            raise SendError(f"The certificate of {host} was refused: {error.verify_message}.") from error
        except MailError as error:
            sock.close()
            raise SendError(str(error)) from error
        except OSError as error:
            sock.close()
            raise SendError(f"No encrypted connection to {host} came about: {_words(error)}.") from error
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(host, port)
        connection.response_class = FinalResponse
        connection.auto_open = 0  # what it would open by itself is not checked
        connection.sock = sock
        return connection

    def _reach(self, host: str, port: int, ends: float) -> socket.socket:
        """Connect to one of the addresses that were checked: the name is looked up once."""
        try:
            addresses = resolve(host, port)
        except (socket.gaierror, ValueError) as error:
            raise SendError(f"There is no address of {host} to be found.") from error
        try:
            check_addresses(host, addresses, self._receiver.forbidden)
            sock, _ = reach(addresses, min(CONNECT_SECONDS, max(ends - time.monotonic(), 0.1)))
        except MailError as error:
            raise SendError(
                f"{host} leads into a network that POSTMASTER_FORBIDDEN_NETWORKS forbids, so nothing was sent."
            ) from error
        except OSError as error:
            raise SendError(f"Nothing answers at {host}, port {port}: {_words(error)}.") from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _too_slow(self) -> str:
        return f"The receiver was too slow: it took longer than {self._receiver.seconds:.0f} s."


@contextmanager
def _within(connection: http.client.HTTPConnection, ends: float) -> Iterator[None]:
    """Cut ``connection`` at ``ends``, whatever the receiver does: a byte now and then starts a socket's time anew."""
    sock = connection.sock
    sock.settimeout(max(ends - time.monotonic(), 0.01))
    timer = threading.Timer(max(ends - time.monotonic(), 0.01), _cut, args=(sock,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _broken(error: Exception) -> str:
    return f"The connection broke before an answer came: {_words(error)}."


def _words(error: Exception) -> str:
    """What went wrong, in the system's words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
