"""How requests are read: whole, before a thread of the pages gets them.

gunicorn's own threaded worker gives a connection a thread as soon as its first byte is there, and the thread waits for
the rest: as many half-sent requests as there are threads, and no page answers any more. Here waitress reads all
connections side by side, in one loop, and no thread ever waits for a client. gunicorn still starts, watches and ends
the processes.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from copy import copy
from signal import Signals
from types import FrameType
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

from postmaster.fetching.posted import MAX_MAIL
from postmaster.web.security import MAX_REQUEST

# Seconds within which a request has to come from its first byte to its last one; those that a connection may stay open
# without one; and those in which a browser takes nothing of an answer.
REQUEST_SECONDS = 20

# Where programs hand mail in.
MAIL_PATH = "/api/v1/mail"

OPTIONS = {
    "asyncore_use_poll": True,
    "channel_timeout": 24 * 3600,  # what is idle is closed by ``end_overdue``, which knows half a request, too
    "clear_untrusted_proxy_headers": False,  # ProxyFix takes what POSTMASTER_TRUSTED_PROXIES says, and nothing else
    "ident": None,
    "log_socket_errors": False,
    "max_request_header_size": 64 * 1024,
    "max_request_body_size": 2 * MAX_REQUEST,  # a form that is a little too large is told so by a page
}

# That requests wait for a thread is no news where a browser asks for a page with its pictures.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class Request(HTTPRequestParser):
    """A request as it comes in. Messages that programs hand in may be larger than what browsers send."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read its header, which says how large the rest may be."""
        super().parse_header(header_plus)
        if self.path == MAIL_PATH:
            self.adj = copy(self.adj)
            self.adj.max_request_body_size = MAX_MAIL


class Connection(HTTPChannel):
    """A connection that knows since when it waits for its client, however slowly bytes come."""

    parser_class = Request
    began: float | None = None
    """When the first byte of the request came that is not there as a whole yet."""

    def handle_read(self) -> None:
        """Take what has come."""
        super().handle_read()
        if self.request is None:
            self.began = None
        elif self.began is None:
            self.began = time.time()

    def is_overdue(self, moment: float) -> bool:
        """Whether the client has kept it waiting for too long. Our own work on a request may take what it takes."""
        if self.requests and not self.total_outbufs_len:
            return False
        return moment - (self.began or self.last_activity) > REQUEST_SECONDS


def end_overdue(connections: Iterable[Any], moment: float) -> None:
    """Close those that wait for a client in vain."""
    for connection in list(connections):
        if isinstance(connection, Connection) and connection.is_overdue(moment):
            connection.handle_close()


class BufferingWorker(Worker):
    """A process of the web server, as gunicorn's ``worker_class``. ``threads`` and ``worker_connections`` count."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._map: dict[int, Any] = {}
        self._threads = ThreadedTaskDispatcher()
        self._listeners: list[BaseWSGIServer] = []
        self._looked = 0.0

    def load_wsgi(self) -> None:
        """Load the pages as well, so that no request waits for them, and a fault in them shows at the start."""
        super().load_wsgi()
        self.wsgi.complete()

    def run(self) -> None:
        """Serve until gunicorn says to end, or is gone."""
        self._threads.set_thread_count(self.cfg.threads)
        self._listeners = [self._listen(socket.sock) for socket in self.sockets]
        while self.alive and self.ppid == os.getppid():
            self._turn()
        for listener in self._listeners:
            listener.accepting = False
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while self._is_busy() and time.monotonic() < deadline:
            self._turn()
        self._threads.shutdown(timeout=1)

    def handle_exit(self, sig: Signals, frame: FrameType | None) -> None:
        """SIGTERM: finish what has been asked, then end."""
        super().handle_exit(sig, frame)
        for listener in self._listeners:
            listener.pull_trigger()

    def _listen(self, listening: Any) -> BaseWSGIServer:
        limit = self.cfg.worker_connections
        server: BaseWSGIServer = create_server(
            self.wsgi, self._map, _dispatcher=self._threads, sockets=[listening], connection_limit=limit, **OPTIONS
        )
        server.channel_class = Connection
        return server

    def _turn(self) -> None:
        """What the connections have for us, and what is due every second."""
        wasyncore.loop(timeout=1, use_poll=True, map=self._map, count=1)
        moment = time.time()
        if moment - self._looked >= 1:
            self._looked = moment
            self.notify()
            end_overdue(self._map.values(), moment)

    def _is_busy(self) -> bool:
        return any(
            connection.requests or connection.total_outbufs_len
            for connection in self._map.values()
            if isinstance(connection, Connection)
        )
