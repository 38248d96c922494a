"""Listing a folder, also where one message keeps the server from listing it with others."""

from __future__ import annotations

import imaplib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from postmaster.sources.base import Trouble
from postmaster.sources.imap_answers import FetchItem
from postmaster.sources.imap_client import ImapClient, command_sets, joined
from postmaster.sources.imap_folder import DELETED, Folder
from postmaster.sources.listing import FLAGGED, MOST, UNLISTED, Listing, fitting
from postmaster.sources.wire import NonsenseError

TRIES = 3
"""How often a listing is begun anew because messages went meanwhile, which changes the numbers of others."""

LISTING_ITEMS = "(UID RFC822.SIZE FLAGS)"

UNTOLD = -1


class _Told:
    """What the server tells of each message, by number; UNTOLD stands for what it does not."""

    def __init__(self, count: int) -> None:
        self.uids, self.sizes = array("q", [UNTOLD]) * count, array("q", [UNTOLD]) * count
        self.flagged = bytearray(count)
        self.anything = False

    def note(self, items: Mapping[int, FetchItem]) -> None:
        for number, item in items.items():
            if 0 < number <= len(self.uids):
                self.anything = self.anything or bool(item)
                uid, size = item.get(b"UID", UNTOLD), item.get(b"RFC822.SIZE")
                self.uids[number - 1] = uid if 0 <= uid <= MOST else UNTOLD
                self.sizes[number - 1] = UNTOLD if size is None else fitting(size)
                flags = (bytes(flag).lower() for flag in item.get(b"FLAGS", ()))
                self.flagged[number - 1] = DELETED.lower() in flags

    @property
    def has_uids(self) -> bool:
        return any(uid != UNTOLD for uid in self.uids)

    def in_order(self) -> bool:
        """Whether each message has a UID, and one that is higher than that of the one before, as it should be."""
        return min(self.uids, default=1) > 0 and all(one < later for one, later in pairwise(self.uids))

    def is_ambiguous(self) -> bool:
        """Whether a UID is none at all, or that of two messages."""
        told = sorted(uid for uid in self.uids if uid != UNTOLD)
        return 0 in told[:1] or any(one == later for one, later in pairwise(told))

    def listing(self, validity: int | None) -> Listing:
        """The messages, oldest first."""
        rows = enumerate(zip(self.uids, self.sizes, self.flagged, strict=True), start=1)
        handles, sizes, marks = array("q"), array("q"), bytearray()
        for number, (uid, size, flagged) in rows:
            unlisted = UNTOLD in (uid, size)
            handles.append(-number if uid == UNTOLD else uid)
            sizes.append(0 if unlisted else size)
            marks.append(UNLISTED if unlisted else FLAGGED * flagged)

        def identity(_place: int, handle: int) -> str | None:
            return f"imap:{validity}:{handle}" if handle > 0 and validity is not None else None

        order = None if self.in_order() else array("Q", sorted(range(len(handles)), key=handles.__getitem__))
        return Listing(handles, sizes, marks, identity, order)


class Lister:
    """Lists ``folder``. What breaks the connection is found by halves, session after session, in ``trouble``."""

    def __init__(self, client: ImapClient, folder: Folder, trouble: Trouble) -> None:
        self._client = client
        self._folder = folder
        self._trouble = trouble
        self._asked: Sequence[int] = ()

    def list(self) -> Listing:
        """All messages, oldest first. Raises ``uids-not-unique`` or ``uids-missing``: no UID can be trusted then."""
        for _ in range(TRIES):
            told = self._describe_all()
            if told is not None:
                return self._mails(told)
            self._folder.select()
        raise NonsenseError("a folder that changes whenever it is listed")

    def _mails(self, told: _Told) -> Listing:
        if self._tells_no_uid(told):
            raise self._client.wire.fail("uids-missing", "list")
        if not told.in_order() and told.is_ambiguous():
            raise self._client.wire.fail("uids-not-unique", "list")
        return told.listing(self._folder.uidvalidity)

    def _tells_no_uid(self, told: _Told) -> bool:
        """Whether the server told no UID at all, so that it is not the messages: one that it keeps to itself is."""
        return not told.has_uids and (told.anything or len(self._asked) > 1)

    def _describe_all(self) -> _Told | None:
        """What is known of each message; None if the numbers changed meanwhile."""
        told, trouble = _Told(self._folder.exists), self._known_trouble()
        told.note(trouble)
        everything = range(1, self._folder.exists + 1)
        self._asked = [number for number in everything if number not in trouble] if trouble else everything
        for numbers in self._portions():
            told.note(self._describe(numbers))
            self._trouble.asked = None
            if self._client.expunged():
                return None
        return told

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
        suspects, others = [], self._asked
        if self._trouble.asked:
            asked = set(self._asked)
            suspects = [number for number in self._trouble.asked if number in asked]
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
