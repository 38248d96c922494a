"""The board: how each account stands, worst first, in words that may hang on a wall.

It shows labels, counts and times, and never what mail, servers or settings say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from postmaster.accounts.health import HEALTH_LABELS, WORST_FIRST, Health
from postmaster.desk.account_list import ACCOUNTS
from postmaster.extensions import now
from postmaster.intake.overview import UNWELL, AccountView, count_healths, view_of
from postmaster.operations.glance import Figures, figures
from postmaster.operations.progress import Progress, progress
from postmaster.operations.state import Fetching
from postmaster.system.listing import Page, Wanted
from postmaster.web.pulse import fetching
from postmaster.web.times import midnight


@dataclass(frozen=True)
class Tile:
    """An account; ``progress`` is there while it is queued or running, ``today`` counts what was recorded today."""

    account: AccountView
    progress: Progress | None
    today: int

    @property
    def health(self) -> Health:
        """How the account stands."""
        return self.account.health


@dataclass(frozen=True)
class Board:
    """``headline`` says what matters most. ``tiles`` are those of ``page``, worst first; ``others`` says in words how
    the accounts stand that are not among them, and is empty if all are. All is as of ``moment``.
    """

    headline: str
    tiles: Sequence[Tile]
    page: Page
    others: str
    moment: datetime


def board_of(session: Session, number: int = 1) -> Board:
    """The page ``number`` of the board as it is now: as many queries and as many tiles, however many accounts."""
    page, healths = ACCOUNTS.page(session, Wanted(page=number)), count_healths(session)
    accounts = [view_of(row[0]) for row in page.rows]
    going_on, counted = progress(session), figures(session, midnight(), [account.id for account in accounts])
    tiles = [
        Tile(account, going_on.get(account.id), counted.get(account.id, Figures()).recorded) for account in accounts
    ]
    others = Counter(healths) - Counter(account.health for account in accounts)
    return Board(_headline(healths), tiles, page, _words(others), now())


def _headline(healths: Mapping[Health, int]) -> str:
    served = sum(healths.values()) - healths.get(Health.INVALID, 0)
    unwell = sum(healths.get(health, 0) for health in UNWELL)
    state = fetching()
    if not healths:
        return "No mail is being fetched yet"
    if state and state.late and state.fetching is Fetching.LATE:
        return (
            f"Mail is late: {state.late:,} of {_accounts(served)} {'waits' if state.late == 1 else 'wait'} for a worker"
        )
    if unwell:
        return f"Not delivering mail: {unwell:,} of {_accounts(served)}"
    if served and state and not state.ok:
        waiting = f"{_accounts(served)} {'waits' if served == 1 else 'wait'}"
        return f"{'All fetching is paused' if state.pause else 'Nobody is fetching'}: {waiting}"
    return f"All is well with {_accounts(served)}" if served else "No account is valid"


def _words(healths: Mapping[Health, int]) -> str:
    """As in "3 failing, 940 healthy"."""
    return ", ".join(f"{healths[health]:,} {HEALTH_LABELS[health]}" for health in WORST_FIRST if healths.get(health))


def _accounts(count: int) -> str:
    return "1 account" if count == 1 else f"{count:,} accounts"
