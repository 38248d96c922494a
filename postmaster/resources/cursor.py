"""Lists that are cut after a row, by what their rows are sorted by: never counted, and no row twice or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, false, literal, or_
from sqlalchemy.orm import Session

from postmaster.resources.listing import KeyedRows, ListFilter, Listing, SortTerm


@dataclass(frozen=True)
class Slice:
    """Some rows of a list. ``last`` is what the last of them is sorted by, None if no rows follow."""

    rows: Sequence[Row[Any]]
    last: Sequence[Any] | None


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
    terms = listing.terms(wanted.sort)
    keyed = listing.keyed(listing.query.where(*listing.conditions(wanted), *conditions), terms)
    known = KeyedRows(keyed.table, _never_null(keyed.terms))
    keys = known.sorted().limit(size + 1)
    if after is not None:
        keys = keys.where(_after(known.terms, after))
    shown = _never_null(terms)
    labelled = [term.column.label(f"term_{number}") for number, term in enumerate(shown)]
    rows = session.execute(listing.whole(keys, shown).add_columns(*labelled)).all()
    last = list(rows[size - 1][-len(shown) :]) if len(rows) > size else None
    return Slice(rows[:size], last)


def _never_null(terms: Sequence[SortTerm]) -> list[SortTerm]:
    """The same, with nothing before anything, in each database: before each term but the last, which is the id, stands
    whether there is something. What takes the place of nothing is compared with itself only.
    """
    there = [SortTerm(case((term.column.is_(None), 0), else_=1), term.descending) for term in terms[:-1]]
    return [*(each for pair in zip(there, terms, strict=False) for each in pair), terms[-1]]


def _after(terms: Sequence[SortTerm], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a row comes after the one that is sorted by ``values``."""
    condition: ColumnElement[bool] = false()
    for term, value in reversed(list(zip(terms, values, strict=True))):
        if value is None:  # whatever has nothing there as well is told apart by the terms that follow
            condition = and_(term.column.is_(None), condition)
        else:
            bound = literal(value, term.column.type)
            beyond = term.column < bound if term.descending else term.column > bound
            condition = or_(beyond, and_(term.column == bound, condition))
    return condition
