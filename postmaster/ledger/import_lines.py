"""Lines of an export, ticket by ticket: each is checked before anything of its ticket is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

from postmaster.errors import InputError, PostMasterError
from postmaster.extensions import Json
from postmaster.ledger.import_rows import bad_line, digest_of, parse_line, read_row
from postmaster.quantity import quantity

# Characters that a line may have: a message of 100 MB in base64, and what is read of it.
MAX_LINE = 256 * 1024 * 1024

# Bytes of a ticket's articles, or of ties, that stay in memory; more of them wait on disk.
IN_MEMORY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RefusedTicket:
    """A ticket that was left out, or a line that belongs to none; ``line`` is where, ``error`` why."""

    line: int
    number: str
    error: PostMasterError


class StagedLines:
    """Lines that are read again later, in memory or on disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0

    def write(self, line: bytes) -> None:
        """Add a line that ends with a line break."""
        self.size += self._file.write(line)

    def add(self, row: Json) -> None:
        """Add a row as a line."""
        self.write(json.dumps(row).encode() + b"\n")

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        yield from self._file

    def pieces(self, size: int) -> Iterator[Sequence[Json]]:
        """The rows that were added, ``size`` at a time."""
        piece: list[Json] = []
        for line in self:
            piece.append(json.loads(line))
            if len(piece) == size:
                yield piece
                piece = []
        if piece:
            yield piece

    def close(self) -> None:
        """Let go of what was kept."""
        self._file.close()


@contextmanager
def staged_lines() -> Iterator[StagedLines]:
    """Lines that are gone in the end."""
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        yield StagedLines(file)


class ReadTicket:
    """A ticket that was read: ``values`` are its own, those of its articles are read again when they are needed.

    ``digest`` is what it is compared by. ``flaw`` is what is wrong with one of its lines.
    """

    def __init__(self, line: int, values: Json) -> None:
        self.line = line
        self.number: str = values["number"]
        self.values = values
        self._missing: int = values["articles"]
        self._digest = hashlib.sha256(digest_of(values))
        self._lines = StagedLines(SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - closed when it is taken

    def add(self, line: bytes, row: Json) -> None:
        """Check an article's line and keep it. Raises InputError."""
        values = read_row(row)
        if values["ticket"] != self.number:
            raise bad_line(f"is an article of ticket {values['ticket']}, but follows ticket {self.number}")
        self._digest.update(digest_of(values))
        self._lines.write(line)
        self._missing -= 1

    def require_whole(self) -> None:
        """Raise InputError unless as many articles followed as the ticket has: the file may have been cut off."""
        if self._missing:
            said = self.values["articles"]
            raise bad_line(
                f"says that ticket {self.number} has {quantity(said, 'article')}, but {said - self._missing} follow"
            )

    @property
    def size(self) -> int:
        """How many bytes its articles have."""
        return self._lines.size

    @property
    def digest(self) -> bytes:
        """What it is compared by, as ``digest_of`` makes it of each of its rows."""
        return self._digest.digest()

    def articles(self) -> Iterator[Json]:
        """The values of its articles; they can be asked for once."""
        for line in self._lines:
            yield read_row(parse_line(line))
        self._lines.close()


def read_tickets(file: IO[bytes], refuse: Callable[[RefusedTicket], None]) -> Iterator[ReadTicket]:
    """Each ticket with its articles. If a line of it is wrong, or one is missing, all of it is refused, once."""
    ticket: ReadTicket | None = None
    passing_over = False
    for number, line in _lines(file):
        try:
            row = parse_line(line)
            if row["kind"] == "ticket":
                yield from _whole(ticket, refuse)
                ticket, passing_over = None, False
                ticket = ReadTicket(number, read_row(row))
            elif ticket:
                ticket.add(line, row)
            elif not passing_over:
                raise bad_line("is an article, but no ticket stands before it")
        except InputError as error:
            refuse(RefusedTicket(number, ticket.number if ticket else "", error))
            ticket, passing_over = None, True
    yield from _whole(ticket, refuse)


def _whole(ticket: ReadTicket | None, refuse: Callable[[RefusedTicket], None]) -> Iterator[ReadTicket]:
    """The ticket, unless it has lost articles."""
    if ticket is None:
        return
    try:
        ticket.require_whole()
    except InputError as error:
        refuse(RefusedTicket(ticket.line, ticket.number, error))
        return
    yield ticket


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank, with its number; the last one ends with a line break too."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            line = b"{}"
        if line.strip():
            yield number, line if line.endswith(b"\n") else line + b"\n"
