"""Lists that are cut by ids: newest first, and never counted, so that they stay fast however long they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from postmaster.resources.listing import PAGE_SIZE

RowT = TypeVar("RowT")

# More rows that are new are not counted.
MANY_NEW = 100


@dataclass(frozen=True)
class KeysetPage(Generic[RowT]):
    """Some rows, newest first. ``next`` is the id before which older ones are, None if there are none.

    ``unsearched`` says that those older ones were not looked through yet.
    """

    rows: Sequence[RowT]
    next: int | None = None
    unsearched: bool = False


def count_some(session: Session, query: Select[RowT], key: InstrumentedAttribute[int]) -> int:
    """How many rows ``query`` finds, each with a ``key``; ``MANY_NEW`` if there are more."""
    some = query.with_only_columns(key).limit(MANY_NEW).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def keyset_page(
    session: Session, query: Select[RowT], key: InstrumentedAttribute[int], before: int, size: int = PAGE_SIZE
) -> KeysetPage[RowT]:
    """The newest rows of ``query`` whose ``key`` is below ``before``, ``size`` of them at most."""
    found = session.execute(query.add_columns(key).where(key < before).order_by(key.desc()).limit(size + 1)).all()
    shown = found[:size]
    return KeysetPage([row[0] for row in shown], shown[-1][1] if len(found) > size else None)
