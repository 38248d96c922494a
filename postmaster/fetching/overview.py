"""How everything stands at a glance: accounts, queues, quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from postmaster.accounts.columns import health_column
from postmaster.accounts.complaint import Complaint, complaint_of
from postmaster.accounts.health import SCHEDULED, Health, account_health
from postmaster.accounts.listing import ACCOUNTS
from postmaster.accounts.models import MailAccount
from postmaster.desk.models import Queue, Ticket
from postmaster.desk.ticket_list import StateGroup, grouped_states
from postmaster.ledger.hourly_counts import dispatched_since, midnight
from postmaster.ledger.models import Quarantine
from postmaster.resources.models import Validity

# More are not counted by queue: it takes 4 ms for each 100,000.
MANY_TICKETS = 100_000

# Of each account, worked out once: no database looks through an offset. It is the same query each time.
_HEALTHS = (
    select(health_column().label("health"))
    .select_from(MailAccount)
    .outerjoin(MailAccount.credential)
    .outerjoin(MailAccount.state)
    .offset(0)
    .subquery()
)
_COUNTED = select(_HEALTHS.c.health, func.count()).group_by(_HEALTHS.c.health)


@dataclass(frozen=True)
class AccountView:
    """One account. ``backlog`` counts the messages that were left on the server by the last run that saw the mailbox.
    ``next_run`` is None if the schedule does not fetch it as it stands, or if it is due at once; ``held`` counts what
    waits for a confirmation.
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
    complaint: Complaint | None

    @property
    def on_server(self) -> int | None:
        """How much mail waits on the server, as far as is known; None if nobody could count it."""
        return self.held or self.backlog or (0 if self.health is Health.HEALTHY else None)


@dataclass(frozen=True)
class QueueToday:
    """A queue with the messages that it got today, and its open tickets."""

    id: int
    name: str
    today: int
    open: int


@dataclass(frozen=True)
class QueueCount(QueueToday):
    """A queue with all its tickets as well; None where ``MANY_TICKETS`` are exceeded."""

    tickets: int | None


@dataclass(frozen=True)
class Overview:
    """Accounts, worst first; queues that are valid or hold tickets; messages in quarantine."""

    accounts: Sequence[AccountView]
    queues: Sequence[QueueCount]
    quarantined: int


def look_over(session: Session, most: int) -> Overview:
    """How everything stands now, in as many queries whatever there is; of the accounts, ``most`` at most."""
    accounts = [view_of(row[0]) for row in ACCOUNTS.first(session, "", most)]
    return Overview(accounts, count_tickets(session), count_waiting(session))


def view_of(account: MailAccount) -> AccountView:
    """How ``account`` stands."""
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
        complaint=complaint_of(account),
    )


def count_healths(session: Session) -> Mapping[Health, int]:
    """How many accounts stand how; only what there is."""
    return {Health(word): count for word, count in session.execute(_COUNTED)}


def queues_today(session: Session) -> Sequence[QueueToday]:
    """The queues that are valid, hold open tickets, or got mail today; closed tickets cost nothing."""
    states, mails = grouped_states(session)[StateGroup.OPEN], dispatched_since(session, midnight())
    unclosed = select(func.count()).where(Ticket.queue_id == Queue.id, Ticket.state.in_(states)).scalar_subquery()
    rows = session.execute(select(Queue.id, Queue.name, Queue.validity, unclosed).order_by(Queue.name))
    return [
        QueueToday(number, name, mails.get(number, 0), count)
        for number, name, validity, count in rows
        if validity is Validity.VALID or count or number in mails
    ]


def count_tickets(session: Session) -> Sequence[QueueCount]:
    """The queues that are valid or hold tickets. Where there were ever more than ``MANY_TICKETS``, nobody waits until
    the closed ones are counted.
    """
    holds = exists().where(Ticket.queue_id == Queue.id)
    query = select(Queue.id, Queue.name).where(or_(Queue.validity == Validity.VALID, holds)).order_by(Queue.name)
    counted = (session.scalar(select(func.max(Ticket.id))) or 0) <= MANY_TICKETS
    by_queue = select(Ticket.queue_id, func.count()).group_by(Ticket.queue_id)
    totals: dict[int, int] = dict(session.execute(by_queue).all()) if counted else {}
    days, nothing = {queue.id: queue for queue in queues_today(session)}, QueueToday(0, "", 0, 0)
    found = [(number, name, days.get(number, nothing)) for number, name in session.execute(query)]
    return [
        QueueCount(number, name, day.today, day.open, totals.get(number, 0) if counted else None)
        for number, name, day in found
    ]


def count_waiting(session: Session) -> int:
    """How many messages are in quarantine."""
    return session.scalar(select(func.count()).select_from(Quarantine)) or 0
