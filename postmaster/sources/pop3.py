"""Fetching with POP3 (RFC 1939): numbers within a session, identities by UIDL, and deletion at QUIT only."""

from __future__ import annotations

import poplib
from collections.abc import Iterator, Sequence

from postmaster.errors import MailError
from postmaster.sources.base import Deletions, RemoteMail
from postmaster.sources.deadline import time_for
from postmaster.sources.dial import Dialler
from postmaster.sources.pop3_client import Pop3Client, is_refusal

ALLOWANCE = 1_000_000
"""How many bytes a message may have more than twice its announced size."""

WHOLE = 100_000_000
"""More lines than any message has, for TOP."""

LOOKING = "The mailbox is only looked at."
REFUSED = "The server did not mark the mail as deleted."


class Pop3Source:
    """A MailSource over a maildrop. ``read_only`` marks nothing, and reads with TOP where the server has it.

    ``session_limit`` is ``reconnect_after`` (PostMasterReconnectMessage). It is None where a server has no UIDL:
    without identities a broken QUIT leaves doubt about all mail of the session, however little that is.
    """

    def __init__(
        self, dialler: Dialler, client: Pop3Client, *, reconnect_after: int | None, read_only: bool = False
    ) -> None:
        self._dialler = dialler
        self._wire = dialler.wire
        self._client = client
        self._read_only = read_only
        self._marked: set[int] = set()
        with self._wire.stage("list"):
            identities = self._identities()
            sizes = {number: int(size.split()[0]) for number, size in client.listing("LIST").items()}
        dialler.opened()
        self.session_limit = reconnect_after if identities is not None else None
        names = identities or {}
        self._mails = [
            RemoteMail(number, f"uidl:{names[number]}" if number in names else None, size)
            for number, size in sorted(sizes.items())
        ]

    def _identities(self) -> dict[int, str] | None:
        """The UIDL of each message; None if the server has none. One that fails to tell for now is no such server."""
        try:
            return self._client.listing("UIDL")
        except poplib.error_proto as error:
            if self._client.can("UIDL") or not is_refusal(error):
                raise
            return None

    def list(self) -> Sequence[RemoteMail]:
        """All messages that were there when the session began, oldest first; those deleted since included."""
        return self._mails

    def read(self, mails: Sequence[RemoteMail]) -> Iterator[tuple[RemoteMail, bytes | None]]:
        """Each message with its bytes; None where it is gone.

        All are read before the first is handed out, so that no answer is left on the line. A message that is there
        but that the server does not hand over is left out.
        """
        with self._wire.stage("read", time_for(mail.size for mail in mails)):
            asked = self._client.ask(*(self._command(mail.handle) for mail in mails))
            texts = [(mail, self._text(mail)) for mail, _ in zip(mails, asked, strict=True)]
            gone = {mail.handle for mail, text in texts if text is None and not self._is_there(mail)}
        for mail, text in texts:
            if text is not None or mail.handle in gone:
                yield mail, text

    def _command(self, number: int) -> str:
        return f"TOP {number} {WHOLE}" if self._read_only and self._client.can("TOP") else f"RETR {number}"

    def _text(self, mail: RemoteMail) -> bytes | None:
        if not self._client.accepted():
            return None
        return b"".join(self._client.lines(2 * mail.size + ALLOWANCE))

    def _is_there(self, mail: RemoteMail) -> bool:
        self._client.send(f"LIST {mail.handle}")
        return self._client.accepted()

    def delete(self, mails: Sequence[RemoteMail]) -> Deletions:
        """Mark these; ``close`` confirms them. Returns those that the server refused to mark."""
        numbers = [mail.handle for mail in mails]
        if self._read_only:
            return Deletions(left=frozenset(numbers), reason=LOOKING)
        with self._wire.stage("delete", time_for(0 for _ in mails)):
            asked = self._client.ask(*(f"DELE {number}" for number in numbers))
            marked = {number for number, _ in zip(numbers, asked, strict=True) if self._client.accepted()}
        self._marked |= marked
        left = frozenset(numbers) - marked
        return Deletions(left=left, reason=REFUSED if left else "")

    def close(self) -> Deletions:
        """QUIT, which is when the server deletes. Raises MailError if it is not known whether it did."""
        try:
            with self._wire.stage("delete", time_for(0 for _ in self._marked)):
                self._client.command("QUIT")
        except MailError:
            if self._marked:
                raise
        finally:
            self.abort()
        return Deletions(confirmed=frozenset(self._marked))

    def abort(self) -> None:
        """Drop the connection; nothing is deleted."""
        self._dialler.hang_up()
