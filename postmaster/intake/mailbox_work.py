"""Working off a mailbox: read a batch, record it in one commit, delete it on the server, next.

While a batch is parsed and committed in a thread of its own, the one before is deleted and the next one is read; only
the thread that called ``work_off`` touches the connection. It knows nothing of accounts and runs; ``fetch`` gives it
what it needs. It may take several sessions: POP3 deletes at the end of one only, and no session may last for ever.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

from postmaster.errors import mail_error
from postmaster.intake.ledger import Entry, Ledger
from postmaster.intake.models import Outcome
from postmaster.intake.reading import read_arrival
from postmaster.intake.record import Guard, Origin, record
from postmaster.intake.tally import NOT_REACHED, TOO_LARGE, WITHHELD, Tally
from postmaster.sources.base import Deletions, MailSource, RemoteMail

# A batch is one FETCH, one commit, one deletion. Larger ones gain little (measured: 50 gives 94 % of what 200 does)
# and hold more in memory.
BATCH_MESSAGES = 100
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """``largest``: bytes of a message that is taken. ``stop`` says why to stop before the next batch, or "".

    ``most``: how many messages there may be at all, if somebody has to confirm more; None if nobody has to.
    """

    largest: int
    stop: Callable[[], str]
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a session has to do: messages to take, in batches, and how many are too large."""

    wanted: Sequence[RemoteMail]
    too_large: int


class MailboxWork:
    """The work on one mailbox. ``confirmed`` are ledger rows whose deletion is certain but not written down yet.

    ``expected`` is how many messages the run has to do with, as far as is known.
    """

    def __init__(self, ledger: Ledger, origin: Origin, guard: Guard, limits: Limits, tally: Tally) -> None:
        self.ledger = ledger
        self.origin = origin
        self.guard = guard
        self.limits = limits
        self.tally = tally
        self.confirmed: list[int] = []
        self.notes: dict[str, None] = {}
        self.expected = 0
        self.remaining = 0
        self.too_large = 0
        self.withheld = 0
        self._undeleted: dict[int, Entry] = {}
        self._recording: Recording | None = None

    def work_off(self, source: MailSource, on_progress: Callable[[int, int], None]) -> None:
        """One session: take what its listing holds, up to the session's limit or until ``stop``.

        Afterwards ``remaining`` says how many messages wait for another session. Raises MailError; what was recorded
        by then stays recorded.
        """
        listing = self._list(source)
        self.remaining, self.too_large, self.withheld = len(listing.wanted), listing.too_large, 0
        self.expected = self.tally.done + self.remaining + self.too_large
        if self.limits.most is not None and self.remaining > self.limits.most:
            raise mail_error("first-fetch-held", count=self.remaining)
        with ThreadPoolExecutor(1, thread_name_prefix="record") as recorder:
            try:
                for batch in self._next_batches(listing, source.session_limit):
                    sifted = sift(source, batch, self.ledger)
                    recorded = self._collect()
                    self._start(recorder, batch, sifted)
                    self._delete(source, recorded)
                    on_progress(self.tally.done, self.expected)
                self._delete(source, self._collect())
            except BaseException:
                self._collect()
                raise
        on_progress(self.tally.done, self.expected)
        self._settle(source.close())
        self._undeleted.clear()
        if not self.remaining:
            self.confirmed += self.ledger.leftovers()

    def _next_batches(self, listing: Listing, limit: int | None) -> Iterator[list[RemoteMail]]:
        taken = 0
        for batch in batches(listing.wanted, limit):
            if self.limits.stop() or (limit and taken >= limit):
                return
            taken += len(batch)
            yield batch

    def count_left(self, reason: str) -> None:
        """Count what stays on the server; ``reason`` is why the rest was not reached."""
        self.tally.left_reasons += Counter(
            {TOO_LARGE: self.too_large, WITHHELD: self.withheld, reason or NOT_REACHED: self.remaining}
        )

    def take_confirmed(self) -> list[int]:
        """The rows to be confirmed with the next commit; they are the caller's from now on."""
        taken = self.confirmed[:]
        del self.confirmed[: len(taken)]  # the other thread may be adding to the end
        return taken

    def _list(self, source: MailSource) -> Listing:
        mails = source.list()
        self.confirmed += self.ledger.compare(mails)
        return divide(mails, self.ledger, self.limits.largest)

    def _start(self, recorder: ThreadPoolExecutor, batch: Sequence[RemoteMail], sifted: Sifted) -> None:
        """Have a batch recorded from the side, while the next one is read from the server."""
        self.remaining -= len(batch)
        self.tally.gone += sifted.gone
        self.withheld += sifted.withheld
        self.tally.count(Outcome.ALREADY_RECORDED for _ in sifted.known)
        self._undeleted |= {mail.handle: entry for mail, entry in sifted.known}
        named = [(raw, sha256, *self._name(mail, sha256)) for mail, raw, sha256 in sifted.new]
        future = recorder.submit(copy_context().run, self._record, named)
        self._recording = Recording(sifted, future)

    def _name(self, mail: RemoteMail, sha256: bytes) -> tuple[str, int]:
        identity = mail.identity or f"sha256:{sha256.hex()}"
        return identity, self.ledger.claim(identity)

    def _record(self, named: Sequence[tuple[bytes, bytes, str, int]]) -> list[Entry]:
        arrivals = [read_arrival(*row) for row in named]
        recorded = record(arrivals, self.origin, self.guard) if arrivals else []
        self.tally.count(row.outcome for row in recorded)
        self.tally.bytes += sum(len(arrival.raw) for arrival in arrivals)
        return [
            Entry(row.inbound_id, arrival.identity, arrival.occurrence, arrival.sha256)
            for arrival, row in zip(arrivals, recorded, strict=True)
        ]

    def _collect(self) -> list[RemoteMail]:
        """Wait until the batch is recorded; returns what may be deleted now. Raises what recording raised."""
        recording, self._recording = self._recording, None
        if recording is None:
            return []
        new = [mail for mail, _, _ in recording.sifted.new]
        try:
            entries = recording.future.result()
        except BaseException:
            self.remaining += len(new)
            raise
        self._undeleted |= {mail.handle: entry for mail, entry in zip(new, entries, strict=True)}
        return [mail for mail, _ in recording.sifted.known] + new

    def _delete(self, source: MailSource, recorded: Sequence[RemoteMail]) -> None:
        """Delete on the server what is recorded."""
        if recorded:
            self._settle(source.delete(recorded))

    def _settle(self, deletions: Deletions) -> None:
        """Take down which deletions are certain now."""
        for handle in deletions.confirmed:
            entry = self._undeleted.pop(handle)
            self.ledger.release(entry)
            self.confirmed.append(entry.id)
        if deletions.reason:
            self.notes[deletions.reason] = None


def divide(mails: Sequence[RemoteMail], ledger: Ledger, largest: int) -> Listing:
    """What to take of ``mails``. Mail that another client flagged as deleted is not counted as being there."""
    ours = [mail for mail in mails if not mail.flagged or ledger.knows(mail)]
    wanted = [mail for mail in ours if mail.size <= largest]
    return Listing(wanted, len(ours) - len(wanted))


@dataclass(frozen=True, slots=True)
class Sifted:
    """A batch that was read: how many are gone, how many the server has but does not hand over, which were recorded
    before, and which are new (with bytes and SHA-256).
    """

    gone: int
    withheld: int
    known: list[tuple[RemoteMail, Entry]]
    new: list[tuple[RemoteMail, bytes, bytes]]


def sift(source: MailSource, batch: Sequence[RemoteMail], ledger: Ledger) -> Sifted:
    """Read ``batch`` and hold each message against the ledger."""
    gone = 0
    withheld = len(batch)
    known: list[tuple[RemoteMail, Entry]] = []
    new: list[tuple[RemoteMail, bytes, bytes]] = []
    for mail, raw in source.read(batch):
        if raw == b"" and mail.size:
            continue  # a server's way of failing: to record that, and delete the message, would lose it
        withheld -= 1
        sha256 = hashlib.sha256(raw or b"").digest()
        if raw is None:
            gone += 1
        elif entry := ledger.find(mail, sha256):
            known.append((mail, entry))
        elif not mail.flagged:
            new.append((mail, raw, sha256))
    return Sifted(gone, withheld, known, new)


@dataclass(frozen=True, slots=True)
class Recording:
    """A batch that is being recorded."""

    sifted: Sifted
    future: Future[list[Entry]]


def batches(mails: Iterable[RemoteMail], limit: int | None = None) -> Iterator[list[RemoteMail]]:
    """``mails`` in their order, cut so that no batch has too many messages or bytes (one large message may)."""
    batch: list[RemoteMail] = []
    size = 0
    most = min(BATCH_MESSAGES, limit or BATCH_MESSAGES)
    for mail in mails:
        if batch and (len(batch) >= most or size + mail.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(mail)
        size += mail.size
    if batch:
        yield batch
