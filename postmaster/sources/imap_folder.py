"""Finding the folder an admin means, and what may be done in it."""

from __future__ import annotations

import imaplib
import re
from contextlib import nullcontext

from postmaster.errors import MailError
from postmaster.sources.imap_client import ImapClient
from postmaster.sources.imap_names import ListedFolder, encode_name, is_writable
from postmaster.sources.wire import error_message

DELETED = rb"\Deleted"
MAX_FOLDERS_NAMED = 12

_MISSING = re.compile(r"^\[(NONEXISTENT|TRYCREATE)\]")


def folder_names(client: ImapClient) -> list[str]:
    """The folders that can hold mail, as they are to be entered. Call inside a stage."""
    return [folder.name for folder in _folders(client)]


def _folders(client: ImapClient) -> list[ListedFolder]:
    """Those that can hold mail, and whose names can be entered."""
    client.allow()
    folders = client.list_folders()
    return [folder for folder in folders if folder.holds_mail and is_writable(folder.name)]


class Folder:
    """The folder, selected. ``exists`` is the number of messages, ``uidvalidity`` as the
    server says, None if it does not: its UIDs are good for one session only then."""

    def __init__(self, client: ImapClient, *, read_only: bool, patience: float | None = None) -> None:
        """Open the endpoint's folder. Raises MailError, also if mail could not be deleted there.

        ``patience``: without waiting for the answer to what was sent before, but no longer than so many seconds.
        """
        self._client = client
        self._read_only = read_only
        self.name = client.wire.endpoint.folder or "INBOX"
        self.raw_name = encode_name(self.name)
        with client.wire.stage("folder"):
            if patience is None:
                client.settle()
            with nullcontext() if patience is None else client.wire.patience(patience):
                self._find()
            if not read_only:
                self._check_rights()

    def select(self) -> None:
        """Select the folder (anew). Raises imaplib's errors."""
        self._client.allow()
        answer = self._client.select(self.raw_name, read_only=self._read_only)
        self.exists: int = answer[b"EXISTS"]
        self.uidvalidity: int | None = answer.get(b"UIDVALIDITY")
        self.permanent_flags: tuple[bytes, ...] | None = answer.get(b"PERMANENTFLAGS")

    def _find(self) -> None:
        """Select the folder by the name that was entered, or by the one the server has for it."""
        try:
            if not is_writable(self.name):  # servers quote the name in answers, where it would end the line
                raise imaplib.IMAP4.error("NO control characters")
            self.select()
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            self._find_listed(error)

    def _find_listed(self, refusal: imaplib.IMAP4.error) -> None:
        """Select the folder that LIST calls as it was entered. Raises what says why not."""
        try:
            known = _folders(self._client)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:  # it tells of no folder, so nothing is known of this one either
            raise refusal from None
        match = next((folder for folder in known if folder.is_called(self.name)), None)
        if match is None or any(
            folder.raw == self.raw_name for folder in known
        ):  # then the refusal is of this very one
            raise self._refused(error_message(refusal), [folder.name for folder in known]) from refusal
        self.name, self.raw_name = match.name, match.raw
        self.select()

    def _refused(self, words: str, known: list[str]) -> MailError:
        wire = self._client.wire
        if self.name in known and not _MISSING.match(words):
            return wire.fail("folder-refused", "folder", words, folder=self.name)
        shown = [f"“{name}”" for name in known[:MAX_FOLDERS_NAMED]] + ["…"] * (len(known) > MAX_FOLDERS_NAMED)
        return wire.fail("folder-missing", "folder", words, folder=self.name, folders=", ".join(shown) or "none")

    def _check_rights(self) -> None:
        """Refuse before anything is read: what cannot be deleted would be fetched again and again.

        A server that does not say which flags can be set lets all be set (RFC 3501 section 7.1).
        """
        if self.permanent_flags is not None and DELETED.lower() not in map(bytes.lower, self.permanent_flags):
            raise self._client.wire.fail("folder-read-only", "folder", folder=self.name)
