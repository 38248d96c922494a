"""Fetching with IMAP (RFC 3501), deleting with UID EXPUNGE (RFC 4315) where the server has it."""

from __future__ import annotations

import contextlib
import imaplib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from postmaster.errors import MailError
from postmaster.sources.base import Deletions, RemoteMail
from postmaster.sources.deadline import time_for
from postmaster.sources.dial import Dialler
from postmaster.sources.imap_answers import Item
from postmaster.sources.imap_client import ALLOWANCE, ImapClient
from postmaster.sources.imap_folder import DELETED, Folder
from postmaster.sources.wire import NonsenseError

WINDOW = 500
"""How many messages one command names: about 5,000 characters, within what servers take (RFC 7162 section 4)."""

LARGE_BYTES = 8_000_000
CHUNK_BYTES = 4_000_000
"""A message above LARGE_BYTES is read in chunks, so that it is held in memory once instead of several times."""

FOREIGN = "Other mail in the folder is marked as deleted, and the server cannot delete ours alone (no UIDPLUS)."
KEPT = "The server kept mail that was marked as deleted."
LOOKING = "The folder is only looked at."

_T = TypeVar("_T")


class ImapSource:
    """A MailSource over a folder. ``read_only`` opens it with EXAMINE, and then nothing is ever changed."""

    session_limit: int | None = None

    def __init__(self, dialler: Dialler, client: ImapClient, *, read_only: bool = False) -> None:
        self._dialler = dialler
        self._wire = dialler.wire
        self._client = client
        self._raw = client.raw
        self._read_only = read_only
        self._folder = Folder(client, read_only=read_only)
        self._selected_anew = True
        self._marked: set[int] = set()

    # list

    def list(self) -> Sequence[RemoteMail]:
        """All messages that are there now, oldest first, those that others marked as deleted included."""
        with self._wire.stage("list"):
            if not self._selected_anew:
                self._folder.select()
            self._selected_anew = False
            numbers = range(1, self._folder.exists + 1)
            mails = {mail.handle: mail for window in _windows(numbers) for mail in self._describe(window)}
        self._dialler.opened()
        return [mails[uid] for uid in sorted(mails)]

    def _describe(self, numbers: Sequence[int]) -> Iterator[RemoteMail]:
        """The messages with these numbers. They stay what they are: no EXPUNGE may come meanwhile (section 7.4.1)."""
        self._client.allow()
        for item in self._client.fetch_listing(numbers).values():
            if b"UID" in item:
                uid = item[b"UID"]
                flagged = DELETED.lower() in (bytes(flag).lower() for flag in item[b"FLAGS"])
                yield RemoteMail(uid, f"imap:{self._folder.uidvalidity}:{uid}", item[b"RFC822.SIZE"], flagged)

    # read

    def read(self, mails: Sequence[RemoteMail]) -> Iterator[tuple[RemoteMail, bytes | None]]:
        """Each message with its bytes, then those that are gone with None.

        A message that is there but that the server does not hand over (BODY[] NIL, or a refusal for it alone) is left
        out: it must neither be deleted nor keep the others from being read.
        """
        texts = self._fetch([mail for mail in mails if mail.size <= LARGE_BYTES])
        missing = []
        for mail in mails:
            text = texts.pop(mail.handle, None) if mail.size <= LARGE_BYTES else self._fetch_large(mail)
            if text is None:
                missing.append(mail)
            else:
                yield mail, text
        there = self._still_there([mail.handle for mail in missing])
        yield from ((mail, None) for mail in missing if mail.handle not in there)

    def _fetch(self, mails: Sequence[RemoteMail]) -> dict[int, bytes]:
        """The messages' bytes by UID. If the server refuses them together, each is asked for on its own."""
        answer: dict[int, Item] = {}
        with self._wire.stage("read", time_for(mail.size for mail in mails)):
            for window in _windows(mails):
                together = self._ask(window, "BODY.PEEK[]")
                for part in [together] if together is not None else (self._ask([m], "BODY.PEEK[]") for m in window):
                    answer |= part or {}
        texts = ((uid, item.get(b"BODY[]")) for uid, item in answer.items())
        return {uid: text for uid, text in texts if text is not None}

    def _ask(self, mails: Sequence[RemoteMail], item: str) -> dict[int, Item] | None:
        """What FETCH answers, by UID; None if the server refuses, or if its answer cannot be read."""
        self._client.allow(sum(mail.size for mail in mails))
        try:
            return self._client.fetch_texts([mail.handle for mail in mails], item)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return None

    def _fetch_large(self, mail: RemoteMail) -> bytes | None:
        """A message in chunks, until an empty one: a short one need not be the last."""
        chunks: list[bytes] = []
        offset = 0
        with self._wire.stage("read", time_for([mail.size])):
            while chunk := self._chunk(mail, offset):
                chunks.append(chunk)
                offset += len(chunk)
                if offset > 2 * mail.size + ALLOWANCE:
                    raise NonsenseError("a message far longer than announced")
        return b"".join(chunks) if chunk is not None or (chunks and offset >= mail.size) else None

    def _chunk(self, mail: RemoteMail, offset: int) -> bytes | None:
        answer = self._ask([mail], f"BODY.PEEK[]<{offset}.{CHUNK_BYTES}>") or {}
        return answer.get(mail.handle, {}).get(b"BODY[]<%d>" % offset)

    # delete

    def delete(self, mails: Sequence[RemoteMail]) -> Deletions:
        """Delete exactly these. What earlier calls had to leave is tried again and may be among the confirmed."""
        uids = sorted(mail.handle for mail in mails)
        if self._read_only:
            return Deletions(left=frozenset(uids), reason=LOOKING)
        with self._wire.stage("delete"):
            for window in _windows(uids):
                self._client.allow()
                self._raw.add_flags(window, [DELETED], silent=True)
            self._marked.update(uids)
            return self._expunge(uids)

    def _expunge(self, uids: Sequence[int]) -> Deletions:
        """Remove what we marked, and nothing that somebody else did (DESIGN, "Deletion")."""
        marked = sorted(self._marked)
        if self._client.can("UIDPLUS"):
            for window in _windows(marked):
                self._client.allow()
                self._raw.uid_expunge(window)
        elif self._foreign():
            return Deletions(left=frozenset(uids), reason=FOREIGN)
        else:
            self._client.allow()
            self._raw.expunge()
        self._marked = self._search(marked)
        left = self._marked.intersection(uids)
        return Deletions(frozenset(marked) - self._marked, frozenset(left), KEPT if left else "")

    def _foreign(self) -> bool:
        """Whether mail of others is marked as deleted, after the server was given the chance to tell us the latest."""
        self._client.allow()
        self._raw.noop()
        return not self._marked.issuperset(self._raw.search("DELETED"))

    def _still_there(self, uids: Sequence[int]) -> set[int]:
        """Those of ``uids`` that exist, after the server was given the chance to tell us of deletions by others."""
        with self._wire.stage("read"):
            if uids:
                self._client.allow()
                self._raw.noop()
            return self._search(uids)

    def _search(self, uids: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for window in _windows(uids):
            self._client.allow()
            found.update(self._raw.search(["UID", ",".join(map(str, window))]))
        return found.intersection(uids)

    # the end

    def close(self) -> Deletions:
        """End the session, after one more attempt at what had to be left."""
        try:
            with self._wire.stage("delete"):
                outcome = self._expunge(sorted(self._marked)) if self._marked else Deletions()
            with contextlib.suppress(MailError), self._wire.stage("delete"):
                self._raw.logout()
        finally:
            self.abort()
        return outcome

    def abort(self) -> None:
        """Drop the connection."""
        self._dialler.hang_up()


def _windows(things: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (things[start : start + WINDOW] for start in range(0, len(things), WINDOW))
