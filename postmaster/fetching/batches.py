"""Processing a mailbox: read a batch, record it in one commit, delete it on the server, next.

While batches are parsed and committed in threads of their own (``fetching.recorder``), the one before is deleted and
the next one is read; only the thread that called ``process`` touches the connection. It knows nothing of accounts;
``run`` gives it what it needs. It may take several sessions: POP3 deletes at the end of one only, and no session may
last for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from postmaster.errors import MailError, mail_error
from postmaster.fetching.batch_parser import BatchParser
from postmaster.fetching.bisection import Bisection
from postmaster.fetching.counters import NOT_REACHED, TOO_LARGE, WITHHELD
from postmaster.fetching.messages import MailboxListing, ReadBatch, Withheld, read_batch, select_messages
from postmaster.fetching.pending import Ledger, LedgerEntry
from postmaster.fetching.recorder import Recorder
from postmaster.fetching.run_record import RunTransaction
from postmaster.fetching.withheld import MAX_NAMED
from postmaster.ledger.entries import Origin, Recorded
from postmaster.ledger.record import record
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.outcome import Outcome
from postmaster.quantity import quantity
from postmaster.sources.base import Deletions, MailSource, RemoteMail

# A batch is one FETCH, one commit, one deletion. Larger ones gain little (measured: 50 gives 94 % of what 200 does)
# and hold more in memory.
BATCH_MESSAGES = 100
BATCH_BYTES = 8 * 1024 * 1024

# The first of a session is small, so that there is soon something to record while others are read.
FIRST_BATCH = 25

LISTED_AGAIN = "The server lists mail again that it said it had deleted. Nothing is recorded twice; ask who runs it."


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """``largest``: bytes of a message that is taken. ``stop`` says why to stop before the next batch, or "".

    ``most``: how many messages there may be at all, if somebody has to confirm more; None if nobody has to.
    """

    largest: int
    stop: Callable[[], str]
    most: int | None = None


class MailboxWork:
    """The work on one mailbox. ``confirmed`` are ledger rows whose deletion is certain but not committed yet.

    ``expected`` is how many messages the run has to do with, as far as is known.
    """

    def __init__(
        self, ledger: Ledger, origin: Origin, transaction: RunTransaction, limits: BatchLimits, bisection: Bisection
    ) -> None:
        self.ledger = ledger
        self.origin = origin
        self.transaction = transaction
        self.counters = transaction.counters
        self.limits = limits
        self.confirmed: list[int] = []
        self.notes: dict[str, None] = {}
        self.expected = 0
        self.remaining = 0
        self.too_large = 0
        self.withheld: list[Withheld] = []
        self.bisection = bisection
        self._parser = BatchParser()
        # For all sessions of the run: a thread that is new has a heap of its own (measured: 11 MB of 127, with 20,000
        # messages by POP3).
        self._recorder = Recorder(self._record, self._parser)
        self._undeleted: dict[int, LedgerEntry] = {}
        self._kept: set[str | None] = set()
        self._proven: dict[int, bytes] = {}

    def process(self, source: MailSource, on_progress: Callable[[int, int], None]) -> None:
        """One session: take what its listing holds, up to the session's limit or until ``stop``.

        Afterwards ``remaining`` says how many messages wait for another session. Raises MailError; what was recorded
        by then stays recorded.
        """
        listing = self._list(source)
        self.remaining, self.too_large, self.withheld = len(listing.wanted), listing.too_large, [*listing.withheld]
        self.expected = self.counters.done + self.remaining + self.too_large + len(self.withheld)
        if self.limits.most is not None and self.remaining > self.limits.most:
            raise mail_error("first-fetch-held", messages=quantity(self.remaining, "message"))
        self._parser.expect(self.remaining)
        try:
            for batch in self._next_batches(listing, source):
                self._take(source, batch)
                on_progress(self.counters.done, self.expected)
                if self.bisection.on and not self._delete(source, self._collect()):
                    break  # only the session's end makes it certain, so nothing more is risked in this one
            while self._recorder.is_busy:
                self._delete(source, self._collect())
        except BaseException:
            while self._recorder.is_busy:
                self._collect()
            raise
        on_progress(self.counters.done, self.expected)
        self._confirm_deletions(source.close())
        self._kept |= {entry.identity for entry in self._undeleted.values()}
        if not (self.remaining or self.withheld or self.too_large or self._kept):
            self.confirmed += self.ledger.leftovers()

    def close(self) -> None:
        """End what reads and records; there is no other session."""
        self._recorder.close()
        self._parser.close()

    def may_go_on(self, error: MailError) -> bool:
        """Whether another session is to be tried after ``error``. What was recorded is deleted there first."""
        return self.bisection.may_go_on(error)

    def _take(self, source: MailSource, batch: Sequence[RemoteMail]) -> None:
        """Read a batch and have it recorded; meanwhile what was recorded before is deleted."""
        self.bisection.begin(batch)
        read = read_batch(source, batch, self.ledger, self.origin.mailbox_id)
        self.bisection.end()
        recorded: list[RemoteMail] = []
        while not self._recorder.has_room(read):
            recorded += self._collect()
        self._start(batch, read)
        self._delete(source, recorded)

    def _next_batches(self, listing: MailboxListing, source: MailSource) -> Iterator[list[RemoteMail]]:
        taken = 0

        def room() -> int:
            return BATCH_MESSAGES if source.session_limit is None else source.session_limit - taken

        def bound() -> int:
            return min(BATCH_MESSAGES if taken else FIRST_BATCH, BATCH_MESSAGES, self.bisection.most, room())

        for batch in batches(listing.wanted, bound):
            if self.limits.stop() or room() <= 0:
                return
            taken += len(batch)
            yield batch

    def count_left(self, reason: str) -> None:
        """Count what stays on the server, and name what it withholds; ``reason`` is why the rest was not reached."""
        self.notes |= dict.fromkeys(str(each) for each in self.withheld[:MAX_NAMED])
        self.counters.left_reasons += Counter(
            {TOO_LARGE: self.too_large, WITHHELD: len(self.withheld), reason or NOT_REACHED: self.remaining}
        )

    def _list(self, source: MailSource) -> MailboxListing:
        """What is left to do. Mail that the server kept although an earlier session of the run had it deleted is left
        to the next run, and what was recorded before comes last: otherwise a session that takes so many messages, or
        so long, would never get past those that the server does not delete.
        """
        self.ledger.restore(self._undeleted.values())
        self._undeleted.clear()
        self._proven.clear()
        mails = source.list()
        self.ledger.compare(mails)
        if self._kept:
            mails = mails.only(lambda mail: mail.identity not in self._kept)
        listing = select_messages(mails, self.ledger, self.limits.largest, self.bisection.culprits)
        if self.bisection.on or not self.ledger.has_pending:
            return listing
        return replace(listing, wanted=listing.wanted.with_last(self.ledger.knows))

    def _start(self, batch: Sequence[RemoteMail], read: ReadBatch) -> None:
        """Count a batch, and have it recorded while the next one is read from the server."""
        self.remaining -= len(batch)
        self.counters.gone += read.gone
        self.withheld += read.withheld
        self._proven |= read.digests()
        self.counters.count(Outcome.ALREADY_RECORDED for _ in read.known)
        self._undeleted |= {mail.handle: entry for mail, entry in read.known}
        if any(entry.listed_again for _, entry in read.known):
            self.notes[LISTED_AGAIN] = None
        names = [mail.identity or f"sha256:{sha256.hex()}" for mail, _, sha256 in read.new]
        self._recorder.start(read, [(name, self.ledger.claim(name)) for name in names])

    def _record(self, arrivals: Sequence[Arrival]) -> list[LedgerEntry]:
        recorded = self._commit(arrivals) if arrivals else []
        self.counters.count(row.outcome for row in recorded)
        self.counters.bytes += sum(len(arrival.raw) for arrival in arrivals)
        return [
            LedgerEntry(row.inbound_id, arrival.identity, arrival.occurrence, arrival.sha256)
            for arrival, row in zip(arrivals, recorded, strict=True)
        ]

    def _commit(self, arrivals: Sequence[Arrival]) -> list[Recorded]:
        """Record a batch; the deletions that are certain by now are confirmed in the same transaction."""
        confirmed = self.confirmed[:]
        begin = partial(self.transaction.begin, confirmed=confirmed, expected=self.expected)
        recorded = record(arrivals, self.origin, begin)
        del self.confirmed[: len(confirmed)]  # the other thread may have added to the end
        return recorded

    def _collect(self) -> list[RemoteMail]:
        """Wait until the oldest batch is recorded; returns what may be deleted now. Raises what recording raised."""
        if not self._recorder.is_busy:
            return []
        read, entries = self._recorder.oldest()
        new = [mail for mail, _, _ in read.new]
        try:
            recorded = entries.result()
        except BaseException:
            self.remaining += len(new) + self._recorder.abandon()
            raise
        self._undeleted |= {mail.handle: entry for mail, entry in zip(new, recorded, strict=True)}
        return [mail for mail, _ in read.known] + new

    def _delete(self, source: MailSource, recorded: Sequence[RemoteMail]) -> bool:
        """Delete on the server what is recorded; returns False if only the session's end will make it certain."""
        if not recorded:
            return True
        self._require_proof(recorded)
        return self._confirm_deletions(source.delete(recorded))

    def _require_proof(self, mails: Sequence[RemoteMail]) -> None:
        """The invariant: whatever is deleted on the server is recorded, with the very bytes this session read."""
        for mail in mails:
            entry = self._undeleted.get(mail.handle)
            if entry is None or entry.sha256 != self._proven.pop(mail.handle, None):
                raise AssertionError(f"message {mail.handle} is not recorded with the bytes that were read")

    def _confirm_deletions(self, deletions: Deletions) -> bool:
        """Note which deletions are certain now; returns whether the server said anything of them."""
        for handle in deletions.confirmed:
            entry = self._undeleted.pop(handle)
            self.ledger.release(entry)
            self.confirmed.append(entry.id)
        if deletions.reason:
            self.notes[deletions.reason] = None
        return bool(deletions.confirmed or deletions.left)


def batches(
    mails: Iterable[RemoteMail], bound: Callable[[], int] = lambda: BATCH_MESSAGES
) -> Iterator[list[RemoteMail]]:
    """``mails`` in their order, cut so that no batch has too many messages or bytes (one large message may).

    ``bound`` is asked each time how many messages are too many.
    """
    batch: list[RemoteMail] = []
    size = 0
    for mail in mails:
        if batch and (len(batch) >= bound() or size + mail.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(mail)
        size += mail.size
    if batch:
        yield batch
