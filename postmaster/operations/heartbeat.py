"""Who is alive: each process of the worker says so in the database, so that pages and commands know without Redis."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from postmaster.clock import seconds_ahead
from postmaster.database import dialect_of, insert_into
from postmaster.extensions import now
from postmaster.fetching.lease import has_died, process_name
from postmaster.operations.models import ClaimedTurn, LivingProcess, ProcessRole

# How often a process says that it lives, and after how long a silent one counts as dead. Whoever asks on the same
# machine sees at once that it is gone.
BEAT_SECONDS = 10
DEAD_AFTER = timedelta(seconds=30)

# How long a silent process is kept in the list.
FORGOTTEN_AFTER = timedelta(days=1)

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Presence:
    """This process, as others see it."""

    role: ProcessRole
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    started_at: datetime = field(default_factory=now)
    process: str = field(default_factory=process_name)

    @property
    def name(self) -> str:
        """Unlike that of any other process there ever was; others read from it whether it still runs."""
        return f"{self.role.value} {self.process}"


def beat(session: Session, presence: Presence, trouble: str = "") -> None:
    """Say that the process lives, and what keeps it from its work, if anything does. The caller commits."""
    session.merge(
        LivingProcess(
            name=presence.name,
            role=presence.role,
            host=presence.host,
            pid=presence.pid,
            started_at=presence.started_at,
            seen_at=now(),
            trouble=trouble[:500],
            seconds_ahead=seconds_ahead(),
        )
    )


def deregister(session: Session, presence: Presence) -> None:
    """Say that the process ends. The caller commits."""
    session.execute(delete(LivingProcess).where(LivingProcess.name == presence.name))


def alive(session: Session) -> Sequence[LivingProcess]:
    """The processes that live. One whose last word lies in the future spoke before the clock was set back."""
    moment = now()
    spoke_lately = LivingProcess.seen_at.between(moment - DEAD_AFTER, moment + DEAD_AFTER)
    rows = session.scalars(select(LivingProcess).where(spoke_lately).order_by(LivingProcess.name))
    # One that was killed on this machine could say nothing. Its name is its role, and what tells it from all others.
    return [row for row in rows if not has_died(row.name.partition(" ")[2])]


def count_workers(session: Session) -> int:
    """How many worker processes can fetch now."""
    return sum(row.role is ProcessRole.WORKER and not row.trouble for row in alive(session))


def forget_dead(session: Session) -> None:
    """Take processes off the list that died long ago. The caller commits."""
    session.execute(delete(LivingProcess).where(LivingProcess.seen_at < now() - FORGOTTEN_AFTER))


def claim_turn(session: Session, name: str, every: timedelta) -> bool:
    """Whether it is this process that does ``name`` now; so that of many at once only one does. The caller commits."""
    moment = now()
    session.execute(
        insert_into(dialect_of(session), ClaimedTurn).values(name=name, taken_at=NEVER).on_conflict_do_nothing()
    )
    turn = session.scalars(select(ClaimedTurn).where(ClaimedTurn.name == name).with_for_update()).one()
    if moment - every < turn.taken_at <= moment:
        return False
    turn.taken_at = moment
    return True
