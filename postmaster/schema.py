"""The schema's revision: which one a database is at, and how it is changed without losing a row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from postmaster.errors import ConfigError
from postmaster.extensions import all_tables

MIGRATIONS = Path(__file__).parent / "migrations"

VERSION_TABLE = "alembic_version"

# Revisions were once numbered as they were written, not as they run. Databases of that time still bear the old ids.
RENUMBERED = {"0001": "r01", "0005": "r02", "0006": "r03", "0003": "r04", "0002": "r05", "0004": "r06"}

RESTORE = "restore the backup that was made before."


@cache
def _revisions() -> tuple[str, ...]:
    """All revisions that this program knows, the newest first: a file's name begins with its own.

    Alembic would import all of them for it, in each command.
    """
    return tuple(sorted((path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/r*.py")), reverse=True))


def head() -> str:
    """The revision that this program works with."""
    return _revisions()[0]


def revision_of(connection: Connection) -> str | None:
    """The revision that the database is at; None if it has no tables yet.

    Raises ConfigError if the database is not one that this program can upgrade.
    """
    found = _written_down(connection)
    if not found and not set(inspect(connection).get_table_names()) & set(all_tables().tables):
        return None
    if len(found) != 1 or not re.fullmatch(r"\w+", found[0]):
        raise ConfigError(
            "schema-unknown",
            "The database does not say which version of PostMaster its tables are of.",
            f"If it is the right database, {RESTORE}",
        )
    revision = RENUMBERED.get(found[0], found[0])
    if revision not in _revisions():
        raise ConfigError(
            "schema-newer",
            f"A later version of PostMaster has changed the database: this one does not know its revision {revision}.",
            f"Install the later version, or {RESTORE}",
        )
    return revision


def _written_down(connection: Connection) -> list[str]:
    """What Alembic has written down about the database; nothing, if its table is missing or another one."""
    inspector = inspect(connection)
    if not inspector.has_table(VERSION_TABLE):
        return []
    if "version_num" not in {column["name"] for column in inspector.get_columns(VERSION_TABLE)}:
        return []
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars()  # noqa: S608
    return [str(revision) for revision in found]


def renumber(connection: Connection) -> None:
    """Write the id that its revision has now into the database. The caller commits."""
    for old in set(_written_down(connection)) & set(RENUMBERED):
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '{RENUMBERED[old]}'")  # noqa: S608


@contextmanager
def tables_apart(connection: Connection) -> Iterator[None]:
    """On SQLite, let tables be rebuilt inside of the block, without the rows that refer to them being deleted.

    The connection, which must not have begun, is not used for anything else afterwards: inside of a transaction, SQLite
    does not hear what it is told about foreign keys.
    """
    if connection.dialect.name == "sqlite":
        driver = connection.connection.dbapi_connection
        connection.detach()
        driver.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
    yield


def refuse_dangling(connection: Connection, engine: Engine) -> None:
    """Raise ConfigError if rows would refer, after what was changed, to rows that are not there.

    Those that did so before are left as they are: to refuse them would keep mail from coming, and mend nothing.
    """
    if connection.dialect.name != "sqlite" or not (dangling := _dangling(connection)):
        return
    with engine.connect() as before:
        dangling -= _dangling(before)
    if dangling:
        tables = ", ".join(sorted(dangling))
        raise ConfigError(
            "schema-dangling",
            f"The upgrade would leave rows of {tables} without those that they belong to; nothing was changed.",
            f"Install the version that ran before, or {RESTORE}",
        )


def _dangling(connection: Connection) -> Counter[str]:
    """How many rows of each table refer to one that is not there."""
    return Counter(table for table, *_ in connection.exec_driver_sql("PRAGMA foreign_key_check"))


def counters(connection: Connection) -> dict[str, int]:
    """The last id that each table of an SQLite database gave away. To rebuild a table forgets it."""
    if connection.dialect.name != "sqlite" or not inspect(connection).has_table("sqlite_sequence"):
        return {}
    return {row.name: row.seq for row in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")}


def restore_counters(connection: Connection, before: dict[str, int]) -> None:
    """Make sure that no table gives away an id a second time, whatever was done to it. The caller commits."""
    for name, last in counters(connection).items():
        if last < before.get(name, 0):
            connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (before[name], name))
