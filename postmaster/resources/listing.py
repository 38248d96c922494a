"""Lists as pages show them: filtered, sorted, counted and cut by the database, in one query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import CTE, ColumnElement, Row, ScalarSelect, Select, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

PAGE_SIZE = 50

# Of a filter's text; what is longer names nothing that is there.
FILTER_LENGTH, FILTER_WORDS = 200, 10

# Beyond any list, and within what databases take as an offset.
MAX_PAGE = 10**9

Column = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True)
class ListFilter:
    """What somebody asks of a list: ``sort`` is the name of a column, with a hyphen before it to turn it around.

    ``chosen`` holds a value for each of the listing's ``choices`` that is made.
    """

    text: str = ""
    sort: str = ""
    page: int = 1
    chosen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ListChoice:
    """A filter beside the text: which rows have a value, and the values with what is shown for each."""

    label: str
    condition: Callable[[str], ColumnElement[bool]]
    words: Callable[[Session], Mapping[str, str]]


@dataclass(frozen=True)
class Page:
    """One page of a list: ``found`` rows match the filter, out of ``total``."""

    rows: Sequence[Row[Any]]
    number: int
    found: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return page_count(self.found)

    @property
    def first(self) -> int:
        """The place of its first row in the list, from 1."""
        return (self.number - 1) * PAGE_SIZE + 1

    @property
    def last(self) -> int:
        """The place of its last row."""
        return self.first + len(self.rows) - 1


@dataclass(frozen=True)
class SortTerm:
    """One of the columns that rows are sorted by."""

    column: Column
    descending: bool = False

    def ordered(self) -> ColumnElement[Any]:
        """What a query is ordered by."""
        return self.column.desc() if self.descending else self.column.asc()


@dataclass(frozen=True)
class KeyedRows:
    """The ids of rows, in the column ``key`` of ``table``; ``terms`` are what they are sorted by, in columns of it."""

    table: CTE
    terms: Sequence[SortTerm]

    def sorted(self) -> Select[int]:
        """The ids in their order."""
        return select(self.table.c.key).order_by(*(term.ordered() for term in self.terms))


@dataclass(frozen=True)
class Listing:
    """How a kind of resource is listed. ``query`` gives its rows, the resource first in each; ``key`` is its id.

    The filter looks into the ``searched`` columns. ``sorts`` are the orders there are, by name; the first is the usual
    one, and decides among equals of another. ``choices`` are further filters, by name.
    """

    key: InstrumentedAttribute[int]
    query: Select[*tuple[Any, ...]]
    searched: Sequence[ColumnElement[str] | InstrumentedAttribute[str]]
    sorts: Mapping[str, Sequence[Column]]
    choices: Mapping[str, ListChoice] = field(default_factory=dict)

    def sorted_by(self, sort: str) -> str:
        """``sort`` if there is that order, else the usual one."""
        return sort if sort.removeprefix("-") in self.sorts else next(iter(self.sorts))

    def page(self, session: Session, wanted: ListFilter) -> Page:
        """The page that is wanted; the last one if there are not as many, for which the database is asked again."""
        terms = self.terms(wanted.sort)
        keyed = self.keyed(self.query.where(*self.conditions(wanted)), terms)
        found = select(func.count()).select_from(keyed.table).scalar_subquery().label("found_")
        total = self._count(self.query).label("total_")
        number = max(1, min(wanted.page, MAX_PAGE))
        shown = session.execute(self._page(keyed, terms, number).add_columns(found, total)).all()
        if shown:
            return Page(shown, number, shown[0].found_, shown[0].total_)
        counts = session.execute(select(found, total)).one()
        last = page_count(counts.found_)
        shown = session.execute(self._page(keyed, terms, last)).all() if counts.found_ else []
        return Page(shown, last, counts.found_, counts.total_)

    def _page(self, keyed: KeyedRows, terms: Sequence[SortTerm], number: int) -> Select[*tuple[Any, ...]]:
        """The rows of that page."""
        return self.whole(keyed.sorted().limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE), terms)

    def keyed(self, matches: Select[*tuple[Any, ...]], terms: Sequence[SortTerm]) -> KeyedRows:
        """The ids of ``matches`` with what they are sorted by, which is worked out once a row, however often it is
        compared: what has an offset no database takes apart.
        """
        named = {f"term_{number}": term for number, term in enumerate(terms)}
        columns = [term.column.label(name) for name, term in named.items()]
        keys = matches.with_only_columns(self.key.label("key"), *columns, maintain_column_froms=True)
        table = keys.offset(0).cte("keyed")
        return KeyedRows(table, [SortTerm(table.c[name], term.descending) for name, term in named.items()])

    def whole(self, keys: Select[int], terms: Sequence[SortTerm]) -> Select[*tuple[Any, ...]]:
        """The rows with these ids. Only they are read whole: what stands in the columns of the others is not even
        looked up.
        """
        return self.query.where(self.key.in_(keys)).order_by(*(term.ordered() for term in terms))

    def conditions(self, wanted: ListFilter) -> list[ColumnElement[bool]]:
        """Conditions of the rows that match the text and the choices of ``wanted``."""
        chosen = [self.choices[name].condition(value) for name, value in wanted.chosen.items() if name in self.choices]
        return [*matching(self.searched, wanted.text), *chosen]

    def ids(self, session: Session, wanted: ListFilter, limit: int) -> Sequence[int]:
        """The ids of the rows that match, in their order, ``limit`` of them at most."""
        query = self.query.where(*self.conditions(wanted)).with_only_columns(self.key, maintain_column_froms=True)
        return session.scalars(query.order_by(self.key).limit(limit)).all()

    def first(self, session: Session, text: str, limit: int) -> Sequence[Row[Any]]:
        """The first rows in the usual order that match ``text``, without counting any."""
        terms = self.terms("")
        keyed = self.keyed(self.query.where(*matching(self.searched, text)), terms)
        return session.execute(self.whole(keyed.sorted().limit(limit), terms)).all()

    def _count(self, query: Select[*tuple[Any, ...]]) -> ScalarSelect[int]:
        return (
            query.with_only_columns(func.count(self.key), maintain_column_froms=True).correlate(None).scalar_subquery()
        )

    def row(self, session: Session, number: int) -> Row[Any] | None:
        """The row of the resource with that id."""
        return session.execute(self.query.where(self.key == number)).first()

    def terms(self, sort: str) -> list[SortTerm]:
        """What rows are sorted by, in which no two of them are equal."""
        wanted, usual = self.sorted_by(sort), next(iter(self.sorts))
        terms = [SortTerm(column, wanted.startswith("-")) for column in self.sorts[wanted.removeprefix("-")]]
        others = self.sorts[usual] if wanted.removeprefix("-") != usual else ()
        return [*terms, *map(SortTerm, others), SortTerm(self.key)]


def page_count(rows: int) -> int:
    """How many pages ``rows`` fill."""
    return max(1, -(-rows // PAGE_SIZE))


def matching(
    columns: Sequence[ColumnElement[str] | InstrumentedAttribute[str]], text: str
) -> list[ColumnElement[bool]]:
    """Conditions that each word of ``text`` stands in one of ``columns``, case-insensitively."""
    words = text[:FILTER_LENGTH].replace("\0", "").split()[:FILTER_WORDS]
    return [
        or_(*(column.icontains(form, autoescape=True) for column in columns for form in _forms(word))) for word in words
    ]


def _forms(word: str) -> set[str]:
    """How ``word`` may be written: SQLite knows the two cases of ASCII letters only."""
    return {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
