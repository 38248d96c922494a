"""Lists that are cut after a row, by what their rows are sorted by: never counted, and no row twice or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, false, literal, or_
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from postmaster.resources.listing import ListFilter, Listing

Column = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Slice:
    """Some rows of a list. ``last`` is what the last of them is sorted by, None if no rows follow."""

    rows: Sequence[Row[Any]]
    last: Sequence[Any] | None


@dataclass(frozen=True)
class _Term:
    """One of the columns that rows are sorted by, which is never null."""

    column: Column
    descending: bool

    def order(self) -> ColumnElement[Any]:
        return self.column.desc() if self.descending else self.column.asc()

    def beyond(self, value: Any) -> ColumnElement[bool]:
        """Whether a row comes after those that have ``value``."""
        bound = literal(value, self.column.type)
        return self.column < bound if self.descending else self.column > bound

    def same(self, value: Any) -> ColumnElement[bool]:
        return self.column == literal(value, self.column.type)


def slice_of(
    session: Session,
    listing: Listing,
    wanted: ListFilter,
    after: Sequence[Any] | None,
    size: int,
    *conditions: ColumnElement[bool],
) -> Slice:
    """At most ``size`` rows of ``listing`` that match, after the one that is sorted by ``after``; ``page`` is unused.

    Raises ValueError if nothing in that order is sorted by as many values.
    """
    terms = _terms(listing, wanted.sort)
    query = listing.query.where(*listing.conditions(wanted), *conditions)
    if after is not None:
        query = query.where(_after(terms, after))
    labelled = [term.column.label(f"term_{number}") for number, term in enumerate(terms)]
    chosen = listing.cut(query, [term.order() for term in terms], size + 1)
    rows = session.execute(chosen.add_columns(*labelled)).all()
    last = list(rows[size - 1][-len(terms) :]) if len(rows) > size else None
    return Slice(rows[:size], last)


def _terms(listing: Listing, sort: str) -> list[_Term]:
    """What rows are sorted by: as ``Listing`` says, with nothing before anything, in each database."""
    wanted = listing.sorted_by(sort)
    usual = next(iter(listing.sorts))
    columns = [(column, wanted.startswith("-")) for column in listing.sorts[wanted.removeprefix("-")]]
    columns += [(column, False) for column in listing.sorts[usual] if wanted != usual]
    terms = [term for column, descending in columns for term in _never_null(column, descending)]
    return [*terms, _Term(listing.key, descending=False)]


def _never_null(column: Column, descending: bool) -> tuple[_Term, _Term]:
    """Whether there is something, and what there is; what takes the place of nothing is compared with itself only."""
    there = case((column.is_(None), 0), else_=1)
    return _Term(there, descending), _Term(column, descending)


def _after(terms: Sequence[_Term], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a row comes after the one that is sorted by ``values``."""
    condition: ColumnElement[bool] = false()
    for term, value in reversed(list(zip(terms, values, strict=True))):
        if value is None:  # whatever has nothing there as well is told apart by the terms that follow
            condition = and_(term.column.is_(None), condition)
        else:
            condition = or_(term.beyond(value), and_(term.same(value), condition))
    return condition
