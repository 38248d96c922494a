"""Fetching with IMAP (RFC 3501), deleting with UID EXPUNGE (RFC 4315) where the server has it."""

from __future__ import annotations

import contextlib
import imaplib
from collections.abc import Iterator, Sequence
from typing import cast

from postmaster.errors import MailError
from postmaster.quantity import quantity
from postmaster.sources.base import Deletions, RemoteMail, Trouble
from postmaster.sources.connection import Connection
from postmaster.sources.deadline import time_for
from postmaster.sources.imap_client import ImapClient, command_sets, joined
from postmaster.sources.imap_folder import DELETED, Folder
from postmaster.sources.imap_listing import Lister
from postmaster.sources.imap_texts import TextReader
from postmaster.sources.listing import Listing

LARGE_BYTES = 8_000_000
CHUNK_BYTES = 4_000_000
"""A message above LARGE_BYTES is read in chunks, so that it is held in memory once instead of several times."""

NEWEST = 10
"""Messages whose headers the connection test looks at."""

FOREIGN = "Other mail in the folder is marked as deleted, and the server cannot delete ours alone (no UIDPLUS)."
NOT_EXPUNGED = "The server kept mail that was marked as deleted."
READ_ONLY = "The folder is only looked at."

# How a session breaks that a server cannot follow.
CONFUSED = ("connection-lost", "server-confused")
BROKEN = (*CONFUSED, "server-silent", "server-slow")

# Rights that deleting takes (RFC 4314 section 4): to mark, and to expunge.
_DELETING = frozenset("te")


class ImapSource:
    """A MailSource over a folder. ``read_only`` opens it with EXAMINE, and then nothing is ever changed."""

    session_limit: int | None = None

    def __init__(
        self, connection: Connection, client: ImapClient, *, read_only: bool = False, trouble: Trouble | None = None
    ) -> None:
        self._connection = connection
        self._wire = connection.wire
        self._read_only = read_only
        client = self._open(client)
        self._client = client
        self._raw = client.raw
        self._lister = Lister(client, self._folder, trouble or Trouble())
        self._reader = TextReader(client)
        self._selected_anew = True
        self._marked: set[int] = set()

    def _open(self, client: ImapClient) -> ImapClient:
        """Select the folder; once more, waiting for each answer, if the session breaks while several are under way.

        That is rare (RFC 3501 section 5.5 lets clients do it), so it is found out at the cost of a session an hour.
        """
        patience = client.patience
        try:
            self._folder = Folder(client, read_only=self._read_only, patience=patience)
            return client
        except MailError as error:
            if error.code not in BROKEN or patience is None:
                raise
            if self._wire.deadline.passed:  # which is no proof against the server
                raise
            self._wire.habits.pipelines = False
        client = cast("ImapClient", self._connection.reconnect())
        try:
            self._folder = Folder(client, read_only=self._read_only)
        except MailError as error:
            self._wire.habits.pipelines = error.code in CONFUSED  # then it was not that
            raise
        return client

    # list

    def list(self) -> Listing:
        """All messages that are there now, oldest first, those that others marked as deleted included."""
        with self._wire.stage("list"):
            if not self._selected_anew:
                self._folder.select()
            self._selected_anew = False
            mails = self._lister.list()
        self._connection.opened()
        return mails

    # read

    def read(self, mails: Sequence[RemoteMail]) -> Iterator[tuple[RemoteMail, bytes | None]]:
        """Each message with its bytes, then those that are gone with None.

        A message that is there but that the server does not hand over (BODY[] NIL, or a refusal for it alone) is left
        out: it must neither be deleted nor keep the others from being read.
        """
        usual = [mail for mail in mails if mail.size <= LARGE_BYTES]
        with self._wire.stage("read", time_for(mail.size for mail in usual)):
            texts = self._reader.read(usual)
        missing = []
        for mail in mails:
            text = texts.pop(mail.handle, None) if mail.size <= LARGE_BYTES else self._read_large(mail)
            if text is None:
                missing.append(mail)
            else:
                yield mail, text
        there = self._still_there([mail.handle for mail in missing])
        yield from ((mail, None) for mail in missing if mail.handle not in there)

    def _read_large(self, mail: RemoteMail) -> bytes | None:
        with self._wire.stage("read", time_for([mail.size])):
            return self._reader.read_large(mail, CHUNK_BYTES)

    # delete

    def delete(self, mails: Sequence[RemoteMail]) -> Deletions:
        """Delete exactly these. What earlier calls had to leave is tried again and may be among the confirmed."""
        uids = sorted(mail.handle for mail in mails)
        if self._read_only:
            return Deletions(left=frozenset(uids), reason=READ_ONLY)
        with self._wire.stage("delete"):
            for window in command_sets(uids):
                self._client.allow()
                self._raw.add_flags(joined(window), [DELETED], silent=True)
            self._marked.update(uids)
            return self._expunge(uids)

    def _expunge(self, uids: Sequence[int]) -> Deletions:
        """Remove what we marked, and nothing that somebody else did (RFC 4315 section 2.1).

        What is left is asked for by FETCH: the SEARCH of some servers finds nothing, whatever there is.
        """
        marked = sorted(self._marked)
        if self._client.can("UIDPLUS"):
            for window in command_sets(marked):
                self._client.allow()
                self._raw.uid_expunge(joined(window))
        elif self._foreign():
            return Deletions(left=frozenset(uids), reason=FOREIGN)
        else:
            self._client.allow()
            self._raw.expunge()
        self._marked = self._client.fetch_uids(marked)
        left = self._marked.intersection(uids)
        return Deletions(frozenset(marked) - self._marked, frozenset(left), NOT_EXPUNGED if left else "")

    def _foreign(self) -> bool:
        """Whether mail of others is marked as deleted, after the server was given the chance to tell us the latest."""
        self._client.allow()
        self._raw.noop()
        flagged = self._found(["DELETED"])
        if not self._marked.issubset(flagged):  # it does not find what was just marked, so it is not to be believed
            flagged = {mail.handle for mail in self.list() if mail.flagged or mail.unlisted}
        return not self._marked.issuperset(flagged)

    def _search(self, uids: Sequence[int]) -> set[int]:
        """Those of ``uids`` that SEARCH finds. That it does not find one proves nothing."""
        found = {uid for window in command_sets(sorted(uids)) for uid in self._found(["UID", joined(window)])}
        return found.intersection(uids)

    def _found(self, criteria: Sequence[str]) -> set[int]:
        self._client.allow()
        try:
            return set(self._raw.search(criteria))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return set()

    def _still_there(self, uids: Sequence[int]) -> set[int]:
        """Those of ``uids`` that exist, after the server was given the chance to tell us of deletions by others."""
        with self._wire.stage("read"):
            if not uids:
                return set()
            self._client.allow()
            self._raw.noop()
            return self._client.fetch_uids(sorted(uids)) | self._search(uids)

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
        self._connection.hang_up()


def try_folder(connection: Connection, client: ImapClient) -> str:
    """How much mail the folder holds. Raises MailError."""
    folder = Folder(client, read_only=True)
    connection.opened()
    return f"“{folder.name}” holds {quantity(folder.exists, 'message')}."


def try_deleting(connection: Connection, client: ImapClient) -> str:
    """Whether mail can be deleted in the folder, without doing it. Raises MailError if not."""
    folder = Folder(client, read_only=False)
    with connection.wire.stage("delete"):
        if client.can("ACL") and not _may_delete(client, folder.raw_name):
            raise connection.wire.fail("folder-read-only", "delete", folder=folder.name)
    return "Mail can be deleted in this folder."


def newest_heads(connection: Connection, client: ImapClient) -> Sequence[bytes]:
    """The headers of the newest messages in the folder; none if the server does not hand them out."""
    folder = Folder(client, read_only=True)
    if not folder.exists:
        return ()
    numbers = f"{max(1, folder.exists - NEWEST + 1)}:{folder.exists}"
    with connection.wire.stage("read"):
        client.allow()
        answers = client.fetch_listing(numbers, "(BODY.PEEK[HEADER])")
    found = (text for told in answers.values() for key, text in told.items() if key.startswith(b"BODY[HEADER]"))
    return [text for text in found if isinstance(text, bytes)]


def _may_delete(client: ImapClient, folder: bytes) -> bool:
    """Whether we may mark and expunge. "d" is the older name of both; newer servers show it if we have one of them."""
    rights = client.rights(folder)
    return "d" in rights if _DELETING.isdisjoint(rights) else rights >= _DELETING
