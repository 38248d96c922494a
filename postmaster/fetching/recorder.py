"""Parsing and recording beside the reading: each in a thread of its own, batch by batch, in the order they were read.

While a batch waits for the database, the next one is parsed and the one after that is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context

from postmaster.fetching.batch_parser import BatchParser, Reading
from postmaster.fetching.messages import ReadBatch
from postmaster.fetching.pending import LedgerEntry
from postmaster.pipeline.arrival import Arrival, read_arrival

# What is parsed or recorded at the same time. A batch that has more bytes is alone.
BATCHES_UNDER_WAY = 2
BYTES_UNDER_WAY = 12 * 1024 * 1024

Record = Callable[[Sequence[Arrival]], list[LedgerEntry]]


class Recorder:
    """Hands batches to ``record``, one at a time. After one that failed, those that were handed over fail as well.

    What ``parser`` does not read is read here.
    """

    def __init__(self, record: Record, parser: BatchParser) -> None:
        self._record = record
        self._parser = parser
        self._parsing = ThreadPoolExecutor(1, thread_name_prefix="parse")
        self._recording = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._under_way: deque[tuple[ReadBatch, Future[list[LedgerEntry]]]] = deque()

    def close(self) -> None:
        """End the threads, when they are done with what they were given."""
        self._parsing.shutdown()
        self._recording.shutdown()

    @property
    def is_busy(self) -> bool:
        """Whether there are batches that were handed over and not taken back by ``oldest``."""
        return bool(self._under_way)

    def has_room(self, read: ReadBatch) -> bool:
        """Whether ``read`` may be started beside what is under way."""
        if not self._under_way:
            return True
        size = sum(each.size for each, _ in self._under_way) + read.size
        return len(self._under_way) < BATCHES_UNDER_WAY and size <= BYTES_UNDER_WAY

    def start(self, read: ReadBatch, names: Sequence[tuple[str, int]]) -> None:
        """Parse and record the new messages of ``read``, whose identities and occurrences are ``names``."""
        parsed = self._parsing.submit(self._parse, read, names)
        before = self._under_way[-1][1] if self._under_way else None
        recorded = self._recording.submit(copy_context().run, self._record_after, before, parsed)
        self._under_way.append((read, recorded))

    def oldest(self) -> tuple[ReadBatch, Future[list[LedgerEntry]]]:
        """The batch that was started first, and the ledger rows of its new messages, taken back."""
        return self._under_way.popleft()

    def abandon(self) -> int:
        """Give up what is under way after a batch that failed; returns how many new messages that are.

        Nobody works on any of it then, so that another session may hand over its own.
        """
        wait([recorded for _, recorded in self._under_way])
        abandoned = sum(len(read.new) for read, _ in self._under_way)
        self._under_way.clear()
        return abandoned

    def _parse(self, read: ReadBatch, names: Sequence[tuple[str, int]]) -> list[Arrival]:
        readings = self._parser.readings([raw for _, raw, _ in read.new])
        rows = zip(read.new, names, readings, strict=True)
        # Compressing one lets go of the interpreter, and meanwhile the next one is read.
        return [_arrival(raw, sha256, name, reading).pack_ahead() for (_, raw, sha256), name, reading in rows]

    def _record_after(
        self, before: Future[list[LedgerEntry]] | None, parsed: Future[list[Arrival]]
    ) -> list[LedgerEntry]:
        """Record a batch, unless the one before it failed: no message may overtake an earlier one."""
        arrivals = parsed.result()
        if before is not None:
            before.result()
        return self._record(arrivals)


def _arrival(raw: bytes, sha256: bytes, name: tuple[str, int], reading: Reading | None) -> Arrival:
    return Arrival(raw, sha256, *name, *reading) if reading else read_arrival(raw, sha256, *name)
