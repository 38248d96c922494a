"""Which messages of a mailbox are taken, and what reading a batch of them brings."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from postmaster.database import read_session
from postmaster.fetching.bisection import key_of
from postmaster.fetching.memory import LARGE_BYTES, return_large_blocks
from postmaster.fetching.pending import Ledger, LedgerEntry, recorded_lately
from postmaster.fetching.plausible import doubt
from postmaster.fetching.same_message import says_the_same
from postmaster.sources.base import MailSource, RemoteMail
from postmaster.sources.listing import Listing


@dataclass(frozen=True, slots=True)
class MailboxListing:
    """What a session has to do: messages to take, in batches, how many are too large, and those not to be had."""

    wanted: Listing
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


def select_messages(
    mails: Listing, ledger: Ledger, largest: int, culprits: Mapping[str, str] = MappingProxyType({})
) -> MailboxListing:
    """What to take of ``mails``. Mail that another client flagged as deleted is not counted as being there.

    ``culprits`` are those that broke earlier sessions of the run, by ``key_of``.
    """
    wanted, withheld, too_large = array("Q"), [], 0
    for index, mail in enumerate(mails):
        if mail.flagged and not ledger.knows(mail):
            continue
        why = "the server does not list it" if mail.unlisted else culprits.get(key_of(mail))
        if why:
            withheld.append(Withheld(mail, why))
        elif mail.size > largest:
            too_large += 1
        else:
            wanted.append(index)
    return MailboxListing(mails.at(wanted), too_large, withheld)


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch that was read: how many are gone, those the server has but does not hand over, which were recorded
    before, and which are new (with bytes and SHA-256).
    """

    gone: int
    withheld: list[Withheld]
    known: list[tuple[RemoteMail, LedgerEntry]]
    new: list[tuple[RemoteMail, bytes, bytes]]

    @property
    def size(self) -> int:
        """The bytes of the new messages."""
        return sum(len(raw) for _, raw, _ in self.new)

    def digests(self) -> dict[int, bytes]:
        """The SHA-256 of what was read, by handle."""
        known = {mail.handle: entry.sha256 for mail, entry in self.known}
        return known | {mail.handle: sha256 for mail, _, sha256 in self.new}


def read_batch(
    source: MailSource, batch: Sequence[RemoteMail], ledger: Ledger, mailbox_id: int | None = None
) -> ReadBatch:
    """Read ``batch`` and hold each message against the ledger, and against what was recorded lately."""
    if any(mail.size >= LARGE_BYTES for mail in batch):
        return_large_blocks()
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
        elif entry := ledger.find(mail, sha256) or ledger.find_changed(mail, partial(says_the_same, raw)):
            known.append((mail, entry))
        elif not mail.flagged:
            new.append((mail, raw, sha256))
    again = _recorded_lately(new, mailbox_id)
    known += again
    handles = {mail.handle for mail, _ in again}
    return ReadBatch(gone, list(kept_back.values()), known, [row for row in new if row[0].handle not in handles])


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
