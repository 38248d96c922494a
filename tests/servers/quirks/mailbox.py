"""The mailbox behind the quirky servers: what is there, and what was deleted."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field


@dataclass(eq=False)
class Message:
    """A message with the identity under which the server knows it; two may have the same by a quirk."""

    raw: bytes
    uid: int
    flags: set[bytes] = field(default_factory=set)
    read_in: int = 0  # the session that read it last

    @property
    def uidl(self) -> bytes:
        """Its name for POP3."""
        return b"u%06d" % self.uid


class Mailbox:
    """Messages in their order. ``deleted`` are those that are gone, as the server carried it out."""

    def __init__(self, *raws: bytes) -> None:
        self.lock = threading.RLock()
        self.uidvalidity = 7
        self.messages: list[Message] = []
        self.deleted: list[bytes] = []
        self.sessions = 0
        self._uids = itertools.count(2)  # so that no UID is the number of its own message
        self.deliver(*raws)

    def deliver(self, *raws: bytes) -> None:
        """New mail."""
        with self.lock:
            self.messages += [Message(raw, next(self._uids)) for raw in raws]

    def remove(self, messages: list[Message]) -> None:
        """Delete for good."""
        with self.lock:
            self.deleted += [message.raw for message in messages]
            self.messages = [message for message in self.messages if message not in messages]

    def renumber(self) -> None:
        """New UIDs under the same UIDVALIDITY, which no server may do."""
        with self.lock:
            for message in self.messages:
                message.uid = next(self._uids)
