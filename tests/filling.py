"""Rows for every table of a database, whatever its version: made from what the database says of its tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Enum,
    ForeignKeyConstraint,
    MetaData,
    String,
    Table,
    TypeDecorator,
    inspect,
)

from postmaster.schema import VERSION_TABLE

# What an earlier version could not keep is removed on the way back to it, so rows have what all versions know.
KNOWN_TO_ALL = {"credential.kind": "basic"}

MOMENT = datetime(2026, 11, 25, 12, tzinfo=UTC)
NUMBERS = itertools.count(1_000)

VALUES: dict[type, Callable[[int], Any]] = {
    int: lambda number: number,
    str: lambda number: f"x{number}",
    bool: lambda number: number % 2 == 0,
    float: float,
    bytes: lambda number: str(number).encode(),
    date: lambda number: MOMENT.date() + timedelta(days=number),
    datetime: lambda number: MOMENT + timedelta(hours=number),
    object: lambda number: {"number": number},  # JSON
}

Insert = Callable[[Table, dict[str, Any]], int]
Counts = dict[str, dict[str, int]]
Columns = dict[str, set[str]]


def tables_of(connection: Connection) -> list[Table]:
    """The tables that the database has, each after those that it refers to."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != VERSION_TABLE]


def columns_of(connection: Connection) -> Columns:
    """The names of the columns of each table that the database has, which is asked faster than all else of them."""
    found = inspect(connection).get_multi_columns()
    return {
        table: {column["name"] for column in columns} for (_, table), columns in found.items() if table != VERSION_TABLE
    }


def fill(connection: Connection, tables: Sequence[Table] | None = None) -> None:
    """Add two rows to all tables, or to ``tables``, with a value in every column. The caller commits."""
    fill_tables(tables or tables_of(connection), lambda table, row: _insert(connection, table, row))


def fill_news(connection: Connection, columns: Columns, filled: Columns) -> set[str]:
    """Add two rows to each table that has columns which are not in ``filled``, and to whatever those rows refer to.

    ``columns`` are those that the database has. Returns the names of the tables.
    """
    news = {table for table, names in columns.items() if not names <= filled.get(table, set())}
    if not news:
        return set()
    tables = tables_of(connection)
    wanted = {table for table in tables if table.name in news}
    for table in reversed(tables):
        if table in wanted:
            wanted |= {key.column.table for key in table.foreign_keys}
    fill(connection, [table for table in tables if table in wanted])
    return {table.name for table in wanted}


def fill_tables(tables: Iterable[Table], insert: Insert) -> dict[str, list[int]]:
    """Add two rows to each of ``tables`` by ``insert``, which gives the id; returns the ids by the tables' names."""
    made: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        made[table.name] = [_row(table, made, place) for place in range(2)]
        for row in made[table.name]:
            if table.autoincrement_column is not None:
                row[table.autoincrement_column.name] = insert(table, row)
            else:
                insert(table, row)
    return {
        table.name: [row[table.autoincrement_column.name] for row in made[table.name]]
        for table in tables
        if table.autoincrement_column is not None
    }


def _insert(connection: Connection, table: Table, row: dict[str, Any]) -> int:
    key: tuple[Any, ...] = tuple(connection.execute(table.insert().values(row)).inserted_primary_key or ())
    return key[0] if isinstance(key[0], int) else 0


def _row(table: Table, made: dict[str, list[dict[str, Any]]], place: int) -> dict[str, Any]:
    """Values of all columns but the id, which the database gives."""
    row = {column.name: _value(column) for column in table.columns if column is not table.autoincrement_column}
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            for element in constraint.elements:
                row[element.parent.name] = made[element.column.table.name][place][element.column.name]
    return row


def _value(column: Column[Any]) -> Any:
    if isinstance(column.type, Enum):
        return next(iter(column.type.enum_class))  # type: ignore[arg-type]
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    value = KNOWN_TO_ALL.get(str(column)) or VALUES[kind.python_type](next(NUMBERS))
    return value[: column.type.length] if isinstance(column.type, String) else value


def counts(connection: Connection, columns: Columns) -> Counts:
    """How many rows each of these tables has, and in how many of them each of these columns has a value."""
    return {
        table: dict(connection.exec_driver_sql(_count(table, names)).mappings().one())
        for table, names in columns.items()
    }


def _count(table: str, names: Iterable[str]) -> str:
    """As plain text: to compile it takes longer than to count."""
    values = [f'count("{name}") AS "{name}"' for name in sorted(names)]
    return f'SELECT {", ".join(["count(*) AS rows", *values])} FROM "{table}"'


def lost(before: Counts, after: Counts) -> Counts:
    """What is not as it was, in the tables and columns that are in both."""
    return {
        table: changed
        for table in before.keys() & after.keys()
        if (
            changed := {
                name: after[table][name] - before[table][name]
                for name in before[table].keys() & after[table].keys()
                if after[table][name] != before[table][name]
            }
        )
    }
