"""Several statements in one round trip: to PostgreSQL, which answers each of them otherwise before the next is sent.

In a transaction each is a statement of its own to the server, and sees what was committed when the one before had ended
(READ COMMITTED). SQLite is within the process, and gets them one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster.database import dialect_of

Convert = Callable[[Any], Any]

# A query with its values.
Question = tuple[Select[*tuple[Any, ...]], Mapping[str, Any]]


@contextmanager
def sent_together(session: Session) -> Iterator[None]:
    """Statements of ``session`` are sent meanwhile without waiting for what they say, which nobody may look at; so no
    object may be written by it, which would ask for its id.

    Raises DBAPIError at the end if the server minds one of them; those behind it are not carried out then.
    """
    if dialect_of(session) != "postgresql":
        yield
        return
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    with wrapping_driver_errors(connection), driver.pipeline():
        yield


def ask_together(connection: Connection, questions: Sequence[Question]) -> list[list[Any]]:
    """The rows that each query finds with its values, in the order of ``questions``. For PostgreSQL.

    Queries should be kept: how they are said is worked out once for each. Values are named, none of them is a list that
    has to be written out.
    """
    driver: Any = connection.connection.driver_connection
    worded = [(_wording(query, connection.dialect), values) for query, values in questions]
    with wrapping_driver_errors(connection):
        with driver.pipeline():
            cursors = [driver.execute(wording.text, wording.parameters(values)) for wording, values in worded]
        return [[*map(wording.row, cursor)] for (wording, _), cursor in zip(worded, cursors, strict=True)]


@contextmanager
def wrapping_driver_errors(connection: Connection) -> Iterator[None]:
    """What the driver raises when it is used directly is raised as SQLAlchemy's DBAPIError of that kind."""
    dialect = connection.dialect
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(None, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error


@dataclass(frozen=True)
class _Wording:
    """A query as the driver takes it. ``known`` are values of its own, ``outward`` and ``inward`` convert some."""

    text: str
    known: Mapping[str, Any]
    outward: Mapping[str, Convert]
    inward: Sequence[Convert | None]

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` and its own, ready for the driver."""
        given = {**self.known, **values}
        return {name: self.outward[name](value) if name in self.outward else value for name, value in given.items()}

    def row(self, found: Sequence[Any]) -> tuple[Any, ...]:
        """A row as SQLAlchemy has it."""
        pairs = zip(self.inward, found, strict=True)
        return tuple(value if convert is None else convert(value) for convert, value in pairs)


@lru_cache(maxsize=128)
def _wording(query: Select[*tuple[Any, ...]], dialect: Dialect) -> _Wording:
    compiled = query.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.literal_execute_params:
        raise AssertionError("a query that is another one with each of its values")
    senders = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
    return _Wording(
        str(compiled),
        {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
        {name: convert for name, convert in senders.items() if convert is not None},
        [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in query.selected_columns],
    )
