"""Tickets of a dump and what their mail is known by, laid out on disk.

A dump has them in whatever order its tables have, and there may be millions. So they are first written into a database
of their own, in the folder for temporary files, and asked for in the order of the tickets: no more of them is held than
a batch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from postmaster.otrs.dump import read_rows
from postmaster.otrs.names import refuse
from postmaster.otrs.rows import DumpRow, Unreadable
from postmaster.otrs.sql import Wanted

# Tickets that are handed on together, and rows that are written at once.
BATCH_TICKETS = 2_000
_BATCH_ROWS = 10_000

_TICKET_COLUMNS = (
    "id",
    "tn",
    "title",
    "queue_id",
    "ticket_lock_id",
    "type_id",
    "service_id",
    "sla_id",
    "user_id",
    "responsible_user_id",
    "ticket_priority_id",
    "ticket_state_id",
    "customer_id",
    "customer_user_id",
    "until_time",
    "create_time",
    "change_time",
)
_MAIL_COLUMNS = ("a_message_id", "a_from")

# Tables that say what ids in tickets mean, and the column that says it.
LOOKUPS = {
    "queue": "name",
    "ticket_state": "name",
    "ticket_state_type": "name",
    "ticket_priority": "name",
    "ticket_type": "name",
    "ticket_lock_type": "name",
    "service": "name",
    "sla": "name",
    "users": "login",
    "dynamic_field": "name",
}

WANTED: Wanted = {
    **{table: ("id", column) for table, column in LOOKUPS.items()},
    "ticket_state": ("id", "name", "type_id"),
    "dynamic_field": ("id", "name", "object_type", "internal_field", "valid_id"),
    "dynamic_field_value": ("field_id", "object_id", "value_text", "value_date", "value_int"),
    "ticket": _TICKET_COLUMNS,
    "article": ("id", "ticket_id", "article_sender_type_id", *_MAIL_COLUMNS),
    "article_data_mime": ("article_id", *_MAIL_COLUMNS),
    "ticket_history": ("name",),
}

_SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
CREATE TABLE ticket (id INTEGER PRIMARY KEY, line INTEGER, {", ".join(f"c{place} TEXT" for place in range(1, 17))});
CREATE TABLE article (id INTEGER PRIMARY KEY, ticket_id INTEGER, sender_type TEXT);
CREATE TABLE mail (article_id INTEGER PRIMARY KEY, message_id TEXT, sender TEXT);
CREATE TABLE field (object_id INTEGER, field_id TEXT, value TEXT);
CREATE TABLE merged (number TEXT PRIMARY KEY, into_number TEXT) WITHOUT ROWID;
"""

# What says in the history of a ticket that it was merged, and into which.
_MERGED_PARTS = 5

# The id that customers have among those who write articles.
CUSTOMER = "3"


@dataclass(frozen=True, slots=True)
class StagedMail:
    """What is known of one article: its Message-ID as the dump has it, who sent it, and whether that is a customer."""

    message_id: str
    sender: str
    by_customer: bool


@dataclass(frozen=True, slots=True)
class StagedTicket:
    """A ticket of the dump: its line, its columns, its mail, the oldest first, and its dynamic fields by name."""

    line: int
    values: Mapping[str, str]
    mails: Sequence[StagedMail]
    fields: Mapping[str, str]


@dataclass
class Staging:
    """What was laid out. ``names`` are those behind ids, by table; ``kinds`` are those of states by their ids."""

    connection: sqlite3.Connection
    names: dict[str, dict[str, str]] = field(default_factory=lambda: {table: {} for table in LOOKUPS})
    types_of_states: dict[str, str] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)

    def batches(self) -> Iterator[list[StagedTicket]]:
        """All tickets in the order of their ids, ``BATCH_TICKETS`` at a time."""
        tickets = self.connection.execute("SELECT * FROM ticket ORDER BY id")
        while rows := tickets.fetchmany(BATCH_TICKETS):
            bounds = rows[0][0], rows[-1][0]
            mails, fields = self._mails(*bounds), self._fields(*bounds)
            yield [
                StagedTicket(
                    line,
                    dict(zip(_TICKET_COLUMNS, (str(number), *values), strict=True)),
                    mails.get(number, ()),
                    fields.get(number, {}),
                )
                for number, line, *values in rows
            ]

    @property
    def has_fields(self) -> bool:
        """Whether the dump has values of dynamic fields."""
        return self.connection.execute("SELECT 1 FROM field").fetchone() is not None

    def _fields(self, first: int, last: int) -> dict[int, dict[str, str]]:
        """The dynamic fields of these tickets; one that has several values has them after one another."""
        query = "SELECT object_id, field_id, value FROM field WHERE object_id BETWEEN ? AND ? ORDER BY object_id, rowid"
        found: dict[int, dict[str, str]] = {}
        for number, field_id, value in self.connection.execute(query, (first, last)):
            if name := self.names["dynamic_field"].get(field_id):
                fields = found.setdefault(number, {})
                fields[name] = f"{fields[name]}, {value}" if name in fields else value
        return found

    def _mails(self, first: int, last: int) -> dict[int, list[StagedMail]]:
        query = (
            "SELECT article.ticket_id, mail.message_id, mail.sender, article.sender_type FROM article "
            "JOIN mail ON mail.article_id = article.id WHERE article.ticket_id BETWEEN ? AND ? "
            "ORDER BY article.ticket_id, article.id"
        )
        rows = self.connection.execute(query, (first, last))
        return {
            ticket_id: [StagedMail(message_id, sender, by == CUSTOMER) for _, message_id, sender, by in group]
            for ticket_id, group in groupby(rows, key=lambda row: row[0])
        }

    def merged(self) -> Iterator[tuple[str, str]]:
        """The numbers of tickets that were merged, and of those that they were merged into."""
        yield from self.connection.execute("SELECT number, into_number FROM merged")


@contextmanager
def staged(file: IO[bytes]) -> Iterator[Staging]:
    """Lay out the tickets of a dump. Raises InputError if it is damaged, or lacks a table that all need."""
    with TemporaryDirectory(prefix="postmaster-") as folder:
        connection = sqlite3.connect(Path(folder) / "staging.sqlite")
        try:
            connection.executescript(_SCHEMA)
            staging = Staging(connection)
            _fill(staging, read_rows(file, WANTED))
            connection.execute("CREATE INDEX article_ticket ON article (ticket_id)")
            connection.execute("CREATE INDEX field_object ON field (object_id)")
            _check(staging)
            yield staging
        finally:
            connection.close()


def _check(staging: Staging) -> None:
    if staging.connection.execute("SELECT 1 FROM ticket").fetchone() is None:
        raise refuse("Dump", "holds no rows of the table ticket", _ADVICE, "bad-document")
    for table in ("queue", "ticket_state"):
        if not staging.names[table]:
            raise refuse("Dump", f"does not say what the ids of {table} mean", _ADVICE, "bad-document")


_ADVICE = "docs/import-otrs.md says which tables to dump for --conversations."


def _fill(staging: Staging, rows: Iterable[DumpRow | Unreadable]) -> None:
    waiting: dict[str, list[tuple[object, ...]]] = {statement: [] for _, statement in _STORE.values()}
    for row in rows:
        if isinstance(row, Unreadable):
            staging.unreadable.append(row)
            continue
        if row.table in LOOKUPS:
            if row.table == "dynamic_field" and not _is_of_tickets(row):
                continue
            staging.names[row.table][row.get("id")] = row.get(LOOKUPS[row.table])
            staging.types_of_states |= {row.get("id"): row.get("type_id")} if row.table == "ticket_state" else {}
            continue
        for kind in _KINDS[row.table]:
            make, statement = _STORE[kind]
            if values := make(row):
                waiting[statement].append(values)
                if len(waiting[statement]) >= _BATCH_ROWS:
                    staging.connection.executemany(statement, waiting[statement])
                    waiting[statement].clear()
    for statement, left in waiting.items():
        staging.connection.executemany(statement, left)
    staging.connection.commit()


def _ticket(row: DumpRow) -> tuple[object, ...] | None:
    number = row.get("id")
    return (int(number), row.line, *(row.get(name) for name in _TICKET_COLUMNS[1:])) if number.isdecimal() else None


def _article(row: DumpRow) -> tuple[object, ...] | None:
    number, ticket = row.get("id"), row.get("ticket_id")
    both = number.isdecimal() and ticket.isdecimal()
    return (int(number), int(ticket), row.get("article_sender_type_id")) if both else None


def _mail(row: DumpRow) -> tuple[object, ...] | None:
    number = row.get("article_id") or row.get("id")
    told = row.get("a_message_id") or row.get("a_from")
    return (int(number), row.get("a_message_id"), row.get("a_from")) if told and number.isdecimal() else None


def _is_of_tickets(row: DumpRow) -> bool:
    """Whether a dynamic field is one of tickets that counts here: ids of other things may be the same."""
    ours = row.get("object_type") in ("", "Ticket") and row.get("internal_field") in ("", "0")
    return ours and row.get("valid_id") in ("", "1")


def _field(row: DumpRow) -> tuple[object, ...] | None:
    """A value of a dynamic field: what it is of says the field."""
    number = row.get("object_id")
    value = row.get("value_text") or row.get("value_date") or row.get("value_int")
    return (int(number), row.get("field_id"), value) if value and number.isdecimal() else None


def _merged(row: DumpRow) -> tuple[object, ...] | None:
    """``%%number%%id%%number%%id``: the first was merged into the second."""
    parts = row.get("name").split("%%")
    if len(parts) != _MERGED_PARTS or parts[0] or not all(part.isdecimal() for part in parts[1:]):
        return None
    return parts[1], parts[3]


# What is written of a row of each table. Before OTRS 6 an article had its Message-ID itself.
_KINDS = {
    "ticket": ("ticket",),
    "article": ("article", "mail"),
    "article_data_mime": ("mail",),
    "ticket_history": ("merged",),
    "dynamic_field_value": ("field",),
}
_STORE: dict[str, tuple[Callable[[DumpRow], tuple[object, ...] | None], str]] = {
    "ticket": (_ticket, f"INSERT OR IGNORE INTO ticket VALUES ({', '.join('?' * 18)})"),  # noqa: S608 - only marks
    "article": (_article, "INSERT OR IGNORE INTO article VALUES (?, ?, ?)"),
    "mail": (_mail, "INSERT OR IGNORE INTO mail VALUES (?, ?, ?)"),
    "field": (_field, "INSERT INTO field VALUES (?, ?, ?)"),
    "merged": (_merged, "INSERT OR REPLACE INTO merged VALUES (?, ?)"),
}
