"""The tables of a dump, whichever program made it: mysqldump, pg_dump, or rows as JSON. Nothing of it is executed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from postmaster.otrs.rows import DumpRow, Unreadable, bad_dump
from postmaster.otrs.sql import read_sql

# Bytes of a dump that are read. The tables that count are small; a whole database is mostly mail.
MAX_DUMP_BYTES = 64 * 1024 * 1024

TABLES = (
    "valid",
    "follow_up_possible",
    "queue",
    "system_address",
    "mail_account",
    "postmaster_filter",
    "sysconfig_modified",
)

GUIDE = "docs/import-otrs.md says how to make one."


@dataclass(frozen=True)
class Dump:
    """What a dump holds of ``TABLES``, in its order."""

    rows: list[DumpRow]
    unreadable: list[Unreadable]

    def of(self, table: str) -> list[DumpRow]:
        """The rows of ``table``."""
        return [row for row in self.rows if row.table == table]


def read_dump(data: bytes) -> Dump:
    """The tables in ``data``. Raises InputError if it is too large, cut off, or holds none of them."""
    if len(data) > MAX_DUMP_BYTES:
        raise bad_dump(f"has more than {MAX_DUMP_BYTES // 1024**2} MB", f"Dump {', '.join(TABLES)} only: {GUIDE}")
    text = data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n")
    found = list(_json_rows(text) if text.lstrip()[:1] in ("{", "[") else read_sql(text, TABLES))
    if not found:
        raise bad_dump(f"holds no rows of {', '.join(TABLES)}", GUIDE)
    return Dump(
        [each for each in found if isinstance(each, DumpRow)],
        [each for each in found if isinstance(each, Unreadable)],
    )


def _json_rows(text: str) -> Iterator[DumpRow | Unreadable]:
    """Rows of ``{"mail_account": [{"id": 1, …}], …}``. Their line is their place in the list."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_dump(f"begins like JSON, but is none ({error})", GUIDE) from None
    for table in TABLES:
        rows = document.get(table, []) if isinstance(document, dict) else []
        for place, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
            if isinstance(row, dict):
                yield DumpRow(table, place, {str(name).lower(): _text(value) for name, value in row.items()})
            else:
                yield Unreadable(table, place, "it is no object with a value for each column")


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(int(value))
    return None if value is None else str(value)
