"""What one test has done to a database that is lent to it, the next one does not meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine

from tests.filling import fill
from tests.servers.postgres import Postgres

URL = "POSTMASTER_DATABASE_URL"
STATE = {
    "tables": "SELECT relname, relkind::text, CASE relkind WHEN 'r' THEN reltuples END FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    "sequences": "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1",
    "spread": "SELECT starelid::regclass::text FROM pg_statistic WHERE starelid > 16384",
}


def state_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Tables, rows in the order in which they stand, and what ids come next."""
    with psycopg.connect(url) as connection:
        state = {name: connection.execute(query).fetchall() for name, query in STATE.items()}
        tables = [name for name, kind, _ in state["tables"] if kind == "r"]
        return state | {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}


def fill_all(url: str) -> None:
    """Add rows to all tables."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        fill(connection)
    engine.dispose()


def carry_out(*statements: str) -> Callable[[str], None]:
    """What says these to a database."""

    def work(url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    return work


DEEDS = {
    "rows in all tables": fill_all,
    "other rows than were there": carry_out("DELETE FROM queue WHERE id = 1", "UPDATE queue SET name = name || '2'"),
    "another revision": carry_out("UPDATE alembic_version SET version_num = 'r01'"),
    "ids that were taken back": carry_out("BEGIN", "SELECT nextval('ticket_id_seq')", "ROLLBACK"),
    "no table": carry_out("ALTER TABLE queue RENAME TO gone"),
    "another condition": carry_out("ALTER TABLE ticket ADD CHECK (title <> 'x')"),
    "known rows": carry_out("ANALYZE"),
}


@pytest.fixture(scope="module")
def server(postgres_pattern: Any) -> Iterator[Postgres]:
    """A cluster that lends to nobody else."""
    with Postgres(postgres_pattern) as server:
        yield server


@pytest.mark.parametrize("deed", DEEDS)
def test_a_database_that_was_lent_is_as_a_new_one_for_the_next(server: Postgres, deed: str) -> None:
    with server.lend_database() as variables:
        DEEDS[deed](variables[URL])
    with server.lend_database() as variables:
        assert state_of(variables[URL]) == state_of(server.copy_database())


def test_who_stays_longer_than_a_database_is_lent_is_cut_off_and_does_not_find_it_again(server: Postgres) -> None:
    with server.lend_database() as variables:
        left = psycopg.connect(variables[URL])
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    with server.lend_database(), pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(variables[URL])


def test_who_connects_again_and_again_keeps_no_database_from_being_lent(server: Postgres) -> None:
    over = Event()

    def connect_again() -> None:
        while not over.is_set():
            with suppress(psycopg.OperationalError), psycopg.connect(variables[URL], connect_timeout=5) as connection:
                connection.execute("SELECT 1")

    with ThreadPoolExecutor(3) as pool:
        with server.lend_database() as variables:
            running = [pool.submit(connect_again) for _ in range(3)]
        over.set()
    assert [each.result() for each in running] == [None] * 3


def test_databases_that_are_lent_at_once_are_not_the_same(server: Postgres) -> None:
    with server.lend_database() as one, server.lend_database() as other:
        DEEDS["no table"](one[URL])
        assert state_of(other[URL]) == state_of(server.copy_database())


def shared_memory() -> set[int]:
    """The ids of all that is shared between processes of this machine, by System V's calls."""
    return {int(line.split()[1]) for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}


def test_a_cluster_that_nobody_needs_any_more_leaves_no_shared_memory(postgres_pattern: Any) -> None:
    with Postgres(postgres_pattern) as server:
        own = int((server._data / "postmaster.pid").read_text().splitlines()[6].split()[1])
        assert own in shared_memory()
    assert own not in shared_memory()
