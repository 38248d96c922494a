"""From bytes to an arrival: the one place that expects the parser to fail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from postmaster.desk.rawmail import Packed, pack
from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.parser import parse_message
from postmaster.pipeline.verdict import NO_VERDICT, SenderVerdict


@dataclass(frozen=True)
class Arrival:
    """A message that was read. ``message`` is None, and ``flaw`` says why, if it could not be parsed.

    ``checked`` is what this desk itself has found out about its sender, now or when it came.
    """

    raw: bytes
    sha256: bytes
    identity: str
    occurrence: int
    message: ParsedMessage | None
    flaw: str = ""
    checked: SenderVerdict = NO_VERDICT

    @cached_property
    def packed(self) -> Packed:
        """It as it is stored."""
        return pack(self.raw)

    def pack_ahead(self) -> Arrival:
        """Compress it now, not within a transaction, where everybody waits for it (measured: 50 µs a message)."""
        self.packed  # noqa: B018 - it is kept from now on
        return self

    def with_verdict(self, checked: SenderVerdict) -> Arrival:
        """It with what was found out about its sender; what was compressed ahead stays so."""
        told = replace(self, checked=checked)
        if "packed" in vars(self):
            vars(told)["packed"] = self.packed
        return told


def read_arrival(raw: bytes, sha256: bytes, identity: str, occurrence: int) -> Arrival:
    """Parse ``raw``. Whatever the parser raises is kept as the arrival's flaw, and leads to quarantine.

    Raises MemoryError, which says nothing about the message.
    """
    try:
        message, flaw = parse_message(raw), ""
    except MemoryError:
        raise
    except Exception as error:  # a message that our reader stumbles over must not stop the others
        message, flaw = None, repr(error)
    return Arrival(raw, sha256, identity, occurrence, message, flaw)
