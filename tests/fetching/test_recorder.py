"""Parsing and recording beside the reading: in order, bounded, and nothing behind a batch that failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from postmaster.fetching.batch_parser import BatchParser, Reading
from postmaster.fetching.batches import BATCH_BYTES
from postmaster.fetching.messages import ReadBatch
from postmaster.fetching.pending import LedgerEntry
from postmaster.fetching.recorder import Recorder
from postmaster.pipeline.arrival import Arrival, read_arrival
from postmaster.sources.base import RemoteMail


def batch(*raws: bytes) -> ReadBatch:
    return ReadBatch(0, [], [], [(RemoteMail(number, None, len(raw)), raw, b"") for number, raw in enumerate(raws)])


def names(read: ReadBatch) -> list[tuple[str, int]]:
    return [(f"imap:1:{mail.handle}", 0) for mail, _, _ in read.new]


def test_batches_are_recorded_as_if_each_waited_for_the_other() -> None:
    reads = [batch(*(b"Subject: %d.%d\n\nText" % (first, second) for second in range(3))) for first in range(5)]
    recorded: list[Arrival] = []

    def record(arrivals: Sequence[Arrival]) -> list[LedgerEntry]:
        recorded.extend(arrivals)
        return [LedgerEntry(len(recorded), arrival.identity, 0, b"") for arrival in arrivals]

    with closing(Recorder(record, BatchParser())) as recorder:
        for read in reads:
            while not recorder.has_room(read):
                recorder.oldest()[1].result()
            recorder.start(read, names(read))
        while recorder.is_busy:
            recorder.oldest()[1].result()
    plain = [
        read_arrival(raw, b"", *name) for read in reads for (_, raw, _), name in zip(read.new, names(read), strict=True)
    ]
    assert recorded == plain


def test_nothing_behind_a_batch_that_failed_is_recorded() -> None:
    both_are_started = threading.Event()
    tried: list[Sequence[Arrival]] = []

    def record(arrivals: Sequence[Arrival]) -> list[LedgerEntry]:
        tried.append(arrivals)
        both_are_started.wait(30)
        raise RuntimeError("the database is away")

    with closing(Recorder(record, BatchParser())) as recorder:
        first, second = batch(b"Subject: 1"), batch(b"Subject: 2", b"Subject: 3")
        recorder.start(first, names(first))
        recorder.start(second, names(second))
        both_are_started.set()
        with pytest.raises(RuntimeError):
            recorder.oldest()[1].result()
        assert recorder.abandon() == 2
        assert not recorder.is_busy
    assert len(tried) == 1


def test_when_what_is_behind_a_failure_is_given_up_nobody_works_on_it_any_more() -> None:
    go_on, order = threading.Event(), list[str]()

    class Slow(BatchParser):
        def readings(self, raws: Sequence[bytes]) -> Iterator[Reading | None]:
            if raws == [b"Subject: 2"]:
                go_on.wait(30)
                order.append("parsed")
            return super().readings(raws)

    def fail(_arrivals: Sequence[Arrival]) -> list[LedgerEntry]:
        raise RuntimeError("the database is away")

    with closing(Recorder(fail, Slow())) as recorder:
        for read in (batch(b"Subject: 1"), batch(b"Subject: 2")):
            recorder.start(read, names(read))
        assert recorder.oldest()[1].exception(30)
        giving_up = threading.Thread(target=lambda: order.append(f"{recorder.abandon()} given up"))
        giving_up.start()
        giving_up.join(0.1)
        go_on.set()
        giving_up.join(30)
    assert order == ["parsed", "1 given up"]


@pytest.mark.parametrize(
    ("sizes", "has_room"), [((1_000, 1_000), True), ((BATCH_BYTES, 1_000), True), ((BATCH_BYTES, BATCH_BYTES), False)]
)
def test_a_batch_waits_where_both_would_take_too_much_memory(sizes: tuple[int, int], has_room: bool) -> None:
    first, second = (batch(bytes(size)) for size in sizes)
    with closing(Recorder(lambda _arrivals: [], BatchParser())) as recorder:
        assert recorder.has_room(second)
        recorder.start(first, names(first))
        assert recorder.has_room(second) == has_room


def test_no_more_than_two_batches_are_under_way() -> None:
    read = batch(b"Subject: small")
    with closing(Recorder(lambda _arrivals: [], BatchParser())) as recorder:
        recorder.start(read, names(read))
        recorder.start(read, names(read))
        assert not recorder.has_room(read)
        recorder.oldest()
        assert recorder.has_room(read)
