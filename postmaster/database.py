"""The database: how connections behave, transactions that write, and the schema's upgrade."""

from __future__ import annotations

import atexit
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

from flask import Flask, current_app
from sqlalchemy import Connection, CursorResult, Engine, Executable, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster import clock, config, schema
from postmaster.config import Environment
from postmaster.errors import ConfigError
from postmaster.extensions import Model, db
from postmaster.logs import Logger
from postmaster.schema import MIGRATIONS

log = Logger("postmaster.database")

T = TypeVar("T")

# Those that are closed when the process ends. The last connection to close takes SQLite's log back into the file, so
# that whoever copies the file between two commands has all of it.
_engines: WeakSet[Engine] = WeakSet()

# What PostgreSQL calls a deadlock (its manual, appendix A).
DEADLOCK = "40P01"

# Seconds that a writer waits for another one.
BUSY_TIMEOUT = 30

# FULL: a commit that a power cut takes back after the server deleted the mail would lose it. The page size and the
# rarer checkpoints suit rows that carry whole messages (measured: 111 instead of 278 µs a message).
SQLITE_PRAGMAS = (
    "PRAGMA page_size = 16384",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}",
    "PRAGMA wal_autocheckpoint = 4000",
)


def engine_options(environment: Environment) -> dict[str, Any]:
    """Options for ``create_engine``. Threads that fetch accounts side by side need a connection each."""
    if environment.database_url.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_TIMEOUT}, "pool_size": 20, "max_overflow": 20}
    return {
        "connect_args": {"client_encoding": "utf8"},  # whatever the server or the role would like better
        "pool_pre_ping": True,
        "pool_size": 20,
        "max_overflow": 20,
    }


def configure_engine(engine: Engine) -> None:
    """Make SQLite connections durable and wait for each other; other databases stay as they are."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see below
        for pragma in SQLITE_PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that starts reading and then writes fails at once if another one wrote meanwhile.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction() -> Iterator[Session]:
    """A session in one transaction that writes; committed at the end, rolled back on any error."""
    engine = db.engine.execution_options(writes=True)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def execute(
    session: Session, statement: Executable, values: Mapping[str, Any] | None = None
) -> CursorResult[*tuple[Any, ...]]:
    """Execute what is about columns and not about objects, after what waits in ``session``; in its transaction.

    The session would look for objects in it all the same, which takes longer than most statements of a batch (measured:
    43 instead of 16 µs).
    """
    session.flush()
    return session.connection().execute(statement, values)


def lock_until_end(session: Session, number: int) -> None:
    """Keep others waiting who ask for the same ``number``, until this transaction ends: an advisory lock.

    SQLite has one writer. What waits in ``session`` is not written before.
    """
    if dialect_of(session) == "postgresql":
        session.connection().execute(_LOCK, {"number": number})


_LOCK = text("SELECT pg_advisory_xact_lock(:number)")


def dialect_of(session: Session) -> str:
    """The kind of the session's database: ``sqlite`` or ``postgresql``."""
    return session.get_bind().dialect.name


def insert_into(dialect: str, model: type[Model]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what to do ON CONFLICT, in the words of that kind of database."""
    if dialect == "postgresql":
        return postgresql.insert(model)
    return sqlite.insert(model)


@contextmanager
def read_session() -> Iterator[Session]:
    """A session that only reads, closed at the end."""
    with Session(db.engine, expire_on_commit=False) as session:
        yield session


def prepare_database() -> None:
    """Make sure of the schema: create or upgrade an embedded database, check any other one.

    Raises ConfigError when a database given by URL is out of reach or its schema is not up to date, and when any
    database has a schema that this version does not know.
    """
    if current_app.extensions.get("postmaster-database-ready"):
        return
    environment = config.current()
    try:
        if environment.embedded:
            _upgrade_embedded(environment)
        elif not _is_current():
            raise ConfigError(
                "schema-outdated",
                "The database's tables are not those of this version.",
                "Run: flask db upgrade",
            )
    except DBAPIError as error:
        raise database_away(error) from error
    current_app.extensions["postmaster-database-ready"] = True


@contextmanager
def migrating() -> Iterator[Connection]:
    """The connection over which the schema is changed; the caller commits.

    Raises ConfigError if the database is out of reach, refuses a change, could not hold every letter of a mail, or has
    a schema that this version does not know.
    """
    try:
        engine = db.engine.execution_options(writes=True)
        with engine.connect() as connection, schema.tables_apart(connection):
            _check_encoding(connection)
            schema.revision_of(connection)
            schema.renumber(connection)
            yield connection
    except DBAPIError as error:
        raise database_away(error) from error


def _check_encoding(connection: Connection) -> None:
    """In a PostgreSQL database of LATIN1 or the like, a mail with an emoji could not be stored."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise ConfigError(
            "database-encoding",
            f"The database's encoding is {encoding}, and mail needs UTF8.",
            "Create it again with: createdb --encoding=UTF8 --locale=C.UTF-8 --template=template0",
        )


def once_more_after_deadlock(work: Callable[[], T]) -> T:
    """What ``work`` returns, which is one transaction. It is done again if PostgreSQL ends it so that another one,
    which waited for it in a circle, can go on.
    """
    try:
        return work()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != DEADLOCK:
            raise
        log.info("a transaction is done again, after a deadlock", error=database_message(error))
    return work()


def database_message(error: Exception) -> str:
    """What the database said, in a line of at most 500 characters, without the row that it minds: that may be mail."""
    said = getattr(error, "orig", None) or error
    flaw = getattr(getattr(said, "diag", None), "message_primary", None)
    return " ".join(str(flaw or said).split())[:500]


def database_away(error: DBAPIError) -> ConfigError:
    """What to say when the database does not answer. The address is left out: it may hold a password."""
    return ConfigError(
        "database-away",
        f"The database cannot be used ({database_message(error)}).",
        "Check that it runs, POSTMASTER_DATABASE_URL, and that there is space on the disk.",
    )


def _is_current() -> bool:
    with db.engine.connect() as connection:
        return schema.revision_of(connection) == schema.head()


def _upgrade_embedded(environment: Environment) -> None:
    lock = os.open(environment.data_dir / "upgrade.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands that start at once: the second finds it done
        # Never open the file of a database that is in use: to close it again releases all locks that this process has
        # on it (fcntl(2)), and then the next process to end takes the write-ahead log away from under it.
        if not environment.database_file.exists():
            os.close(os.open(environment.database_file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        if not _is_current():
            from alembic import command
            from alembic.config import Config

            command.upgrade(Config(str(MIGRATIONS / "alembic.ini")), "head")
    finally:
        os.close(lock)


def init_app(app: Flask) -> None:
    """Give the app its database, with connections as they must be."""
    environment = config.of(app)
    app.config["SQLALCHEMY_DATABASE_URI"] = environment.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(environment)
    db.init_app(app)
    with app.app_context():
        configure_engine(db.engine)
        _engines.add(db.engine)
        clock.go_by(db.engine, app.extensions)


def _close_databases() -> None:
    for engine in _engines:
        engine.dispose()


atexit.register(_close_databases)
