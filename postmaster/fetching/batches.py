"""Working off a mailbox: read a batch, record it in one commit, delete it on the server, next.

While a batch is parsed and committed in a thread of its own, the one before is deleted and the next one is read; only
the thread that called ``work_off`` touches the connection. It knows nothing of accounts and runs; ``fetch`` gives it
what it needs. It may take several sessions: POP3 deletes at the end of one only, and no session may last for ever.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from types import MappingProxyType

from postmaster.database import read_session
from postmaster.errors import MailError, mail_error
from postmaster.fetching.care import Care, key_of
from postmaster.fetching.counters import NOT_REACHED, TOO_LARGE, WITHHELD, RunCounters
from postmaster.fetching.pending import Ledger, LedgerEntry, recorded_lately
from postmaster.fetching.plausible import doubt
from postmaster.fetching.withheld import MAX_NAMED
from postmaster.ledger.record import Guard, Origin, record
from postmaster.pipeline.arrival import read_arrival
from postmaster.pipeline.decision import Outcome
from postmaster.sources.base import Deletions, MailSource, RemoteMail

# A batch is one FETCH, one commit, one deletion. Larger ones gain little (measured: 50 gives 94 % of what 200 does)
# and hold more in memory.
BATCH_MESSAGES = 100
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """``largest``: bytes of a message that is taken. ``stop`` says why to stop before the next batch, or "".

    ``most``: how many messages there may be at all, if somebody has to confirm more; None if nobody has to.
    """

    largest: int
    stop: Callable[[], str]
    most: int | None = None


@dataclass(frozen=True, slots=True)
class MailboxListing:
    """What a session has to do: messages to take, in batches, how many are too large, and those not to be had."""

    wanted: Sequence[RemoteMail]
    too_large: int
    withheld: Sequence[Withheld] = ()


@dataclass(frozen=True, slots=True)
class Withheld:
    """A message that the server has but does not hand over as it should, and why we think so."""

    mail: RemoteMail
    why: str

    def __str__(self) -> str:
        name = f"UID {self.mail.handle}" if (self.mail.identity or "").startswith("imap:") else self.mail.identity
        size = f", {self.mail.size:,} bytes" if self.mail.size else ""
        return f"Left on the server: message {name or self.mail.handle}{size}: {self.why}."


class MailboxWork:
    """The work on one mailbox. ``confirmed`` are ledger rows whose deletion is certain but not written down yet.

    ``expected`` is how many messages the run has to do with, as far as is known.
    """

    def __init__(
        self,
        ledger: Ledger,
        origin: Origin,
        guard: Guard,
        limits: BatchLimits,
        counters: RunCounters,
        care: Care | None = None,
    ) -> None:
        self.ledger = ledger
        self.origin = origin
        self.guard = guard
        self.limits = limits
        self.counters = counters
        self.confirmed: list[int] = []
        self.notes: dict[str, None] = {}
        self.expected = 0
        self.remaining = 0
        self.too_large = 0
        self.withheld: list[Withheld] = []
        self.care = care or Care(BATCH_MESSAGES)
        self._undeleted: dict[int, LedgerEntry] = {}
        self._kept: set[str | None] = set()
        self._proven: dict[int, bytes] = {}
        self._recording: Recording | None = None

    def work_off(self, source: MailSource, on_progress: Callable[[int, int], None]) -> None:
        """One session: take what its listing holds, up to the session's limit or until ``stop``.

        Afterwards ``remaining`` says how many messages wait for another session. Raises MailError; what was recorded
        by then stays recorded.
        """
        listing = self._list(source)
        self.remaining, self.too_large, self.withheld = len(listing.wanted), listing.too_large, [*listing.withheld]
        self.expected = self.counters.done + self.remaining + self.too_large + len(self.withheld)
        if self.limits.most is not None and self.remaining > self.limits.most:
            raise mail_error("first-fetch-held", count=self.remaining)
        with ThreadPoolExecutor(1, thread_name_prefix="record") as recorder:
            try:
                for batch in self._next_batches(listing, source.session_limit):
                    self._take(source, batch, recorder)
                    on_progress(self.counters.done, self.expected)
                    if self.care.on and not self._delete(source, self._collect()):
                        break  # only the session's end makes it certain, so nothing more is risked in this one
                self._delete(source, self._collect())
            except BaseException:
                self._collect()
                raise
        on_progress(self.counters.done, self.expected)
        self._settle(source.close())
        self._kept |= {entry.identity for entry in self._undeleted.values()}
        if not (self.remaining or self.withheld or self.too_large or self._kept):
            self.confirmed += self.ledger.leftovers()

    def may_go_on(self, error: MailError) -> bool:
        """Whether another session is to be tried after ``error``. What was recorded is deleted there first."""
        return self.care.may_go_on(error)

    def _take(self, source: MailSource, batch: Sequence[RemoteMail], recorder: ThreadPoolExecutor) -> None:
        """Read a batch and have it recorded; meanwhile the one before is deleted."""
        self.care.begin(batch)
        sifted = read_batch(source, batch, self.ledger, self.origin.mailbox_id)
        self.care.end()
        recorded = self._collect()
        self._start(recorder, batch, sifted)
        self._delete(source, recorded)

    def _next_batches(self, listing: MailboxListing, limit: int | None) -> Iterator[list[RemoteMail]]:
        taken = 0
        for batch in batches(listing.wanted, limit, lambda: self.care.most):
            if self.limits.stop() or (limit and taken >= limit):
                return
            taken += len(batch)
            yield batch

    def count_left(self, reason: str) -> None:
        """Count what stays on the server, and name what it withholds; ``reason`` is why the rest was not reached."""
        self.notes |= dict.fromkeys(str(each) for each in self.withheld[:MAX_NAMED])
        self.counters.left_reasons += Counter(
            {TOO_LARGE: self.too_large, WITHHELD: len(self.withheld), reason or NOT_REACHED: self.remaining}
        )

    def take_confirmed(self) -> list[int]:
        """The rows to be confirmed with the next commit; they are the caller's from now on."""
        taken = self.confirmed[:]
        del self.confirmed[: len(taken)]  # the other thread may be adding to the end
        return taken

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
        mails = [mail for mail in mails if mail.identity not in self._kept]
        listing = select_messages(mails, self.ledger, self.limits.largest, self.care.culprits)
        return listing if self.care.on else replace(listing, wanted=sorted(listing.wanted, key=self.ledger.knows))

    def _start(self, recorder: ThreadPoolExecutor, batch: Sequence[RemoteMail], sifted: Sifted) -> None:
        """Have a batch recorded from the side, while the next one is read from the server."""
        self.remaining -= len(batch)
        self.counters.gone += sifted.gone
        self.withheld += sifted.withheld
        self._proven |= sifted.digests()
        self.counters.count(Outcome.ALREADY_RECORDED for _ in sifted.known)
        self._undeleted |= {mail.handle: entry for mail, entry in sifted.known}
        named = [(raw, sha256, *self._name(mail, sha256)) for mail, raw, sha256 in sifted.new]
        future = recorder.submit(copy_context().run, self._record, named)
        self._recording = Recording(sifted, future)

    def _name(self, mail: RemoteMail, sha256: bytes) -> tuple[str, int]:
        identity = mail.identity or f"sha256:{sha256.hex()}"
        return identity, self.ledger.claim(identity)

    def _record(self, named: Sequence[tuple[bytes, bytes, str, int]]) -> list[LedgerEntry]:
        arrivals = [read_arrival(*row) for row in named]
        recorded = record(arrivals, self.origin, self.guard) if arrivals else []
        self.counters.count(row.outcome for row in recorded)
        self.counters.bytes += sum(len(arrival.raw) for arrival in arrivals)
        return [
            LedgerEntry(row.inbound_id, arrival.identity, arrival.occurrence, arrival.sha256)
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

    def _delete(self, source: MailSource, recorded: Sequence[RemoteMail]) -> bool:
        """Delete on the server what is recorded; returns False if only the session's end will make it certain."""
        if not recorded:
            return True
        self._require_proof(recorded)
        return self._settle(source.delete(recorded))

    def _require_proof(self, mails: Sequence[RemoteMail]) -> None:
        """The invariant: whatever is deleted on the server is recorded, with the very bytes this session read."""
        for mail in mails:
            entry = self._undeleted.get(mail.handle)
            if entry is None or entry.sha256 != self._proven.get(mail.handle):
                raise AssertionError(f"message {mail.handle} is not recorded with the bytes that were read")

    def _settle(self, deletions: Deletions) -> bool:
        """Take down which deletions are certain now; returns whether the server said anything of them."""
        for handle in deletions.confirmed:
            entry = self._undeleted.pop(handle)
            self.ledger.release(entry)
            self.confirmed.append(entry.id)
        if deletions.reason:
            self.notes[deletions.reason] = None
        return bool(deletions.confirmed or deletions.left)


def select_messages(
    mails: Sequence[RemoteMail], ledger: Ledger, largest: int, culprits: Mapping[str, str] = MappingProxyType({})
) -> MailboxListing:
    """What to take of ``mails``. Mail that another client flagged as deleted is not counted as being there.

    ``culprits`` are those that broke earlier sessions of the run, by ``key_of``.
    """
    ours = [mail for mail in mails if not mail.flagged or ledger.knows(mail)]
    withheld = [Withheld(mail, "the server does not list it") for mail in ours if mail.unlisted]
    listed = [mail for mail in ours if not mail.unlisted]
    withheld += [Withheld(mail, culprits[key_of(mail)]) for mail in listed if key_of(mail) in culprits]
    listed = [mail for mail in listed if key_of(mail) not in culprits]
    wanted = [mail for mail in listed if mail.size <= largest]
    return MailboxListing(wanted, len(listed) - len(wanted), withheld)


@dataclass(frozen=True, slots=True)
class Sifted:
    """A batch that was read: how many are gone, those the server has but does not hand over, which were recorded
    before, and which are new (with bytes and SHA-256).
    """

    gone: int
    withheld: list[Withheld]
    known: list[tuple[RemoteMail, LedgerEntry]]
    new: list[tuple[RemoteMail, bytes, bytes]]

    def digests(self) -> dict[int, bytes]:
        """The SHA-256 of what was read, by handle."""
        known = {mail.handle: entry.sha256 for mail, entry in self.known}
        return known | {mail.handle: sha256 for mail, _, sha256 in self.new}


def read_batch(
    source: MailSource, batch: Sequence[RemoteMail], ledger: Ledger, mailbox_id: int | None = None
) -> Sifted:
    """Read ``batch`` and hold each message against the ledger, and against what was recorded lately."""
    gone = 0
    kept_back = {mail.handle: Withheld(mail, "the server does not hand it over") for mail in batch}
    known: list[tuple[RemoteMail, LedgerEntry]] = []
    new: list[tuple[RemoteMail, bytes, bytes]] = []
    for mail, raw in source.read(batch):
        if raw is not None and (why := doubt(raw, mail.size)):
            kept_back[mail.handle] = Withheld(mail, why)
            continue
        del kept_back[mail.handle]
        sha256 = hashlib.sha256(raw or b"").digest()
        if raw is None:
            gone += 1
        elif entry := ledger.find(mail, sha256):
            known.append((mail, entry))
        elif not mail.flagged:
            new.append((mail, raw, sha256))
    again = _recorded_lately(new, mailbox_id)
    known += again
    handles = {mail.handle for mail, _ in again}
    return Sifted(gone, list(kept_back.values()), known, [row for row in new if row[0].handle not in handles])


def _recorded_lately(
    new: Sequence[tuple[RemoteMail, bytes, bytes]], mailbox_id: int | None
) -> list[tuple[RemoteMail, LedgerEntry]]:
    """Those of ``new`` that only seem to be: the server confirmed their deletion, or they came by another host name.

    The server's own identity tells them from a second message of the same bytes; without one there is no telling.
    """
    named = {(mail.identity, sha256) for mail, _, sha256 in new if mail.identity}
    if mailbox_id is None or not named:
        return []
    with read_session() as session:
        entries = recorded_lately(session, mailbox_id, named)
    seen = ((mail, entries.get((mail.identity or "", sha256))) for mail, _, sha256 in new)
    return [(mail, entry) for mail, entry in seen if entry is not None]


@dataclass(frozen=True, slots=True)
class Recording:
    """A batch that is being recorded."""

    sifted: Sifted
    future: Future[list[LedgerEntry]]


def batches(
    mails: Iterable[RemoteMail], limit: int | None = None, bound: Callable[[], int] = lambda: BATCH_MESSAGES
) -> Iterator[list[RemoteMail]]:
    """``mails`` in their order, cut so that no batch has too many messages or bytes (one large message may).

    ``bound`` is asked each time how many messages are too many.
    """
    batch: list[RemoteMail] = []
    size = 0
    for mail in mails:
        if batch and (len(batch) >= min(bound(), limit or BATCH_MESSAGES) or size + mail.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(mail)
        size += mail.size
    if batch:
        yield batch
