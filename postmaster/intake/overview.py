"""How everything stands at a glance: accounts, queues, quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.accounts.health import SCHEDULED, WORST_FIRST, Health, account_health
from postmaster.accounts.models import MailAccount
from postmaster.desk.models import Queue, Ticket
from postmaster.intake.models import Quarantine
from postmaster.system.models import Validity

UNWELL = (
    Health.FAILING,
    Health.PAUSED,
    Health.NEEDS_UPDATE,
    Health.NEEDS_CREDENTIAL,
    Health.NEEDS_CONFIRMATION,
)


@dataclass(frozen=True)
class AccountView:
    """One account. ``backlog`` counts the messages that the last run left on the server. ``next_run`` is None if the
    schedule does not fetch it as it stands, or if it is due at once; ``held`` counts what waits for a confirmation.
    """

    id: int
    label: str
    health: Health
    last_run: datetime | None
    last_success: datetime | None
    failing_since: datetime | None
    backlog: int
    next_run: datetime | None
    held: int | None
    error: str


@dataclass(frozen=True)
class QueueCount:
    """A queue with its number of tickets."""

    name: str
    tickets: int


@dataclass(frozen=True)
class Overview:
    """Accounts, worst first; queues that are valid or hold tickets; messages in quarantine."""

    accounts: Sequence[AccountView]
    queues: Sequence[QueueCount]
    quarantined: int


def look_over(session: Session) -> Overview:
    """How everything stands now, in three queries."""
    accounts = session.scalars(select(MailAccount)).unique().all()
    tickets = func.count(Ticket.id)
    counts = select(Queue.name, tickets).outerjoin(Ticket).group_by(Queue.id, Queue.name, Queue.validity)
    queues = session.execute(counts.having((tickets > 0) | (Queue.validity == Validity.VALID)).order_by(Queue.name))
    return Overview(
        accounts=sorted((_view(account) for account in accounts), key=_rank),
        queues=[QueueCount(name, count) for name, count in queues],
        quarantined=session.scalar(select(func.count()).select_from(Quarantine)) or 0,
    )


def _view(account: MailAccount) -> AccountView:
    state, health = account.state, account_health(account)
    return AccountView(
        id=account.id,
        label=account.label,
        health=health,
        last_run=state.last_run_at if state else None,
        last_success=state.last_success_at if state else None,
        failing_since=state.failing_since if state else None,
        backlog=state.backlog if state else 0,
        next_run=state.next_run_at if state and health in SCHEDULED else None,
        held=state.held_count if state and health is Health.NEEDS_CONFIRMATION else None,
        error=" ".join(filter(None, (state.error_message, state.error_advice))) if state else "",
    )


def _rank(account: AccountView) -> tuple[int, float, str]:
    moment = account.last_success.timestamp() if account.last_success else 0.0
    return WORST_FIRST.index(account.health), moment, account.label
