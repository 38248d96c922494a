"""How a run gets past a message that breaks its sessions: by ever smaller batches, until that message stands alone."""

from __future__ import annotations

from collections.abc import Sequence

from postmaster.errors import MailError
from postmaster.sources.base import RemoteMail, Trouble

MAX_BREAKS = 30
"""How many sessions of one run may break: two messages in a batch of 100, and one in a listing."""

BREAKS = ("connection-lost", "server-silent", "server-confused")


class Care:
    """``most`` is how many messages a batch may have; ``on`` means that a session of this run broke before.

    ``culprits`` are the messages at which it broke when they were read alone, by ``key_of``, with the reason.
    """

    def __init__(self, most: int) -> None:
        self.largest = most
        self.most = most
        self.on = False
        self.culprits: dict[str, str] = {}
        self.trouble = Trouble()
        self._reading: Sequence[RemoteMail] = ()
        self._breaks = 0

    def begin(self, batch: Sequence[RemoteMail]) -> None:
        """``batch`` is being read."""
        self._reading = batch

    def end(self) -> None:
        """The batch was read."""
        self._reading = ()
        self.most = min(self.most * 2, self.largest)

    def may_go_on(self, error: MailError) -> bool:
        """Whether another session may get further than the one that ``error`` ended."""
        reading, self._reading = self._reading, ()
        self._breaks += 1
        if error.code not in BREAKS or self._breaks > MAX_BREAKS or not (reading or self.trouble.asked):
            return False
        if reading:
            if len(reading) == 1 and self.on:
                self.culprits[key_of(reading[0])] = error.message.removesuffix(".")
            self.most = max(1, len(reading) // 2)
        self.on = True
        return True


def key_of(mail: RemoteMail) -> str:
    """What a message is known by within a run. Without an identity its size must do: it is but left for later."""
    return mail.identity or f"size:{mail.size}"
