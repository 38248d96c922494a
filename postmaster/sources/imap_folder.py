"""Finding the folder an admin means, and what may be done in it."""

from __future__ import annotations

import imaplib
import re
import unicodedata
from collections.abc import Iterator

from postmaster.errors import MailError
from postmaster.sources.imap_client import ImapClient
from postmaster.sources.wire import error_message

DELETED = rb"\Deleted"
MAX_FOLDERS_NAMED = 12

_NO_MAIL = {rb"\noselect", rb"\nonexistent"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MISSING = re.compile(r"^\[(NONEXISTENT|TRYCREATE)\]")


def folder_names(client: ImapClient) -> list[str]:
    """The folders that can hold mail, as they are to be entered. Call inside a stage."""
    return [name for name, _ in _folders(client)]


def _folders(client: ImapClient) -> Iterator[tuple[str, str]]:
    """Names as people read them, with what separates their parts."""
    client.allow()
    for flags, delimiter, name in client.raw.list_folders():
        if _NO_MAIL.isdisjoint(flag.lower() for flag in flags):
            yield name, (delimiter or b"/").decode(errors="replace")


class Folder:
    """The folder, selected. ``exists`` is the number of messages, ``uidvalidity`` as the
    server says, None if it does not: its UIDs are good for one session only then."""

    def __init__(self, client: ImapClient, *, read_only: bool) -> None:
        """Open the endpoint's folder. Raises MailError, also if mail could not be deleted there."""
        self._client = client
        self._read_only = read_only
        self.name = client.wire.endpoint.folder or "INBOX"
        with client.wire.stage("folder"):
            self._find()
            if not read_only:
                self._check_rights()

    def select(self) -> None:
        """Select the folder (anew). Raises imaplib's errors."""
        self._client.allow()
        answer = self._client.raw.select_folder(self.name, readonly=self._read_only)
        self.exists: int = answer[b"EXISTS"]
        self.uidvalidity: int | None = answer.get(b"UIDVALIDITY")
        self.permanent_flags: tuple[bytes, ...] | None = answer.get(b"PERMANENTFLAGS")

    def _find(self) -> None:
        """Select the folder by the name that was entered, or by the one the server has for it."""
        try:
            if _CONTROL.search(self.name):  # servers quote the name in answers, where it would end the line
                raise imaplib.IMAP4.error("NO control characters")
            self.select()
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            known = list(_folders(self._client))
            wanted = _folded(self.name, "/")
            match = next((name for name, delimiter in known if _folded(name, delimiter) == wanted), None)
            if match is None or match == self.name:
                raise self._refused(error_message(error), [name for name, _ in known]) from error
            self.name = match
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


def _folded(name: str, delimiter: str) -> str:
    """``name`` in one spelling: parts separated by a slash, characters composed."""
    return unicodedata.normalize("NFC", name.replace(delimiter, "/") if delimiter else name)
