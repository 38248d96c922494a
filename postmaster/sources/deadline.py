"""How long a mail server may take: a limit for each answer, and one for the whole session."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

CONNECT_SECONDS = 15.0
"""For connecting, however many addresses the server has."""

GREETING_SECONDS = 60.0
"""For the server's greeting. Servers that look up who calls, or keep strangers waiting, take 20 s and more."""

READ_SECONDS = 60.0
"""For the next bytes of an answer. A server that sends a byte now and then meets the ``Deadline`` instead."""


class Deadline:
    """Ends a session after ``seconds``, whatever the server does, by shutting its socket down.

    A blocked read then ends as if the connection were lost, and ``passed`` says why.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds
        self._handles: list[socket.socket] = []
        self._timer: threading.Timer | None = None

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._ends

    def remaining(self) -> float:
        """Seconds left, never less than a hundredth."""
        return max(self._ends - time.monotonic(), 0.01)

    def watch(self, sock: socket.socket) -> None:
        """Shut ``sock`` down when the time is up, as others that are watched.

        The handle is a duplicate of its own, so that TLS may be put around ``sock`` meanwhile.
        """
        self._handles.append(sock.dup())
        if self._timer is None:
            self._timer = threading.Timer(self.remaining(), self._cut)
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        """The session is over: end the connection and let go of it."""
        if self._timer is not None:
            self._timer.cancel()
        self._cut()
        for handle in self._handles:
            handle.close()

    def _cut(self) -> None:
        for handle in self._handles:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
