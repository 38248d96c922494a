"""What pages count of accounts: the mail that was recorded today, and what is in quarantine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.ledger.hourly_counts import recorded_since
from postmaster.ledger.models import Quarantine


@dataclass(frozen=True, slots=True)
class Figures:
    """How many messages were recorded since a moment, and how many are in quarantine."""

    recorded: int = 0
    quarantined: int = 0


def figures(session: Session, since: datetime, account_ids: Collection[int] | None = None) -> Mapping[int, Figures]:
    """The figures of these accounts, or of all that have some, from the hour of ``since`` on; in two queries."""
    recorded, waiting = recorded_since(session, since, account_ids), _quarantined(session, account_ids)
    return {number: Figures(recorded.get(number, 0), waiting.get(number, 0)) for number in {*recorded, *waiting}}


def _quarantined(session: Session, account_ids: Collection[int] | None) -> dict[int, int]:
    query = select(Quarantine.account_id, func.count()).where(Quarantine.account_id.is_not(None))
    if account_ids is not None:
        query = query.where(Quarantine.account_id.in_(account_ids))
    return {number or 0: count for number, count in session.execute(query.group_by(Quarantine.account_id))}
