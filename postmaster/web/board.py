"""The board: how each account stands, worst first, in words that may hang on a wall.

It shows labels, counts and times, and never what mail, servers or settings say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from postmaster.accounts.health import Health
from postmaster.extensions import now
from postmaster.intake.overview import UNWELL, AccountView, Overview, look_over
from postmaster.operations.glance import Figures, figures
from postmaster.operations.progress import Progress, progress
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
    """``headline`` says what matters most; ``tiles`` are worst first; all as of ``moment``."""

    headline: str
    tiles: Sequence[Tile]
    overview: Overview
    moment: datetime


def board_of(session: Session) -> Board:
    """The board as it is now, in as many queries whatever there is."""
    overview, going_on, counted = look_over(session), progress(session), figures(session, midnight())
    tiles = [
        Tile(account, going_on.get(account.id), counted.get(account.id, Figures()).recorded)
        for account in overview.accounts
    ]
    return Board(_headline(overview), tiles, overview, now())


def _headline(overview: Overview) -> str:
    served = [account for account in overview.accounts if account.health is not Health.INVALID]
    unwell = [account for account in served if account.health in UNWELL]
    state = fetching()
    if not overview.accounts:
        return "No mail is being fetched yet"
    if unwell:
        return f"Not delivering mail: {len(unwell)} of {_accounts(len(served))}"
    if served and state and not state.ok:
        return f"{'All fetching is paused' if state.pause else 'Nobody is fetching'}: {_accounts(len(served))} wait"
    return f"All is well with {_accounts(len(served))}" if served else "No account is valid"


def _accounts(count: int) -> str:
    return "1 account" if count == 1 else f"{count} accounts"
