"""Databases that are lent to one test after the other: to empty one takes a tenth of the time of copying one.

What is lent is as a new one in all that a test can see of it, its name included, so that a process which a test left
behind does not reach what the next one is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:  # it lends by this
    from tests.servers.postgres import Postgres

# Said to a new copy: what it has now is kept to be put back, and whatever changes its tables is noted.
PREPARATION = (
    "CREATE SCHEMA lending",
    "CREATE TABLE lending.sequences AS SELECT sequencename, last_value FROM pg_sequences",
    "CREATE TABLE lending.size AS SELECT oid, relpages, reltuples FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    "CREATE TABLE lending.change (tag text)",
    "CREATE FUNCTION lending.note() RETURNS event_trigger LANGUAGE plpgsql AS"
    " $$ BEGIN INSERT INTO lending.change VALUES (tg_tag); END $$",
    "CREATE EVENT TRIGGER lending ON ddl_command_end EXECUTE FUNCTION lending.note()",
)

# Tables of which something was ever written since they were last vacuumed, also if it was taken back.
USED = (
    "SELECT relname FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0"
)

# Its tables are others now, or how their rows are spread is known: to take that back takes longer than another copy.
CHANGED = (
    "SELECT FROM lending.change UNION ALL"
    " SELECT FROM pg_statistic JOIN pg_class ON pg_class.oid = starelid"
    " WHERE relnamespace = 'public'::regnamespace LIMIT 1"
)

# Otherwise plans would be made for tables that are known to be empty; of most new ones nothing is known.
FORGOTTEN = """
UPDATE pg_class SET relpages = kept.relpages, reltuples = kept.reltuples
FROM lending.size AS kept WHERE kept.oid = pg_class.oid
"""

COUNTED_BACK = """
SELECT setval(sequencename::regclass, coalesce(kept.last_value, start_value), kept.last_value IS NOT NULL)
FROM pg_sequences JOIN lending.sequences AS kept USING (sequencename)
WHERE pg_sequences.last_value IS DISTINCT FROM kept.last_value
"""

CUT_OFF = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"


class Lending:
    """Lends databases of a cluster."""

    def __init__(self, server: Postgres, copy: Callable[[], str], new_name: Callable[[], str]) -> None:
        """``copy`` makes a database with all its tables, ``new_name`` names one; both give its name."""
        self._server = server
        self._copy = copy
        self._new_name = new_name
        self._free: list[str] = []
        self._kept: Sequence[str] = ()

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The name of a database with all its tables, for as long as the block lasts."""
        name = self._free.pop() if self._free else self._made()
        yield name
        self._take_back(name)

    def _made(self) -> str:
        name = self._copy()
        with self._connected(name) as connection:
            self._kept = _used(connection)
            for statement in PREPARATION[:-1]:
                connection.execute(statement)
            for table in self._kept:
                connection.execute(f"CREATE TABLE lending.{table} AS TABLE public.{table}")
            connection.execute(PREPARATION[-1])
        return name

    def _take_back(self, name: str) -> None:
        renamed = self._new_name()
        with self._connected("postgres") as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')  # who is cut off may try again
            connection.execute(CUT_OFF, (name,))
            connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{renamed}"')
            connection.execute(f'ALTER DATABASE "{renamed}" ALLOW_CONNECTIONS true')
        with self._connected(renamed) as connection:
            is_changed = connection.execute(CHANGED).fetchone() is not None
            if not is_changed:
                self._empty(connection)
        if is_changed:
            self._server.execute(f'DROP DATABASE "{renamed}" WITH (FORCE)')
        else:
            self._free.append(renamed)

    def _empty(self, connection: psycopg.Connection) -> None:
        """Without a trace: by VACUUM, tables have no pages afterwards, so rows stand in the order they are added in."""
        used = _used(connection)
        connection.execute("SET session_replication_role = replica")  # whatever refers to what is deleted
        for table in used:
            connection.execute(f"DELETE FROM {table}")
        connection.execute(f"VACUUM {', '.join(used)}")
        connection.execute(FORGOTTEN)
        for table in self._kept:
            connection.execute(f"INSERT INTO {table} TABLE lending.{table}")
        connection.execute(COUNTED_BACK)

    def _connected(self, name: str) -> psycopg.Connection:
        return psycopg.connect(self._server.url_of(name), autocommit=True, connect_timeout=5)


def _used(connection: psycopg.Connection) -> list[str]:
    return [f'"{name}"' for (name,) in connection.execute(USED)]
