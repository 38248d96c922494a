"""What a mailbox holds, packed: a mailbox may list a hundred thousand messages, and most of them wait for hours.

Of each there are some 20 bytes and its name where the server gives one, and no object of Python's (measured: 40 bytes
instead of 900); a ``RemoteMail`` is made of them whenever somebody looks at it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from operator import eq
from typing import overload

from postmaster.sources.base import RemoteMail

FLAGGED, UNLISTED = 1, 2

MOST = 2**63 - 1
"""The highest number that a column holds. Servers have told of more, as of less than nothing."""


def fitting(number: int) -> int:
    """``number`` as a column takes it, which is the nearest one: no message is to keep the others from being listed."""
    return min(max(number, 0), MOST)


def packed(numbers: array[int]) -> Sequence[int]:
    """``numbers`` in as little room as they need: none, if they are 1, 2, 3 and so on, as most servers count."""
    counted = range(1, len(numbers) + 1)
    return counted if all(map(eq, numbers, counted)) else numbers


class Names:
    """What a server calls its messages (UIDL), by their numbers, in one run of bytes.

    ``told`` are numbers and names, which are in Latin-1, as what comes from the wire is; of a number the last counts.
    """

    def __init__(self, told: Iterable[tuple[int, str]]) -> None:
        self._bytes = bytearray()
        self._ends, numbers, hashes = array("Q", [0]), array("q"), array("q")
        before, ascending = "", True
        for number, name in told:
            self._bytes += name.encode("latin-1")
            self._ends.append(len(self._bytes))
            numbers.append(number)
            hashes.append(hash(name))
            before, ascending = name, ascending and before < name
        counted = isinstance(packed(numbers), range)
        self._places = None if counted else {number: place for place, number in enumerate(numbers)}
        # Most servers count up, so none comes twice; to sort what they are known by takes 40 bytes each.
        self._repeated = frozenset() if ascending else self._find_repeated(hashes)

    def _find_repeated(self, hashes: Sequence[int]) -> frozenset[str]:
        """The names of several messages. Only those with the same hash are looked at, of which there are hardly any."""
        alike = {one for one, another in pairwise(sorted(hashes)) if one == another}
        places = range(len(hashes)) if self._places is None else self._places.values()
        counts = Counter(self._name(place) for place in places if hashes[place] in alike) if alike else {}
        return frozenset(name for name, count in counts.items() if count > 1)

    def _place(self, number: int) -> int | None:
        if self._places is not None:
            return self._places.get(number)
        return number - 1 if 0 < number < len(self._ends) else None

    def _name(self, place: int) -> str:
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode("latin-1")

    def unique(self, number: int) -> str | None:
        """The name of the message with this number; None if it has none, or if another one has it as well."""
        place = self._place(number)
        name = "" if place is None else self._name(place)
        return name if name and name not in self._repeated else None


class Listing(Sequence[RemoteMail]):
    """Messages in the order in which they are taken. ``identity`` says it of the one at a place, with that handle.

    The columns are shared with what is made of it, and are not to be changed any more.
    """

    def __init__(
        self,
        handles: Sequence[int],
        sizes: Sequence[int],
        marks: Sequence[int],
        identity: Callable[[int, int], str | None],
        places: Sequence[int] | None = None,
    ) -> None:
        self._columns = handles, sizes, marks, identity
        self._places = range(len(handles)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> RemoteMail: ...
    @overload
    def __getitem__(self, index: slice) -> Listing: ...
    def __getitem__(self, index: int | slice) -> RemoteMail | Listing:
        if isinstance(index, slice):
            return Listing(*self._columns, self._places[index])
        return self._mail(self._places[index])

    def __iter__(self) -> Iterator[RemoteMail]:
        return map(self._mail, self._places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def at(self, indexes: Iterable[int]) -> Listing:
        """Those that have these indexes, in that order."""
        return Listing(*self._columns, array("Q", (self._places[index] for index in indexes)))

    def only(self, wanted: Callable[[RemoteMail], object]) -> Listing:
        """Those that are ``wanted``."""
        return self.at(index for index, mail in enumerate(self) if wanted(mail))

    def with_last(self, late: Callable[[RemoteMail], object]) -> Listing:
        """All of them in their order, but those that are ``late`` at the end."""
        last = array("Q", (index for index, mail in enumerate(self) if late(mail)))
        if not last:
            return self
        waiting = frozenset(last)
        return self.at([*(index for index in range(len(self)) if index not in waiting), *last])

    def _mail(self, place: int) -> RemoteMail:
        handles, sizes, marks, identity = self._columns
        handle, mark = handles[place], marks[place]
        return RemoteMail(
            handle, identity(place, handle), sizes[place], flagged=bool(mark & FLAGGED), unlisted=bool(mark & UNLISTED)
        )
