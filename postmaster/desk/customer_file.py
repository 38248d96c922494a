"""The customer directory as a CSV file: read, checked as a whole, and put in the place of what there was.

The rows wait in a database of their own on disk until all of them are known to be right, so that half a million take
no more memory than ten, and none is applied if one is wrong.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, TypeVar

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from postmaster.bulk import insert_columns
from postmaster.database import dialect_of
from postmaster.desk.customers import ANYBODY
from postmaster.desk.models import CustomerEntry, CustomerSource
from postmaster.errors import InputError
from postmaster.extensions import now
from postmaster.parsing.address_key import address_key
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.readers import InvalidValue, line, mail_address

COLUMNS = ("address", "login", "number")
MAX_VALUE = 320

# The row that says which file was read last.
CSV_FILE = "file"

# Rows that are written at once, and flaws that are named.
PIECE = 5_000
MAX_FLAWS = 20

_value = line(MAX_VALUE)

# Nearly all addresses, for which all that is checked of others need not be.
_PLAIN = re.compile(r"[a-z0-9._+-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\.){1,5}[a-z]{2,20}", re.IGNORECASE)

T = TypeVar("T")


def as_csv(entries: Iterable[CustomerEntry]) -> Iterator[str]:
    """Pieces of a file with ``entries``, to be imported again."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for piece in _pieces(entries, PIECE):
        writer.writerows((entry.address, entry.login, entry.number) for entry in piece)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


class BadDirectoryError(InputError):
    """A file that is not taken: ``flaws`` name line and column of what is wrong, and never what stands there."""

    def __init__(self, flaws: Sequence[str]) -> None:
        self.flaws = tuple(flaws[:MAX_FLAWS])
        more = ["There is more that is wrong."] if len(flaws) > MAX_FLAWS else []
        advice = "Nothing was changed. Correct the file, and import it again."
        super().__init__("File", " ".join([*self.flaws, *more]), advice, code="bad-directory")


class ManyDroppedError(InputError):
    """A file that lacks more than half of the entries that there are, and is not confirmed."""

    def __init__(self, dropped: int, known: int) -> None:
        message = f"The file lacks {dropped:,} of the {known:,} entries that there are, more than half."
        advice = "Nothing was changed. If that is right, import it with: flask customer import --yes FILE"
        super().__init__("File", message, advice, code="directory-shrinks")


@dataclass(frozen=True, slots=True)
class DirectoryImport:
    """The result of an import: how many entries the file has, and how many of those before it lacks."""

    entries: int
    dropped: int


class DirectoryFile:
    """The rows of a CSV file, checked. To be closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._rows = sqlite3.connect("")  # a file that is gone when it is closed
        self._rows.execute("CREATE TABLE entry (address TEXT PRIMARY KEY, login TEXT, number TEXT, line INT)")
        self._digest = hashlib.sha256()
        self._flaws: list[str] = []
        try:
            self._read(file)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> DirectoryFile:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the rows."""
        self._rows.close()

    @property
    def digest(self) -> str:
        """What tells the file from others."""
        return self._digest.hexdigest()

    def __len__(self) -> int:
        return int(self._rows.execute("SELECT count(*) FROM entry").fetchone()[0])

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """All of them."""
        yield from self._rows.execute("SELECT address, login, number FROM entry ORDER BY address")

    def count_known(self, addresses: Iterable[str]) -> int:
        """How many of ``addresses`` it has."""
        known = 0
        for piece in _pieces(addresses, 500):
            places = ",".join("?" * len(piece))
            query = f"SELECT count(*) FROM entry WHERE address IN ({places})"  # noqa: S608 - question marks only
            known += int(self._rows.execute(query, piece).fetchone()[0])
        return known

    def _read(self, file: IO[bytes]) -> None:
        rows = csv.reader(self._lines(file), delimiter=",")
        try:
            header = next(rows, [])
            if len(header) == 1 and ";" in header[0]:
                rows = csv.reader(self._lines(file), delimiter=";")
                header = header[0].split(";")
            places = self._places(header)
            for number, row in enumerate(rows, 2):
                if row and len(self._flaws) <= MAX_FLAWS:
                    self._take(number, row, places)
        except csv.Error as error:
            self._flaws.append(f"The file is not CSV: {error}.")
        except UnicodeDecodeError:
            self._flaws.append("The file is not UTF-8.")
        if self._flaws:
            raise BadDirectoryError(self._flaws)

    def _lines(self, file: IO[bytes]) -> Iterator[str]:
        for data in file:
            self._digest.update(data)
            yield data.decode("utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8")

    def _places(self, header: Sequence[str]) -> dict[str, int]:
        names = [name.strip().strip('"').casefold() for name in header]
        if missing := [name for name in COLUMNS if name not in names]:
            raise BadDirectoryError([f"Line 1 has no column {' and no column '.join(missing)}."])
        return {name: names.index(name) for name in COLUMNS}

    def _take(self, number: int, row: Sequence[str], places: dict[str, int]) -> None:
        values = {name: row[place].strip() if place < len(row) else "" for name, place in places.items()}
        readers = {"address": _address, "login": _login, "number": _optional}
        read: dict[str, str] = {}
        for name, reader in readers.items():
            try:
                read[name] = reader(values[name])
            except InvalidValue as error:
                self._flaws.append(f"Line {number}, column {name}: it {error.flaw}.")
                return
        try:
            row_ = (read["address"], read["login"], read["number"], number)
            self._rows.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", row_)
        except sqlite3.IntegrityError:
            query = "SELECT line FROM entry WHERE address = ?"
            [before] = self._rows.execute(query, (read["address"],)).fetchone()
            self._flaws.append(f"Line {number}, column address: it is in line {before} already.")


def _pieces(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """``values``, ``size`` at a time."""
    rest = iter(values)
    while piece := list(islice(rest, size)):
        yield piece


def _address(text: str) -> str:
    """An address, or ``*@domain``, as it is compared. What stands there is not repeated: it may be no directory."""
    local = "x@" if text.startswith(ANYBODY) else ""
    plain = local + text.removeprefix(ANYBODY) if local else text
    try:
        key = address_key(plain if _PLAIN.fullmatch(plain) else mail_address(plain))
    except InvalidValue:
        raise InvalidValue("is neither an e-mail address nor *@ and a domain") from None
    return ANYBODY + key.removeprefix(local) if local else key


def _login(text: str) -> str:
    if not text:
        raise InvalidValue("is empty")
    return _optional(text)


def _optional(value: str) -> str:
    if len(value) <= MAX_VALUE and value.isascii() and value.isprintable():
        return value
    try:
        return _value(value)
    except InvalidValue:
        raise InvalidValue(f"is longer than {MAX_VALUE} characters, or holds something other than text") from None


def apply_directory(session: Session, file: DirectoryFile, actor: str, *, confirmed: bool) -> DirectoryImport:
    """Replace the directory by ``file``. Raises ManyDroppedError unless ``confirmed``. The caller commits."""
    lock_administration(session)
    known = session.scalar(select(func.count()).select_from(CustomerEntry)) or 0
    addresses = session.scalars(select(CustomerEntry.address).execution_options(yield_per=PIECE))
    dropped = known - file.count_known(addresses)
    if dropped * 2 > known and not confirmed:
        raise ManyDroppedError(dropped, known)
    session.execute(delete(CustomerEntry))
    for piece in _pieces(file.entries(), PIECE):
        columns = zip(*piece, strict=True)
        insert_columns(session, CustomerEntry, dict(zip(COLUMNS, map(list, columns), strict=True)))
    if dialect_of(session) == "postgresql":
        session.execute(text("ANALYZE customer_entry"))  # else look-ups read all of it, until autovacuum comes
    detail = {"entries": [known, len(file)], "dropped": dropped}
    audit(session, actor, "import", "customer", "directory", detail)
    note_source(session, file.digest, "")
    return DirectoryImport(len(file), dropped)


def note_source(session: Session, digest: str, problem: str) -> None:
    """Write down which file was read last, or what keeps it from being read. The caller commits."""
    session.merge(CustomerSource(kind=CSV_FILE, digest=digest, problem=problem, read_at=now()))
