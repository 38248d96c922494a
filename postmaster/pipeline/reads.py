"""What was read before a decision, so that it can be read again: nothing has changed if it is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.orm import Session

from postmaster.database import execute


class Reads:
    """Queries, with what they found."""

    def __init__(self) -> None:
        self._made: list[tuple[Executable, Mapping[str, Any], Sequence[Any]]] = []

    def rows(self, session: Session, query: Executable, values: Mapping[str, Any]) -> Sequence[Any]:
        """What ``query`` finds."""
        rows = execute(session, query, values).all()
        self._made.append((query, values, rows))
        return rows

    def hold(self, connection: Connection) -> bool:
        """Whether all of them find the same again, in whatever order."""
        return all(
            sorted(map(repr, connection.execute(query, values).all())) == sorted(map(repr, rows))
            for query, values, rows in self._made
        )
