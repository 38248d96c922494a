"""Reading the texts of messages, in batches or, if they are large, in chunks."""

from __future__ import annotations

import imaplib
import io
from collections.abc import Sequence

from postmaster.sources.base import RemoteMail
from postmaster.sources.imap_answers import FetchItem
from postmaster.sources.imap_client import ImapClient, command_sets
from postmaster.sources.imap_lines import ALLOWANCE

TEXT = "BODY.PEEK[]"
OVERLAP = 64
"""Bytes of a chunk that were in the one before: some servers send the beginning whatever they are asked for."""


class TextReader:
    """Reads messages' bytes. ``handed_over`` means that the server gave one in this session."""

    def __init__(self, client: ImapClient) -> None:
        self._client = client
        self._handed_over = False

    def read(self, mails: Sequence[RemoteMail]) -> dict[int, bytes]:
        """The messages' bytes by UID. If the server refuses them together, each is asked for on its own.

        If it refuses those too, and never gave one in this session, its refusal is raised: it means the session.
        """
        found: dict[int, bytes] = {}
        by_uid = {mail.handle: mail for mail in mails}
        for window in command_sets(sorted(by_uid)):
            found |= self._read_window([by_uid[uid] for uid in window])
        return found

    def _read_window(self, mails: Sequence[RemoteMail]) -> dict[int, bytes]:
        try:
            texts = self._texts(self._ask(mails, TEXT))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as refusal:
            answers = [self._ask_alone(mail, TEXT) for mail in mails] if len(mails) > 1 else [None]
            if len(mails) > 1 and not self._handed_over and all(answer is None for answer in answers):
                raise refusal
            texts = {uid: text for answer in answers for uid, text in self._texts(answer or {}).items()}
        self._handed_over = self._handed_over or bool(texts)
        return texts

    def _texts(self, answer: dict[int, FetchItem]) -> dict[int, bytes]:
        texts = {uid: item.get(b"BODY[]") for uid, item in answer.items()}
        return {uid: text for uid, text in texts.items() if isinstance(text, bytes)}

    def _ask(self, mails: Sequence[RemoteMail], item: str) -> dict[int, FetchItem]:
        self._client.allow(sum(mail.size for mail in mails))
        return self._client.fetch_texts([mail.handle for mail in mails], item)

    def _ask_alone(self, mail: RemoteMail, item: str) -> dict[int, FetchItem] | None:
        """What FETCH answers for one message; None if the server refuses."""
        try:
            return self._ask([mail], item)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return None

    def read_large(self, mail: RemoteMail, size: int) -> bytes | None:
        """A message in chunks of ``size``, until one brings nothing new: a short one need not be the last.

        A chunk that is not what was asked for means that the server cannot do it: the message is fetched whole.
        """
        text, tail = io.BytesIO(), b""
        while text.tell() <= 2 * mail.size + ALLOWANCE:
            chunk = self._chunk(mail, text.tell() - len(tail), size)
            if chunk is None and mail.size <= text.tell() > 0:
                return text.getvalue()
            if chunk is None or not chunk.startswith(tail):
                break
            if len(chunk) == len(tail):
                return text.getvalue()
            text.write(memoryview(chunk)[len(tail) :])
            tail = chunk[-OVERLAP:]
        text.close()  # its memory is needed
        return self.read([mail]).get(mail.handle)

    def _chunk(self, mail: RemoteMail, start: int, size: int) -> bytes | None:
        item = (self._ask_alone(mail, f"{TEXT}<{start}.{size}>") or {}).get(mail.handle, {})
        chunk = item.get(b"BODY[]<%d>" % start)
        return chunk if isinstance(chunk, bytes) and len(chunk) <= size else None
