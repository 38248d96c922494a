"""The tables of a dump, whichever program made it: mysqldump, pg_dump, or rows as JSON. Nothing of it is executed."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO, Any

import zstandard

from postmaster.otrs.rows import DumpRow, Unreadable, bad_dump
from postmaster.otrs.sql import Wanted, read_sql
from postmaster.otrs.tables import ACCOUNT_ADDITIONS, RENAMED, TABLES, TAKEN_TABLES
from postmaster.otrs.window import CHUNK

# Bytes of JSON, and characters of values that are kept. The tables that count are small; a database is mostly mail.
MAX_DUMP_BYTES = 64 * 1024 * 1024

GUIDE = "docs/import-otrs.md says how to make one."

# What compressed files begin with, and what reads them.
_PACKED: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    (b"\x28\xb5\x2f\xfd", lambda file: zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
)

# Other files that people take for a dump: what they begin with, at which place, what is said of them, and what to do.
_FOREIGN = (
    (0, "PGDMP", "is in the custom format of pg_dump", "Run: pg_restore -f desk.sql FILE"),
    (0, "PK\x03\x04", "is a zip archive", "Unpack it first."),
    (257, "ustar", "is a tar archive", "Unpack it first."),
    (0, "<?xml", "is XML", "Make it without --xml."),
    (
        0,
        "\udcff\udcfe",
        "is in UTF-16, as PowerShell writes it",
        "Make it with --result-file=desk.sql.",
    ),
)

# What they raise for a file that is damaged or was cut off.
_UNPACK_ERRORS = (EOFError, OSError, zstandard.ZstdError, lzma.LZMAError)


@dataclass(frozen=True)
class Dump:
    """What a dump holds of ``TABLES``, in its order. Of a table without columns there is the first row only."""

    rows: list[DumpRow]
    unreadable: list[Unreadable]
    counts: Counter[str]

    def of(self, table: str) -> list[DumpRow]:
        """The rows of ``table``."""
        return [row for row in self.rows if row.table == table]


def read_dump(file: IO[bytes]) -> Dump:
    """The tables in ``file``. Raises InputError if it is too large, cut off, or holds none of them."""
    dump = Dump([], [], Counter())
    size = 0
    for read in read_rows(file, TABLES):
        if isinstance(read, Unreadable):
            dump.unreadable.append(read)
            continue
        row = _renamed(read)
        dump.counts[row.table] += 1
        if row.values or dump.counts[row.table] == 1:
            dump.rows.append(row)
        size += sum(len(value) for value in row.values.values() if value)
        if size > MAX_DUMP_BYTES:
            flaw = f"has more than {MAX_DUMP_BYTES // 1024**2} MB in the table {row.table} and those before it"
            raise bad_dump(flaw, f"No service desk is configured by as much. {GUIDE}")
    _add_to_accounts(dump)
    if not TAKEN_TABLES & {*dump.counts, *(row.table for row in dump.unreadable)}:
        raise bad_dump("holds no rows of queue, mail_account, postmaster_filter and the like", GUIDE)
    return dump


def _renamed(row: DumpRow) -> DumpRow:
    """``row`` with the columns as most installations call them."""
    names = RENAMED.get(row.table, {})
    if not names.keys() & row.values.keys():
        return row
    return replace(row, values={names.get(name, name): value for name, value in row.values.items()})


def _add_to_accounts(dump: Dump) -> None:
    """Let mail accounts have what an add-on keeps of them in a table of its own."""
    added = {row.get("mail_account_id"): row for row in dump.of(ACCOUNT_ADDITIONS)}
    for place, row in enumerate(dump.rows):
        if row.table == "mail_account" and (more := added.get(row.get("id"))):
            wanted = {name: more.get(name) for name in ("authentication_type", "oauth2_token_config_id")}
            dump.rows[place] = replace(row, values={**row.values, **wanted})


def read_rows(file: IO[bytes], wanted: Wanted) -> Iterator[DumpRow | Unreadable]:
    """The rows of the ``wanted`` tables in ``file``, one after the other, however large it is.

    Raises InputError if it is damaged or was cut off.
    """
    chunks = _texts(_unpacked(file))
    first = next(chunks, "")
    while first.isspace() and (more := next(chunks, "")):
        first = more
    for place, start, flaw, advice in _FOREIGN:
        if first.startswith(start, place):
            raise bad_dump(flaw, advice)
    whole = chain([first], chunks)
    is_json = first.lstrip()[:1] in ("{", "[")
    yield from (_json_rows(_all_of(whole), wanted) if is_json else read_sql(whole, wanted))


class _Rejoined(io.RawIOBase):
    """A file whose beginning has been read already."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head = head
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head or self._file.read(len(buffer))
        taken, self._head = data[: len(buffer)], data[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _unpacked(file: IO[bytes]) -> Any:
    """``file``, decompressed if it is compressed: the first bytes say so, whatever it is called."""
    head = file.read(8)
    rejoined = io.BufferedReader(_Rejoined(head, file), CHUNK)
    return next((unpack(rejoined) for magic, unpack in _PACKED if head.startswith(magic)), rejoined)


def _texts(file: Any) -> Iterator[str]:
    """The text of ``file`` piece by piece, with line breaks of Unix; bytes that are no UTF-8 are kept."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    carried = ""
    try:
        while data := file.read(CHUNK):
            text = carried + decoder.decode(data)
            carried = "\r" if text.endswith("\r") else ""
            yield text.removesuffix("\r").replace("\r\n", "\n")
    except _UNPACK_ERRORS as error:
        raise bad_dump(f"cannot be unpacked ({error})", "It is damaged, or was cut off; make it again.") from None
    yield carried + decoder.decode(b"", final=True)


def _all_of(chunks: Iterator[str]) -> str:
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_DUMP_BYTES:
            raise bad_dump(f"is JSON of more than {MAX_DUMP_BYTES // 1024**2} MB", f"Give it as SQL. {GUIDE}")
    return "".join(parts)


def _json_rows(text: str, wanted: Wanted) -> Iterator[DumpRow | Unreadable]:
    """Rows of ``{"mail_account": [{"id": 1, …}], …}``. Their line is their place in the list."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_dump(f"begins like JSON, but is none ({error})", GUIDE) from None
    for table in wanted:
        rows = document.get(table, []) if isinstance(document, dict) else []
        for place, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
            if isinstance(row, dict):
                chosen = {str(name).lower(): _text(value) for name, value in row.items()}
                yield DumpRow(table, place, _only(chosen, wanted[table]))
            else:
                yield Unreadable(table, place, "it is no object with a value for each column")


def _only(values: Mapping[str, str | None], wanted: Collection[str] | None) -> Mapping[str, str | None]:
    return values if wanted is None else {name: value for name, value in values.items() if name in wanted}


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(int(value))
    return None if value is None else str(value)
