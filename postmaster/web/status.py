"""The status page: how the accounts stand, and where the tickets are.

There is no sign-in yet, so it shows labels, counts and times, and never what mail, servers or settings say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.accounts.health import HEALTH_LABELS, Health, account_health
from postmaster.accounts.models import MailAccount
from postmaster.database import reading
from postmaster.desk.models import Queue, Ticket
from postmaster.extensions import now
from postmaster.intake.models import Quarantine
from postmaster.system.models import Validity

blueprint = Blueprint("status", __name__)


@dataclass(frozen=True)
class Look:
    """How a health is shown: ``state`` and ``icon`` as in the style sheet and the sprite, and what to do about it."""

    state: str
    icon: str
    why: str = ""


# Worst first.
LOOKS: dict[Health, Look] = {
    Health.FAILING: Look("fail", "circle-x", "The last fetch failed; the next one tries again."),
    Health.PAUSED: Look("fail", "key-round", "The login was refused. Change the credential or the account."),
    Health.NEEDS_CREDENTIAL: Look("warn", "key-round", "Give the account a valid credential."),
    Health.NEVER: Look("never", "circle-dashed"),
    Health.HEALTHY: Look("ok", "circle-check"),
    Health.INVALID: Look("paused", "circle-pause"),
}
RANKS = {health: rank for rank, health in enumerate(LOOKS)}
UNWELL = (Health.FAILING, Health.PAUSED, Health.NEEDS_CREDENTIAL)


@dataclass(frozen=True)
class Tile:
    """One account. ``backlog`` counts the messages that the last run left on the server."""

    id: int
    label: str
    health: Health
    last_run: datetime | None
    last_success: datetime | None
    backlog: int

    @property
    def look(self) -> Look:
        """How it is shown."""
        return LOOKS[self.health]

    @property
    def word(self) -> str:
        """Its health in a word."""
        return HEALTH_LABELS[self.health].capitalize()


@dataclass(frozen=True)
class QueueCount:
    """A queue with its number of tickets."""

    name: str
    tickets: int


@dataclass(frozen=True)
class Overview:
    """What the page shows."""

    moment: datetime
    tiles: Sequence[Tile]
    queues: Sequence[QueueCount]
    quarantined: int

    @property
    def headline(self) -> str:
        """What matters most, in a sentence."""
        served = [tile for tile in self.tiles if tile.health is not Health.INVALID]
        unwell = [tile for tile in served if tile.health in UNWELL]
        if not self.tiles:
            return "No mail is being fetched yet"
        if unwell:
            return f"Not delivering mail: {len(unwell)} of {_accounts(len(served))}"
        return f"All is well with {_accounts(len(served))}" if served else "No account is valid"


@blueprint.get("/")
@blueprint.get("/status")
def page() -> str:
    """The page."""
    with reading() as session:
        overview = look_over(session)
    return render_template("status/page.html", overview=overview)


def look_over(session: Session) -> Overview:
    """How everything stands now."""
    accounts = session.scalars(select(MailAccount)).all()
    tiles = sorted((_tile(account) for account in accounts), key=_rank)
    tickets = func.count(Ticket.id)
    counts = select(Queue.name, tickets).outerjoin(Ticket).group_by(Queue.id, Queue.name, Queue.validity)
    queues = session.execute(counts.having((tickets > 0) | (Queue.validity == Validity.VALID)).order_by(Queue.name))
    return Overview(
        moment=now(),
        tiles=tiles,
        queues=[QueueCount(name, count) for name, count in queues],
        quarantined=session.scalar(select(func.count()).select_from(Quarantine)) or 0,
    )


def _tile(account: MailAccount) -> Tile:
    state = account.state
    return Tile(
        id=account.id,
        label=account.label,
        health=account_health(account),
        last_run=state.last_run_at if state else None,
        last_success=state.last_success_at if state else None,
        backlog=state.backlog if state else 0,
    )


def _rank(tile: Tile) -> tuple[int, float, str]:
    moment = tile.last_success.timestamp() if tile.last_success else 0.0
    return RANKS[tile.health], moment, tile.label


def _accounts(count: int) -> str:
    return "1 account" if count == 1 else f"{count} accounts"
