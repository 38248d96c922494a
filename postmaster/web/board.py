"""The board: how each account stands, worst first, in words that may hang on a wall.

It shows labels, counts and times, and never what mail, servers or settings say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from postmaster.accounts.health import HEALTH_LABELS, WORST_FIRST, Health
from postmaster.accounts.listing import ACCOUNTS
from postmaster.extensions import now
from postmaster.fetching.overview import AccountView, view_of
from postmaster.operations.glance import Figures, figures
from postmaster.operations.progress import Progress, progress
from postmaster.operations.verdict import Verdict, judge
from postmaster.resources.listing import ListFilter, Page
from postmaster.web.pulse import fetching, refusal_of
from postmaster.web.times import midnight


@dataclass(frozen=True)
class Tile:
    """An account; ``progress`` is there while it is queued or running, ``today`` counts what was recorded today,
    ``refusal`` says why nobody can have it fetched now.
    """

    account: AccountView
    progress: Progress | None
    today: int
    refusal: str

    @property
    def health(self) -> Health:
        """How the account stands."""
        return self.account.health


@dataclass(frozen=True)
class Board:
    """``verdict`` says what matters most. ``tiles`` are those of ``page``, worst first; ``others`` says in words how
    the accounts stand that are not among them, and is empty if all are. All is as of ``moment``.
    """

    verdict: Verdict
    tiles: Sequence[Tile]
    page: Page
    others: str
    moment: datetime


def board_of(session: Session, number: int = 1) -> Board:
    """The page ``number`` of the board as it is now: as many queries and as many tiles, however many accounts."""
    page, verdict = ACCOUNTS.page(session, ListFilter(page=number)), judge(session, fetching())
    accounts = [view_of(row[0]) for row in page.rows]
    going_on, counted = progress(session), figures(session, midnight(), [account.id for account in accounts])
    tiles = []
    for account in accounts:
        activity, recorded = going_on.get(account.id), counted.get(account.id, Figures()).recorded
        tiles.append(Tile(account, activity, recorded, refusal_of(account.health, activity)))
    others = Counter(verdict.healths) - Counter(account.health for account in accounts)
    rest = ", ".join(f"{others[health]:,} {HEALTH_LABELS[health]}" for health in WORST_FIRST if others.get(health))
    return Board(verdict, tiles, page, rest, now())
