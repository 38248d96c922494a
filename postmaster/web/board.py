"""The board: how each account stands, worst first, in words that may hang on a wall.

It shows labels, counts and times, and never what mail, servers or settings say.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from postmaster.accounts.columns import health_column
from postmaster.accounts.health import HEALTH_LABELS, UNWELL, WORST_FIRST, Health
from postmaster.accounts.listing import ACCOUNTS
from postmaster.accounts.sealing import finding_unopened_once
from postmaster.extensions import now
from postmaster.ledger.hourly_counts import mails_of_queue
from postmaster.operations.today import Hours, Today, today
from postmaster.operations.verdict import Verdict, judge
from postmaster.resources.listing import ListFilter, Listing, Page
from postmaster.system.settings import keep_settings
from postmaster.web.badges import HEALTH_BADGES
from postmaster.web.pulse import fetching
from postmaster.web.tiles import AccountNow, Arrangement, Tile, arrange, standings, tiles_of


@dataclass(frozen=True)
class Board:
    """``verdict`` says what matters most, ``today`` the figures of the day, ``hours`` how much mail came in.

    ``accounts`` are those of ``page``, worst first; ``tiles`` are theirs, but for those that ``arrangement`` keeps.
    ``others`` says in words how the accounts stand that are not among them, and is empty if all are. All is as of
    ``moment``.
    """

    verdict: Verdict
    today: Today
    hours: Hours
    accounts: Sequence[AccountNow]
    tiles: Sequence[Tile]
    arrangement: Arrangement
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


def board_of(
    session: Session,
    number: int = 1,
    most: int | None = None,
    only: Collection[Health] = (),
    shown: Mapping[int, str] | None = None,
) -> Board:
    """The page ``number`` of the board as it is now, ``most`` accounts of it at most; of those that stand like one of
    ``only``, or of all. As many queries and as many tiles, however many accounts.

    Nothing more is asked of tiles that are ``shown`` already, which are given with their marks.
    """
    keep_settings(session)
    with finding_unopened_once(session):
        verdict = judge(session, fetching(session))
        page = _listing(only).page(session, ListFilter(page=number))
    accounts = [row[0] for row in page.rows][:most]
    standing = standings(session, accounts)
    arrangement = arrange(shown or {}, standing)
    chosen = [place for place, each in enumerate(standing) if each.account.id not in arrangement.kept]
    tiles = tiles_of(session, [accounts[place] for place in chosen], [standing[place] for place in chosen])
    hours = mails_of_queue(session)
    others = _others(verdict, standing)
    return Board(verdict, today(session, verdict, hours), hours, standing, tiles, arrangement, page, others, now())


def _others(verdict: Verdict, shown: Sequence[AccountNow]) -> str:
    others = Counter(verdict.healths) - Counter(each.health for each in shown)
    return ", ".join(f"{others[health]:,} {HEALTH_LABELS[health]}" for health in WORST_FIRST if others.get(health))


def _listing(only: Collection[Health]) -> Listing:
    if not only:
        return ACCOUNTS
    return dataclasses.replace(ACCOUNTS, query=ACCOUNTS.query.where(health_column().in_([each.value for each in only])))
