"""The board: how each account stands, worst first, in words that may hang on a wall.

It shows labels, counts and times, and never what mail, servers or settings say.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from postmaster.accounts.columns import health_column
from postmaster.accounts.health import HEALTH_LABELS, UNWELL, WORST_FIRST, Health
from postmaster.accounts.listing import ACCOUNTS
from postmaster.accounts.models import MailAccount
from postmaster.extensions import now
from postmaster.fetching.overview import AccountView, view_of
from postmaster.ledger.hourly_counts import mails_of_queue, midnight
from postmaster.operations.glance import Figures, figures
from postmaster.operations.progress import Progress, progress
from postmaster.operations.today import Hours, Today, today
from postmaster.operations.uptime import Uptime, uptimes
from postmaster.operations.verdict import Verdict, judge
from postmaster.resources.listing import ListFilter, Listing, Page
from postmaster.web.badges import HEALTH_BADGES
from postmaster.web.pulse import fetching, refusal_of


@dataclass(frozen=True)
class Tile:
    """An account; ``progress`` is there while it is queued or running, ``today`` counts what was recorded today,
    ``refusal`` says why nobody can have it fetched now; ``uptime`` is None if it was never fetched.
    """

    account: AccountView
    progress: Progress | None
    today: int
    refusal: str
    uptime: Uptime | None

    @property
    def health(self) -> Health:
        """How the account stands."""
        return self.account.health


@dataclass(frozen=True)
class Board:
    """``verdict`` says what matters most, ``today`` the figures of the day, ``hours`` how much mail came in.

    ``tiles`` are those of ``page``, worst first; ``others`` says in words how the accounts stand that are not among
    them, and is empty if all are. All is as of ``moment``.
    """

    verdict: Verdict
    today: Today
    hours: Hours
    tiles: Sequence[Tile]
    page: Page
    others: str
    moment: datetime

    @property
    def state(self) -> str:
        """How it looks from afar: ``ok``, ``warn`` or ``fail``."""
        if self.verdict.ok:
            return "ok"
        state = fetching()
        paused = state is not None and state.pause is not None
        failing = any(HEALTH_BADGES[health].state == "fail" for health in UNWELL if self.verdict.healths.get(health))
        return "fail" if failing or self.verdict.incidents or (self.verdict.idle and not paused) else "warn"


def board_of(session: Session, number: int = 1, most: int | None = None, only: Collection[Health] = ()) -> Board:
    """The page ``number`` of the board as it is now, ``most`` tiles of it at most; of accounts that stand like one of
    ``only``, or of all. As many queries and as many tiles, however many accounts.
    """
    verdict = judge(session, fetching())
    page = _listing(only).page(session, ListFilter(page=number))
    tiles = _tiles(session, [row[0] for row in page.rows][:most])
    others = Counter(verdict.healths) - Counter(tile.health for tile in tiles)
    rest = ", ".join(f"{others[health]:,} {HEALTH_LABELS[health]}" for health in WORST_FIRST if others.get(health))
    hours = mails_of_queue(session)
    return Board(verdict, today(session, verdict, hours), hours, tiles, page, rest, now())


def _listing(only: Collection[Health]) -> Listing:
    if not only:
        return ACCOUNTS
    return dataclasses.replace(ACCOUNTS, query=ACCOUNTS.query.where(health_column().in_([each.value for each in only])))


def _tiles(session: Session, accounts: Sequence[MailAccount]) -> list[Tile]:
    ids = [account.id for account in accounts]
    going_on, counted = progress(session), figures(session, midnight(), ids)
    fetched, tiles = uptimes(session, accounts), []
    for account in accounts:
        view, activity = view_of(account), going_on.get(account.id)
        recorded = counted.get(account.id, Figures()).recorded
        refusal = refusal_of(view.health, activity)
        tiles.append(Tile(view, activity, recorded, refusal, fetched.get(account.id)))
    return tiles
