"""Lists that are cut by ids: newest first, and never counted, so that they stay fast however long they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from postmaster.resources.listing import PAGE_SIZE

RowT = TypeVar("RowT")

# More rows that are new are not counted.
MANY_NEW = 100
# Rows that are looked through at a time for what no index finds (measured by bench/tickets).
STRETCH = 50_000


@dataclass(frozen=True)
class KeysetPage(Generic[RowT]):
    """Some rows, newest first. ``next`` is the id before which older ones are, None if there are none.

    ``unsearched`` says that those older ones were not looked through yet.
    """

    rows: Sequence[RowT]
    next: int | None = None
    unsearched: bool = False


def count_newer(session: Session, query: Select[RowT], key: InstrumentedAttribute[int], after: int) -> int:
    """How many of the newest ``STRETCH`` rows ``query`` finds with a ``key`` above ``after``; ``MANY_NEW`` if there are
    more.
    """
    newest = session.scalar(select(func.max(key))) or 0
    newer = query.with_only_columns(key).where(key > max(after, newest - STRETCH)).limit(MANY_NEW)
    return session.scalar(select(func.count()).select_from(newer.subquery())) or 0


def keyset_page(
    session: Session, query: Select[RowT], key: InstrumentedAttribute[int], before: int, size: int = PAGE_SIZE
) -> KeysetPage[RowT]:
    """The newest rows of ``query`` whose ``key`` is below ``before``, ``size`` of them at most."""
    found = session.execute(query.add_columns(key).where(key < before).order_by(key.desc()).limit(size + 1)).all()
    shown = found[:size]
    return KeysetPage([row[0] for row in shown], shown[-1][1] if len(found) > size else None)


def stretch_page(
    session: Session,
    query: Select[RowT],
    key: InstrumentedAttribute[int],
    before: int,
    size: int = PAGE_SIZE,
    *,
    among: ColumnElement[bool] | None = None,
) -> KeysetPage[RowT]:
    """As ``keyset_page`` has it, of the newest ``STRETCH`` rows below ``before``: for conditions that no index finds,
    of which there may be none far and wide. ``among`` are those that an index finds: then so many of these rows.
    """
    floor = _floor(session, key, before, among)
    chosen = query if among is None else query.where(among)
    found = keyset_page(session, chosen.where(key >= floor), key, before, size)
    if found.next is None and _are_below(session, key, floor):
        return KeysetPage(found.rows, floor, unsearched=True)
    return found


def _floor(session: Session, key: InstrumentedAttribute[int], before: int, among: ColumnElement[bool] | None) -> int:
    """The smallest id of a stretch; 0 or less if there are no rows below it."""
    if among is None:
        newest = session.scalar(select(func.max(key)).where(key < before)) or 0
        return newest + 1 - STRETCH
    walk = select(key).where(among, key < before).order_by(key.desc())
    return session.scalar(walk.offset(STRETCH - 1).limit(1)) or 0


def _are_below(session: Session, key: InstrumentedAttribute[int], floor: int) -> bool:
    """Whether there are rows below ``floor``: where old ones are removed, ids begin high."""
    return floor > 1 and floor > (session.scalar(select(func.min(key))) or 0)
