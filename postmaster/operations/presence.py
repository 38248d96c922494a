"""Who is alive: each process of the worker says so in the database, so that pages and commands know without Redis."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from postmaster.database import insert_into
from postmaster.extensions import now
from postmaster.operations.models import LivingProcess, ProcessRole, Turn

# How often a process says that it lives, and after how long a silent one counts as dead.
BEAT_SECONDS = 15
DEAD_AFTER = timedelta(seconds=60)

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

    @property
    def name(self) -> str:
        """Unlike that of any other process there ever was."""
        return f"{self.role.value}/{self.host}/{self.pid}/{self.started_at.timestamp():.3f}"


def tell_alive(session: Session, presence: Presence, trouble: str = "") -> None:
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
        )
    )


def tell_gone(session: Session, presence: Presence) -> None:
    """Say that the process ends. The caller commits."""
    session.execute(delete(LivingProcess).where(LivingProcess.name == presence.name))


def living(session: Session) -> Sequence[LivingProcess]:
    """The processes that live. One whose last word lies in the future spoke before the clock was set back."""
    moment = now()
    spoke_lately = LivingProcess.seen_at.between(moment - DEAD_AFTER, moment + DEAD_AFTER)
    return session.scalars(select(LivingProcess).where(spoke_lately).order_by(LivingProcess.name)).all()


def forget_dead(session: Session) -> None:
    """Take processes off the list that died long ago. The caller commits."""
    session.execute(delete(LivingProcess).where(LivingProcess.seen_at < now() - FORGOTTEN_AFTER))


def take_turn(session: Session, name: str, every: timedelta) -> bool:
    """Whether it is this process that does ``name`` now; so that of many at once only one does. The caller commits."""
    moment = now()
    session.execute(insert_into(session, Turn).values(name=name, taken_at=NEVER).on_conflict_do_nothing())
    turn = session.scalars(select(Turn).where(Turn.name == name).with_for_update()).one()
    if moment - every < turn.taken_at <= moment:
        return False
    turn.taken_at = moment
    return True
