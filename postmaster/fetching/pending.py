"""The ledger as one run sees it: which messages were recorded before without their deletion being confirmed.

A message is known again by its identity *and* its SHA-256; if its bytes differ, by its identity and what it says
(``fetching.same_message``). Where identities changed, because the server has a new
UIDVALIDITY, knows no UIDL, or is asked by the other protocol now, it is known by its SHA-256 alone; two identical
messages then match two rows, never one. A row whose message is not listed is gone only if everything that is listed
was read. A message whose deletion was confirmed lately and that is listed again is known, too.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Select, Update, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session, aliased

from postmaster.bulk import among
from postmaster.database import dialect_of
from postmaster.extensions import UtcDateTime, now
from postmaster.ledger.models import Deletion, InboundMail, Mailbox

if TYPE_CHECKING:
    from postmaster.sources.base import RemoteMail

# How long the same bytes through a pipe count as the same delivery tried again (docs/reference.md#from-an-mta).
PIPE_MEMORY = timedelta(hours=24)

# How long a message whose deletion the server confirmed, or that came by another name of the server, is known again.
# It counts from the last confirmation, so one that the server never deletes is known for as long as it is listed.
MEMORY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A row of the ledger whose deletion is pending, or ``listed_again`` although the server had confirmed it."""

    id: int
    identity: str
    occurrence: int
    sha256: bytes
    listed_again: bool = False


class Ledger:
    """The pending rows of one mailbox. There are at most those that one session had not confirmed."""

    def __init__(self, entries: Iterable[LedgerEntry]) -> None:
        self._entries: dict[str, list[LedgerEntry]] = defaultdict(list)
        self._moved: dict[bytes, list[LedgerEntry]] = defaultdict(list)
        self._taken: set[tuple[str, int]] = set()
        self.restore(entries)

    def restore(self, entries: Iterable[LedgerEntry]) -> None:
        """Keep these as pending: they are found again, whatever became of the session that knew them."""
        for entry in entries:
            self._entries[entry.identity].append(entry)
            self._taken.add((entry.identity, entry.occurrence))

    def compare(self, listing: Iterable[RemoteMail]) -> None:
        """Hold the pending rows against a listing. Those whose identity it does not show may be under another one.

        They are kept aside to be found by their SHA-256. That they are gone is proven only by the whole listing
        having been read (see ``leftovers``).
        """
        self._moved.clear()
        if not self.has_pending:
            return
        listed = {mail.identity for mail in listing if mail.identity in self._entries}
        for identity, entries in self._entries.items():
            if identity not in listed:
                for entry in entries:
                    self._moved[entry.sha256].append(entry)

    @property
    def has_pending(self) -> bool:
        """Whether there are pending rows at all."""
        return any(self._entries.values())

    def knows(self, mail: RemoteMail) -> bool:
        """Whether ``mail`` may have been recorded before; only its bytes can tell."""
        return any(self._moved.values()) or bool(mail.identity and self._entries.get(mail.identity))

    def find(self, mail: RemoteMail, sha256: bytes) -> LedgerEntry | None:
        """The row of this very message, taken out so that no other message matches it; None if it is new."""
        for entry in self._entries.get(mail.identity or "", ()):
            if entry.sha256 == sha256:
                self._entries[entry.identity].remove(entry)
                return entry
        moved = self._moved.get(sha256)
        if not moved:
            return None
        entry = moved.pop()
        self._entries[entry.identity].remove(entry)
        return entry

    def find_changed(self, mail: RemoteMail, is_same: Callable[[LedgerEntry], bool]) -> LedgerEntry | None:
        """The row of this identity that ``is_same`` takes for the message although its bytes differ; taken out, too."""
        for entry in self._entries.get(mail.identity or "", ()):
            if is_same(entry):
                self._entries[entry.identity].remove(entry)
                return entry
        return None

    def leftovers(self) -> list[int]:
        """The ids of the rows that no message matched, which are gone: call it only when this session proved it.

        Proven means: everything that was listed was read, and checked against the pending rows by its bytes.
        """
        gone = [entry for entries in self._entries.values() for entry in entries]
        self._entries.clear()
        self._moved.clear()
        for entry in gone:
            self.release(entry)
        return [entry.id for entry in gone]

    def claim(self, identity: str) -> int:
        """The lowest occurrence under which no pending row has ``identity``; it is taken from now on."""
        occurrence = next(number for number in itertools.count() if (identity, number) not in self._taken)
        self._taken.add((identity, occurrence))
        return occurrence

    def release(self, entry: LedgerEntry) -> None:
        """The deletion of ``entry`` is confirmed: its identity is free again."""
        self._taken.discard((entry.identity, entry.occurrence))


def load_ledger(session: Session, mailbox_id: int) -> Ledger:
    """The pending rows of the mailbox, by the index that holds nothing else."""
    rows = session.execute(
        select(InboundMail.id, InboundMail.identity, InboundMail.occurrence, InboundMail.sha256).where(
            InboundMail.mailbox_id == mailbox_id, InboundMail.deletion == Deletion.PENDING
        )
    )
    return Ledger(LedgerEntry(*row) for row in rows)


def mark_deleted(session: Session, ids: Iterable[int]) -> None:
    """Write down that these messages are gone from their server. The caller commits."""
    if pending := sorted(ids):
        session.connection().execute(_confirming(dialect_of(session)), {"ids": pending, "deleted_at": now()})


@cache
def _confirming(dialect: str) -> Update:
    return update(InboundMail).where(among(dialect, InboundMail.id, "ids")).values(deletion=Deletion.CONFIRMED)


def piped_before(session: Session, sha256: bytes) -> InboundMail | None:
    """The row of the same bytes that came through the pipe lately, or None."""
    return session.scalars(
        select(InboundMail)
        .where(
            InboundMail.sha256 == sha256,
            InboundMail.mailbox_id.is_(None),
            InboundMail.recorded_at >= now() - PIPE_MEMORY,
        )
        .order_by(InboundMail.id)
        .limit(1)
    ).first()


def recorded_lately(
    session: Session, mailbox_id: int, found: Set[tuple[str, bytes]]
) -> dict[tuple[str, bytes], LedgerEntry]:
    """Rows of the last day with these bytes under the same identity, by both: two messages may have the same bytes.

    Either their deletion was confirmed, perhaps a moment ago and not committed yet, and they are listed again; or they
    came by another name of this server, with the same login and folder. Rows that are pending in ``Ledger`` were looked
    at before.
    """
    wanted = {"mailbox_id": mailbox_id, "since": now() - MEMORY, "digests": {sha256 for _, sha256 in found}}
    rows = session.execute(_LATELY, wanted)
    entries = {(entry.identity, entry.sha256): entry for entry in (LedgerEntry(*row) for row in rows)}
    return {key: entry for key, entry in entries.items() if key in found}


def _lately() -> Select[int, str, int, bytes, bool]:
    this, other = aliased(Mailbox), aliased(Mailbox)
    mailbox_id, since = bindparam("mailbox_id", type_=BigInteger()), bindparam("since", type_=UtcDateTime())
    same = and_(other.login == this.login, other.folder == this.folder, other.id != this.id)
    return (
        select(InboundMail.id, InboundMail.identity, InboundMail.occurrence, InboundMail.sha256, other.id == mailbox_id)
        .join(other, other.id == InboundMail.mailbox_id)
        .join(this, this.id == mailbox_id)
        .where(
            InboundMail.sha256.in_(bindparam("digests", expanding=True)),
            or_(InboundMail.recorded_at >= since, InboundMail.deleted_at >= since),
            or_(other.id == mailbox_id, same),
        )
        .order_by(InboundMail.id)
    )


# Made once (measured: 2 instead of 13 µs a message in batches of 100).
_LATELY = _lately()
