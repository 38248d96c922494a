"""How long a mail server may take: a limit for each answer, one for each step, and one for the whole session."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from postmaster.errors import FaultStage

CONNECT_SECONDS = 15.0
"""For connecting, however many addresses the server has."""

ANSWER_SECONDS: dict[FaultStage, float] = {"connect": 60.0, "folder": 100.0, "list": 100.0, "delete": 100.0}
USUAL_ANSWER_SECONDS = 60.0
"""For the next bytes of an answer, by stage, unless an account has an Answer Timeout of its own. A server that sends a
byte now and then meets the ``Deadline`` instead. Servers that look up who calls greet after 20 s and more; those that
open a large folder build its index first.
"""

OPENING_SECONDS = 120.0
"""For signing in and listing the mailbox together."""

STEP_SECONDS = 120.0
"""For a later step, such as reading a batch; ``time_for`` says how much longer it may take with mail."""

MAIL_SECONDS, MAIL_SPEED = 1.0, 20_000
"""For each message of a step, and the bytes a second at which its text has to come at least."""


def time_for(sizes: Iterable[int]) -> float:
    """Seconds that a step may take longer because of messages of these sizes."""
    return sum(MAIL_SECONDS + size / MAIL_SPEED for size in sizes)


@dataclass(frozen=True)
class TimeLimits:
    """How long one server may take. ``own`` is the account's Answer Timeout in seconds; None means what is usual.

    What belongs together gets longer with it, so that a server may make use of it twice.
    """

    own: float | None = None

    def answer(self, stage: FaultStage) -> float:
        """Seconds for the next bytes of an answer."""
        return self.own or ANSWER_SECONDS.get(stage, USUAL_ANSWER_SECONDS)

    @property
    def opening(self) -> float:
        """Seconds for signing in and listing the mailbox together."""
        return max(OPENING_SECONDS, 2 * (self.own or 0.0))

    @property
    def step(self) -> float:
        """Seconds for a later step, mail apart."""
        return max(STEP_SECONDS, 2 * (self.own or 0.0))

    @property
    def look(self) -> float:
        """Seconds for a session that only looks around, as the connection test does."""
        return self.opening + self.step


class Limit(NamedTuple):
    """When something has to be done, as ``time.monotonic()`` counts; ``what`` is empty for the whole session."""

    ends: float
    seconds: float
    what: str = ""


class Deadline:
    """Ends a session after ``seconds``, whatever the server does, by shutting its socket down; and sooner while a step
    of it has a limit of its own.

    A blocked read then ends as if the connection were lost; ``passed`` and ``limit`` say why.
    """

    def __init__(self, seconds: float) -> None:
        self._limits: tuple[Limit, ...] = (Limit(time.monotonic() + seconds, seconds),)
        self._missed: Limit | None = None
        self._handles: list[socket.socket] = []
        self._timer: threading.Timer | None = None
        self._rings = 0.0
        self._setting = threading.Lock()

    @property
    def limit(self) -> Limit:
        """The limit that has passed; while none has, the one that comes first."""
        return self._missed or min(self._limits)

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self._missed is not None or time.monotonic() >= self.limit.ends

    def remaining(self) -> float:
        """Seconds left, never less than a hundredth."""
        return max(self.limit.ends - time.monotonic(), 0.01)

    def begin(self, what: str, seconds: float) -> Limit:
        """Set a deadline for ``what``, in so many seconds, until ``end``."""
        limit = Limit(time.monotonic() + seconds, seconds, what)
        self._limits = (*self._limits, limit)
        self._set_timer()
        return limit

    def end(self, limit: Limit) -> None:
        """It is done, or was already."""
        self._limits = tuple(known for known in self._limits if known is not limit)

    @contextlib.contextmanager
    def step(self, what: str, seconds: float) -> Iterator[None]:
        """Set a deadline for the block, in so many seconds."""
        limit = self.begin(what, seconds)
        try:
            yield
        except BaseException:
            if self.passed:
                self._missed = self.limit
            raise
        finally:
            self.end(limit)

    def watch(self, sock: socket.socket) -> None:
        """Shut ``sock`` down when the time is up, as others that are watched.

        The handle is a duplicate of its own, so that TLS may be put around ``sock`` meanwhile.
        """
        self._handles.append(sock.dup())
        self._set_timer()

    def cancel(self) -> None:
        """The session is over: end the connection and let go of it."""
        if self._timer is not None:
            self._timer.cancel()
        self._cut()
        for handle in self._handles:
            handle.close()
        self._handles = []

    def _set_timer(self, *, rang: bool = False) -> None:
        """Start the timer of the next limit, unless one is set that rings by then: most steps end in time, and a timer
        is a thread. One that rings too early leads to the next. ``rang``: there is none any more.
        """
        with self._setting:
            ends = self.limit.ends
            if not self._handles or (self._timer is not None and not rang and self._rings <= ends):
                return
            if self._timer is not None:
                self._timer.cancel()
            self._rings = ends
            self._timer = threading.Timer(self.remaining(), self._ring)
            self._timer.daemon = True
            self._timer.start()

    def _ring(self) -> None:
        limit = self.limit
        if time.monotonic() < limit.ends:
            self._set_timer(rang=True)
            return
        self._missed = limit
        self._cut()

    def _cut(self) -> None:
        for handle in self._handles:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
