"""Fetching with POP3 (RFC 1939): numbers within a session, identities by UIDL, and deletion at QUIT only."""

from __future__ import annotations

import poplib
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar, cast

from postmaster.errors import MailError
from postmaster.quantity import quantity
from postmaster.sources.base import Deletions, RemoteMail
from postmaster.sources.connection import Connection
from postmaster.sources.deadline import time_for
from postmaster.sources.listing import MOST, UNLISTED, Listing, Names, fitting, packed
from postmaster.sources.pop3_client import Pop3Client, is_refusal
from postmaster.sources.wire import NonsenseError
from postmaster.system.settings import RECONNECT_MESSAGE

StepT = TypeVar("StepT")

MAX_MESSAGE_BYTES = 64_000_000
"""How many bytes of messages are held at once, whatever was announced; more if they were announced."""

SESSION_SHARE, LONGEST_SESSION = 20, 10
"""A session takes a twentieth of a full maildrop, up to ten times PostMasterReconnectMessage. Each begins with a
listing of all that is left: where 50,000 messages wait, 250 of them took as long as the messages themselves.
"""

LONG_SECONDS = 120.0
"""After so long it takes no more than PostMasterReconnectMessage, so that a slow server has time left for QUIT."""

MAX_LISTING_BYTES = 100_000_000
"""More lines than any message has, for TOP."""

# What breaks when a server cannot do what it says it can.
BROKEN = (OSError, poplib.error_proto, NonsenseError, ValueError)

# How a QUIT fails of which nobody knows whether it was carried out.
UNKNOWN = ("connection-lost", "server-silent", "session-deadline")

READ_ONLY = "The mailbox is only looked at."
DELE_REFUSED = "The server did not mark the mail as deleted."


class Pop3Source:
    """A MailSource over a maildrop. ``read_only`` marks nothing, and reads with TOP where the server has it.

    ``reconnect_after`` is PostMasterReconnectMessage; None if no session has to end for that.
    """

    def __init__(
        self, connection: Connection, client: Pop3Client, *, reconnect_after: int | None, read_only: bool = False
    ) -> None:
        self._connection = connection
        self._wire = connection.wire
        self._client = client
        self._read_only = read_only
        self._marked: set[int] = set()
        self._retrieved: set[int] = set()
        self._mails, has_identities = self._first_look()
        connection.opened()
        self._reconnect_after = reconnect_after if has_identities and not client.login_delay else None
        self._began = time.monotonic()

    @property
    def session_limit(self) -> int | None:
        """``reconnect_after``, or more for a while where very many wait, unless that was lowered. It is None where a
        server has no UIDL: without identities a broken QUIT leaves doubt about all mail of the session, however little
        that is. So it is where a server wants time between two sessions (LOGIN-DELAY).
        """
        usual = self._reconnect_after
        if usual is None or usual < RECONNECT_MESSAGE.default or time.monotonic() > self._began + LONG_SECONDS:
            return usual
        return max(usual, min(len(self._mails) // SESSION_SHARE, LONGEST_SESSION * usual))

    def _first_look(self) -> tuple[Listing, bool]:
        """As ``_look``; once more, on a new connection and step by step, if it breaks while several are under way.

        It is waited for as long as usual: a server may take a minute to name what a large maildrop holds, and keeps it
        locked meanwhile, whoever hangs up. Each attempt has all the time of a step.
        """
        try:
            with self._wire.stage("list"):
                return self._look()
        except MailError:
            if not self._client.looks_ahead or self._wire.deadline.passed:
                raise
            self._wire.habits.pipelines = False
            self._client = cast("Pop3Client", self._connection.reconnect())
        try:
            with self._wire.stage("list"):
                return self._look()
        except MailError:
            self._wire.habits.pipelines = True  # it was not that
            raise

    def _look(self) -> tuple[Listing, bool]:
        """The listing, and whether the server has identities at all. Equal ones tell nothing, so they are none."""
        names = self._identities()
        numbers, sizes, marks = array("q"), array("q"), bytearray()
        for number, size in self._client.listing("LIST"):
            numbers.append(fitting(number))
            sizes.append(fitting(int(size.split()[0])))
            marks.append(0 if 0 < number <= MOST else UNLISTED)

        def identity(_place: int, number: int) -> str | None:
            name = names.unique(number) if names else None
            return None if name is None else f"uidl:{name}"

        last = dict(zip(numbers, range(len(numbers)), strict=True)) if not _ascend(numbers) else None
        order = None if last is None else [last[number] for number in sorted(last)]
        return Listing(packed(numbers), sizes, marks, identity, order), names is not None

    def _identities(self) -> Names | None:
        """The UIDL of each message; None if the server has none. One that fails to tell for now is no such server."""
        try:
            return Names((fitting(number), name) for number, name in self._client.listing("UIDL"))
        except poplib.error_proto as error:
            if self._client.can("UIDL") or not is_refusal(error):
                raise
            return None

    def list(self) -> Listing:
        """All messages that were there when the session began, oldest first; those deleted since included."""
        return self._mails

    def read(self, mails: Sequence[RemoteMail]) -> Iterator[tuple[RemoteMail, bytes | None]]:
        """Each message with its bytes; None where it is gone.

        All are read before the first is handed out, so that no answer is left on the line. A message that is there
        but that the server does not hand over is left out.
        """
        with self._wire.stage("read", time_for(mail.size for mail in mails)):
            texts = self._pipelined(lambda: self._texts(mails))
            gone = {mail.handle for mail, text in texts if text is None and not self._is_there(mail)}
        for mail, text in texts:
            if text is not None or mail.handle in gone:
                yield mail, text

    def _texts(self, mails: Sequence[RemoteMail]) -> Sequence[tuple[RemoteMail, bytes | None]]:
        """What RETR brings of each; None for those that were refused, or for which there is no room beside others."""
        commands = [self._command(mail.handle) for mail in mails]
        self._retrieved |= {int(command[5:]) for command in commands if command.startswith("RETR ")}
        asked = self._client.ask(*commands)
        room = 2 * sum(mail.size for mail in mails) + MAX_MESSAGE_BYTES
        texts = []
        for mail, _ in zip(mails, asked, strict=True):
            text = self._client.text(room) if self._client.accepted() else None
            room -= len(text or b"")
            texts.append((mail, text))
        return texts

    def _pipelined(self, step: Callable[[], StepT]) -> StepT:
        """Take ``step``; once more, without sending several commands at once, if it breaks while that is done."""
        pipelines = self._client.pipelines
        try:
            return step()
        except BROKEN:
            if not pipelines or self._wire.deadline.passed:
                raise
            self._wire.habits.pipelines = False
            self._reopen()
        try:
            return step()
        except BROKEN:
            self._wire.habits.pipelines = True  # it was not that
            raise

    def _reopen(self) -> None:
        """Another session in the place of this one. Raises poplib.error_proto if it does not show the same mail.

        What was marked is marked again: a session that breaks deletes nothing (RFC 1939 section 6).
        """
        self._client = cast("Pop3Client", self._connection.reconnect())
        mails, _ = self._look()
        if mails != self._mails:
            raise poplib.error_proto("EOF")
        self._retrieved.clear()
        again, self._marked = self._marked, set()
        self._mark(sorted(again))

    def _command(self, number: int) -> str:
        return f"TOP {number} {MAX_LISTING_BYTES}" if self._read_only and self._client.can("TOP") else f"RETR {number}"

    def _is_there(self, mail: RemoteMail) -> bool:
        self._client.send(f"LIST {mail.handle}")
        return self._client.accepted()

    def delete(self, mails: Sequence[RemoteMail]) -> Deletions:
        """Mark these; ``close`` confirms them. Returns those that the server refused to mark."""
        numbers = [mail.handle for mail in mails]
        if self._read_only:
            return Deletions(left=frozenset(numbers), reason=READ_ONLY)
        with self._wire.stage("delete", time_for(0 for _ in mails)):
            self._pipelined(lambda: self._mark(numbers))
        left = frozenset(numbers) - self._marked
        return Deletions(left=left, reason=DELE_REFUSED if left else "")

    def _mark(self, numbers: Sequence[int]) -> None:
        asked = self._client.ask(*(f"DELE {number}" for number in numbers))
        self._marked |= {number for number, _ in zip(numbers, asked, strict=True) if self._client.accepted()}

    def close(self) -> Deletions:
        """QUIT, which is when the server deletes. Raises MailError if it is not known whether it did.

        A server that just hangs up may have deleted everything (nicm/fdm#87), or nothing: ``quit-lost``.
        """
        try:
            with self._wire.stage("delete", time_for(0 for _ in self._marked)):
                self._unmark_others()
                self._client.command("QUIT")
        except MailError as error:
            if self._marked:
                raise self._wire.fail("quit-lost", "delete") if error.code in UNKNOWN else error from None
        finally:
            self.abort()
        return Deletions(confirmed=frozenset(self._marked))

    def _unmark_others(self) -> None:
        """Unmark all that is not to be deleted: some servers mark what was read (RFC 2449 section 6.7, EXPIRE 0)."""
        if self._retrieved <= self._marked:
            return
        self._client.send("RSET")
        if self._client.accepted():
            again, self._marked = self._marked, set()
            self._mark(sorted(again))

    def abort(self) -> None:
        """Drop the connection; nothing is deleted."""
        self._connection.hang_up()


def _ascend(numbers: Sequence[int]) -> bool:
    return all(one < later for one, later in pairwise(numbers))


def try_folder(connection: Connection, client: Pop3Client) -> str:
    """How much mail the mailbox holds. Raises MailError."""
    source = Pop3Source(connection, client, reconnect_after=None, read_only=True)
    return f"The mailbox holds {quantity(len(source.list()), 'message')}."


def try_deleting(_connection: Connection, _client: Pop3Client) -> str:
    """There is no permission that the owner of a maildrop could lack."""
    return "POP3 always lets the owner of a mailbox delete."
