"""Listing a folder, also where one message keeps the server from listing it with others."""

from __future__ import annotations

import imaplib
from collections import Counter
from collections.abc import Iterator, Sequence

from postmaster.sources.base import RemoteMail, Trouble
from postmaster.sources.imap_answers import FetchItem
from postmaster.sources.imap_client import ImapClient, command_sets, joined
from postmaster.sources.imap_folder import DELETED, Folder
from postmaster.sources.wire import NonsenseError

TRIES = 3
"""How often a listing is begun anew because messages went meanwhile, which changes the numbers of others."""

LISTING_ITEMS = "(UID RFC822.SIZE FLAGS)"


class Lister:
    """Lists ``folder``. What breaks the connection is found by halves, session after session, in ``trouble``."""

    def __init__(self, client: ImapClient, folder: Folder, trouble: Trouble) -> None:
        self._client = client
        self._folder = folder
        self._trouble = trouble
        self._asked: Sequence[int] = ()

    def list(self) -> Sequence[RemoteMail]:
        """All messages, oldest first. Raises ``uids-not-unique`` or ``uids-missing``: no UID can be trusted then."""
        for _ in range(TRIES):
            items = self._describe_all()
            if items is not None:
                return self._mails(items)
            self._folder.select()
        raise NonsenseError("a folder that changes whenever it is listed")

    def _mails(self, items: dict[int, FetchItem]) -> Sequence[RemoteMail]:
        if self._tells_no_uid(items):
            raise self._client.wire.fail("uids-missing", "list")
        uids = Counter(item[b"UID"] for item in items.values() if b"UID" in item)
        if 0 in uids or any(count > 1 for count in uids.values()):
            raise self._client.wire.fail("uids-not-unique", "list")
        mails = [self._mail(number, items.get(number, {})) for number in range(1, self._folder.exists + 1)]
        return sorted(mails, key=lambda mail: mail.handle)

    def _tells_no_uid(self, items: dict[int, FetchItem]) -> bool:
        """Whether the server told no UID at all, so that it is not the messages: one that it keeps to itself is."""
        told = any(item for item in items.values())
        return not any(b"UID" in item for item in items.values()) and (told or len(self._asked) > 1)

    def _mail(self, number: int, item: FetchItem) -> RemoteMail:
        uid, validity = item.get(b"UID"), self._folder.uidvalidity
        identity = f"imap:{validity}:{uid}" if uid is not None and validity is not None else None
        if uid is None or b"RFC822.SIZE" not in item:
            return RemoteMail(uid or -number, identity, 0, unlisted=True)
        flags = item.get(b"FLAGS", ())
        flagged = DELETED.lower() in (bytes(flag).lower() for flag in flags)
        return RemoteMail(uid, identity, item[b"RFC822.SIZE"], flagged)

    def _describe_all(self) -> dict[int, FetchItem] | None:
        """What is known of each message by number; None if the numbers changed meanwhile."""
        items = self._known_trouble()
        self._asked = [number for number in range(1, self._folder.exists + 1) if number not in items]
        for numbers in self._portions():
            items |= self._describe(numbers)
            self._trouble.asked = None
            if self._client.expunged():
                return None
        return items

    def _known_trouble(self) -> dict[int, FetchItem]:
        """The messages that are not to be asked for again, by the numbers that they have now."""
        trouble = self._trouble.asked
        if trouble is not None and len(trouble) == 1:  # it broke the connection when it was asked for alone
            self._trouble.asked = None
            uid = self._uid_of(trouble[0])
            (self._trouble.numbers if uid is None else self._trouble.unlisted).add(trouble[0] if uid is None else uid)
        items: dict[int, FetchItem] = {number: {} for number in self._trouble.numbers}
        if self._trouble.unlisted:
            for window in command_sets(range(1, self._folder.exists + 1)):
                self._client.allow()
                told = self._client.fetch_listing(joined(window), "(UID)")
                items |= {number: item for number, item in told.items() if item.get(b"UID") in self._trouble.unlisted}
        return items

    def _uid_of(self, number: int) -> int | None:
        self._client.allow()
        try:
            uid = self._client.fetch_listing(str(number), "(UID)").get(number, {}).get(b"UID")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return None
        return uid if isinstance(uid, int) else None

    def _portions(self) -> Iterator[Sequence[int]]:
        """The numbers to ask for: first those among which one broke the connection, by halves, so that each session
        finds out more; then all others, each time as many as may be.
        """
        asked = set(self._asked)
        suspects = [number for number in self._trouble.asked or () if number in asked]
        others = sorted(asked.difference(suspects))
        while suspects:
            half = suspects[: (len(suspects) + 1) // 2]
            yield from self._marked(half)
            suspects = suspects[len(half) :]
        yield from self._marked(others)

    def _marked(self, numbers: Sequence[int]) -> Iterator[Sequence[int]]:
        """``numbers`` in as few commands as may be, each written down as what is being asked for."""
        for window in command_sets(numbers):
            self._trouble.asked = window
            yield window

    def _describe(self, numbers: Sequence[int]) -> dict[int, FetchItem]:
        """What the server says of these messages. If it refuses them together, they are asked for by halves."""
        try:
            return self._ask(numbers)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as refusal:
            found = self._by_halves(numbers)
            if not any(b"RFC822.SIZE" in item for item in found.values()):
                raise refusal
            return found

    def _by_halves(self, numbers: Sequence[int]) -> dict[int, FetchItem]:
        if len(numbers) == 1:
            uid = self._uid_of(numbers[0])
            return {numbers[0]: {} if uid is None else {b"UID": uid}}
        found: dict[int, FetchItem] = {}
        middle = len(numbers) // 2
        for half in (numbers[:middle], numbers[middle:]):
            try:
                found |= self._ask(half)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                found |= self._by_halves(half)
        return found

    def _ask(self, numbers: Sequence[int]) -> dict[int, FetchItem]:
        self._client.allow()
        told = self._client.fetch_listing(joined(numbers), LISTING_ITEMS)
        return {number: told[number] for number in numbers if number in told}
