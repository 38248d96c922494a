"""What was read before a decision, so that it can be read again: nothing has changed if it is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from postmaster.database import execute
from postmaster.roundtrips import Question


class Reads:
    """Queries, with what they found."""

    def __init__(self) -> None:
        self._made: list[tuple[Question, Sequence[Any]]] = []

    def rows(self, session: Session, query: Select[*tuple[Any, ...]], values: Mapping[str, Any]) -> Sequence[Any]:
        """What ``query`` finds."""
        rows = execute(session, query, values).all()
        self._made.append(((query, values), rows))
        return rows

    @property
    def questions(self) -> list[Question]:
        """The queries with their values, in the order in which they were made."""
        return [question for question, _ in self._made]

    def match(self, answers: Sequence[Sequence[Any]]) -> bool:
        """Whether ``answers`` to ``questions`` are those of then, in whatever order the rows of each are."""
        return all(
            answer == then or sorted(map(repr, answer)) == sorted(map(repr, then))
            for answer, (_, then) in zip(answers, self._made, strict=True)
        )
