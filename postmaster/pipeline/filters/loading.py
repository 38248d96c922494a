"""The valid filters, compiled once and kept until one of them changes, and what is written down of slow ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from postmaster.database import execute
from postmaster.extensions import now
from postmaster.logs import Logger
from postmaster.pipeline.filters.compiling import ALL_BYTES
from postmaster.pipeline.filters.matching import CompiledFilter, Trial
from postmaster.pipeline.filters.models import FilterAccount, PostmasterFilter
from postmaster.pipeline.filters.patterns import match_condition, not_match_condition, setting, weigh
from postmaster.resources.models import Validity
from postmaster.resources.readers import InvalidValue

log = Logger("postmaster.filters")

_KEPT = "postmaster-filters"

# One statement on both databases, so that two workers at once do not get into each other's way.
_COUNT_SLOW = text(
    "INSERT INTO filter_state (filter_id, slow_count, last_slow_at) VALUES (:id, :count, :moment) "
    "ON CONFLICT (filter_id) DO UPDATE SET slow_count = filter_state.slow_count + excluded.slow_count, "
    "last_slow_at = excluded.last_slow_at"
)

_STAMP = (
    select(PostmasterFilter.id, PostmasterFilter.revision, PostmasterFilter.changed_at, FilterAccount.account_id)
    .outerjoin(FilterAccount, FilterAccount.filter_id == PostmasterFilter.id)
    .where(PostmasterFilter.validity == Validity.VALID)
    .order_by(PostmasterFilter.id, FilterAccount.account_id)
)


@dataclass(frozen=True)
class _Kept:
    """Compiled filters, and what of the tables they were made of."""

    stamp: Sequence[Any]
    filters: Sequence[CompiledFilter]


def load_filters(session: Session) -> Sequence[CompiledFilter]:
    """The valid filters in ASCII order of their names. One small query, as long as none of them has changed."""
    kept: _Kept | None = current_app.extensions.get(_KEPT)
    stamp = execute(session, _STAMP).all()
    if kept is None or kept.stamp != stamp:
        kept = _Kept(stamp, _compile_all(session))
        current_app.extensions[_KEPT] = kept
    return kept.filters


def _compile_all(session: Session) -> list[CompiledFilter]:
    rows = session.scalars(select(PostmasterFilter).where(PostmasterFilter.validity == Validity.VALID)).unique()
    budget = ALL_BYTES
    filters = []
    for row in sorted(rows, key=lambda row: row.name):
        weight, found = _usable(row, budget)
        budget -= weight
        filters.append(found)
    return filters


def _usable(row: PostmasterFilter, budget: int) -> tuple[int, CompiledFilter]:
    """``row`` and what it takes; a flawed one if it cannot be compiled in ``budget`` bytes: all others go on."""
    try:
        return _weight_of(row, budget), compiled(row)
    except InvalidValue as flaw:
        log.warning("a filter cannot be used", filter=row.name, flaw=flaw.flaw)
        words = f"{flaw.flaw}. {flaw.advice}".strip()
        return 0, CompiledFilter(row.id, row.name, stop=False, conditions=(), settings=(), flaw=words)


def _weight_of(row: PostmasterFilter, budget: int) -> int:
    """How many bytes its patterns take. Raises InvalidValue at the first that takes too much, by itself or with those
    before it: the others do not matter then, and to weigh one may take a second.
    """
    weight = 0
    for condition in (*row.match, *row.not_match):
        weight += weigh(condition)
        if weight > budget:
            raise InvalidValue("takes more memory than the filters before it left", "Make its patterns smaller.")
    return weight


def compiled(row: PostmasterFilter) -> CompiledFilter:
    """``row``, ready to be used."""
    return CompiledFilter(
        id=row.id,
        name=row.name,
        stop=row.stop,
        conditions=(*map(match_condition, row.match), *map(not_match_condition, row.not_match)),
        settings=tuple(map(setting, row.sets)),
        followup_field=row.followup_field or "",
        account_ids=None if row.all_accounts else frozenset(account.id for account in row.accounts),
    )


def count_slow(session: Session, trials: Iterable[Trial]) -> None:
    """Write down which filters took too long. The caller commits."""
    for filter_id, count in Counter(trial.filter.id for trial in trials if trial.slow).items():
        session.execute(_COUNT_SLOW, {"id": filter_id, "count": count, "moment": now()})
