"""The web server as ``bin/start`` runs it: clients that dawdle keep nobody else waiting, and are left in the end."""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from bin.launcher.children import STOP_SIGNALS, Children
from bin.launcher.services import listen, start_web
from postmaster.web.security import MAX_REQUEST
from postmaster.web.serving import REQUEST_SECONDS
from tests.servers.ports import wait_until

# Seconds that a page may take on a busy machine: whoever has to wait for a client that dawdles waits much longer.
SOON = REQUEST_SECONDS / 4

# Eight times as many as there are threads.
DAWDLERS = 64

HEAD = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
COMPLETE = b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n"

# What a client sends, and never the rest of it.
HALF_SENT = {
    "nothing at all": b"",
    "half a request line": b"GET /log",
    "half a header": b"GET /login HTTP/1.1\r\nHost: local",
    "a header without its end": b"GET /login HTTP/1.1\r\nHost: localhost\r\n",
    "no byte of the body": HEAD + b"Content-Length: 1000\r\n\r\n",
    "half the body": HEAD + b"Content-Length: 1000\r\n\r\nname=",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\nname=",
    "a body that waits to be asked for": HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
    "half of a second request": COMPLETE + b"GET /login HTTP/1.1\r\nHost",
}


# How clients begin that go on a byte at a time: in a header, and in a body.
TRICKLED = (b"GET /login HTTP/1.1\r\nX-Header: " + b"x" * 190, HEAD + b"Content-Length: 10000\r\n\r\n")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the web server of ``bin/start`` listens."""
    with serving(str(tmp_path_factory.mktemp("serving"))) as (_, port):
        yield port


@contextmanager
def serving(data_dir: str) -> Iterator[tuple[Children, int]]:
    """The web server of ``bin/start`` on that data directory, and its port."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    listener = listen(0)
    port = listener.getsockname()[1]
    with Children() as children:
        start_web(children, listener, {**os.environ, "POSTMASTER_DATA_DIR": data_dir})
        yield children, port
    for number, handler in before.items():
        signal.signal(number, handler)


def connect(port: int, sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sendall(sent)
    return client


def seconds_of_a_page(port: int) -> float:
    """How long the page of signing in takes."""
    began = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=30) as response:
        assert b"Sign in" in response.read()
    return time.monotonic() - began


@pytest.mark.parametrize("sent", HALF_SENT.values(), ids=HALF_SENT)
def test_clients_that_send_half_a_request_keep_no_page_waiting(port: int, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(DAWDLERS):
            stack.enter_context(connect(port, sent))
        assert max(seconds_of_a_page(port) for _ in range(3)) < SOON


def test_clients_that_send_a_byte_now_and_then_keep_no_page_waiting_and_are_left(port: int) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(port, start)) for start in TRICKLED for _ in range(DAWDLERS)]
        assert seconds_of_a_page(port) < SOON

        def all_left() -> bool:
            for client in clients.copy():
                with suppress(OSError):
                    client.send(b"x")
                if is_closed(client):
                    clients.remove(client)
                    assert time.monotonic() - began > REQUEST_SECONDS - 2
            return not clients

        wait_until(all_left, "the server to close what dawdles", REQUEST_SECONDS + 30)
    assert seconds_of_a_page(port) < SOON


def test_connections_that_send_no_more_are_closed(port: int) -> None:
    with ExitStack() as stack:
        silent_half_sent_and_kept_alive = (b"", b"GET /lo", COMPLETE)
        clients = [stack.enter_context(connect(port, sent)) for sent in silent_half_sent_and_kept_alive]
        wait_until(
            lambda: all(is_closed(client) for client in clients), "the server to close them", REQUEST_SECONDS + 30
        )


def is_closed(client: socket.socket) -> bool:
    """Whether the server has closed the connection; takes what it answered before."""
    client.setblocking(False)
    try:
        while client.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_a_connection_is_used_again(port: int) -> None:
    with connect(port) as client:
        for _ in range(3):
            client.sendall(COMPLETE)
            assert b"200 OK" in answer(client)


def answer(client: socket.socket) -> bytes:
    """The head and the body that came."""
    taken = b""
    while b"</html>" not in taken:
        data = client.recv(65536)
        assert data, taken
        taken += data
    return taken


def test_a_form_that_is_too_large_is_answered_by_a_page(port: int) -> None:
    body = b"name=" + b"x" * MAX_REQUEST
    with connect(port, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body) as client:
        assert b"This is too much at once" in answer(client)


def test_a_body_that_is_asked_for_is_sent_then(port: int) -> None:
    with connect(port, HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n") as client:
        assert b"100 Continue" in client.recv(1000)
        client.sendall(b"name=")
        assert b"</html>" in answer(client)


def test_the_server_does_not_say_what_it_is(port: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=30) as response:
        assert response.headers["Server"] is None
