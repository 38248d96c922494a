"""How a run gets past a message that breaks its sessions: by ever smaller batches, until that message stands alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from postmaster.errors import MailError
from postmaster.sources.base import RemoteMail, Trouble

MAX_BREAKS = 30
"""How many sessions of one run may break: two messages in a batch of 100, and one in a listing."""

BREAKS = {"connection-lost": 2, "server-confused": 2, "server-silent": 10, "server-slow": 10}
"""How a session may break at a message, and by what its batch is divided then: by more where each takes minutes."""

MAX_KEY = 300
"""Characters of what a message is known by. UIDLs have 70 (RFC 1939 section 7)."""

MAX_SLOW = 5
"""How many sessions of one run may be too slow: two messages that are. More of them, and it is the whole server."""


class Bisection:
    """``most`` is how many messages a batch may have; ``on`` means that a session of this run broke before, or that
    its messages are taken one by one from the beginning.

    ``culprits`` are the messages at which it broke when they were read alone, by ``key_of``, with the reason; they may
    be known from earlier runs. ``note`` is told the identity of each message that is taken one by one.
    """

    def __init__(
        self,
        most: int,
        culprits: Mapping[str, str] = MappingProxyType({}),
        note: Callable[[str | None], None] = lambda _identity: None,
    ) -> None:
        self.largest = most
        self.most = most
        self.on = most == 1
        self.culprits = dict(culprits)
        self.trouble = Trouble()
        self._note = note
        self._reading: Sequence[RemoteMail] = ()
        self._breaks: Counter[str] = Counter()

    def begin(self, batch: Sequence[RemoteMail]) -> None:
        """``batch`` is being read."""
        self._reading = batch
        if self.largest == 1:
            self._note(batch[0].identity)

    @property
    def reading(self) -> bool:
        """Whether a batch is being read, or was when the run was over."""
        return bool(self._reading)

    def end(self) -> None:
        """The batch was read."""
        self._reading = ()
        self.most = min(self.most * 2, self.largest)

    def may_go_on(self, error: MailError) -> bool:
        """Whether another session may get further than the one that ``error`` ended."""
        reading = self._reading
        self._breaks[error.code] += 1
        if not (reading or self.trouble.asked) or not self._may_break(error.code, listing=not reading):
            return False
        self._reading = ()
        if reading:
            if len(reading) == 1 and self.on:
                self.culprits[key_of(reading[0])] = error.message.removesuffix(".")
            self.most = max(1, len(reading) // BREAKS[error.code])
        self.on = True
        return True

    def _may_break(self, code: str, *, listing: bool) -> bool:
        """Whether it may be a message that is to blame. A server that takes its time to list them is slow itself."""
        if code == "server-slow" and (listing or self._breaks[code] > MAX_SLOW):
            return False
        return code in BREAKS and self._breaks.total() <= MAX_BREAKS


def key_of(mail: RemoteMail) -> str:
    """What a message is known by within a run. Without an identity its size must do: it is but left for later."""
    return (mail.identity or f"size:{mail.size}")[:MAX_KEY]
