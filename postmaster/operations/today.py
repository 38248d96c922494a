"""The day in a few figures: what came in beside what is usual, what waits, and for how long.

Status, the wall, ``flask status`` and the API take them from here. Mail is never counted: that was done when it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import exists, func, literal, select, union_all
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.desk.models import Article, SenderType, Ticket
from postmaster.desk.ticket_list import StateGroup, grouped_states
from postmaster.extensions import Json, iso, now
from postmaster.fetching.overview import count_waiting
from postmaster.ledger.hourly_counts import USUAL_DAYS, hour_of, midnight
from postmaster.ledger.waiting import Waited, waited_since
from postmaster.operations.verdict import Verdict

# Days that must be known before anything is called usual.
ENOUGH_DAYS = 3

Hours = Mapping[datetime, int]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The ticket that waits for an answer for the longest time."""

    number: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Today:
    """``mails`` came in since midnight; ``usual`` many had by this hour on other days, None if it is not known.

    ``open_tickets`` are all that are not closed, ``new_tickets`` those of them that nobody has touched.
    ``undelivering`` of ``accounts`` do not deliver mail. ``waited`` is None if no mail of today tells.
    """

    mails: int
    usual: int | None
    new_tickets: int
    open_tickets: int
    unanswered: Unanswered | None
    waited: Waited | None
    quarantined: int
    undelivering: int
    accounts: int

    def as_json(self) -> Json:
        """The form that ``flask status --json`` prints."""
        oldest = self.unanswered
        told = {"number": oldest.number, "created": iso(oldest.created_at)} if oldest else None
        return asdict(self) | {"unanswered": told}


def today(session: Session, verdict: Verdict, hours: Hours) -> Today:
    """The figures of this day, in as many queries whatever there is; ``hours`` are those of all mail."""
    begin, moment, states = midnight(), now(), grouped_states(session)
    by_state, fresh = _count_tickets(session, states[StateGroup.OPEN]), states[StateGroup.NEW]
    return Today(
        mails=sum(count for hour, count in hours.items() if hour >= hour_of(begin)),
        usual=usual_by(hours, moment),
        new_tickets=sum(count for state, count in by_state.items() if state in fresh),
        open_tickets=sum(by_state.values()),
        unanswered=_unanswered(session, states[StateGroup.OPEN]),
        waited=waited_since(session, begin),
        quarantined=count_waiting(session),
        undelivering=verdict.unwell,
        accounts=verdict.served,
    )


def usual_by(hours: Hours, moment: datetime) -> int | None:
    """How many messages had come in by this time of the day, on the middle one of the last seven days."""
    local = moment.astimezone(config.current().time_zone)
    begin = local.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [timedelta(days=count) for count in range(1, USUAL_DAYS + 1)]
    sums = [_between(hours, begin - day, local - day) for day in days if _is_known(hours, begin - day)]
    return round(median(sums)) if len(sums) >= ENOUGH_DAYS else None


def _between(hours: Hours, begin: datetime, end: datetime) -> float:
    """The messages from the hour of ``begin`` to ``end``; of the hour of ``end``, as large a part as of the hour."""
    first, last = hour_of(begin), hour_of(end)
    return sum(count for hour, count in hours.items() if first <= hour < last) + hours.get(last, 0) * (
        (end - last) / timedelta(hours=1)
    )


def usual_range(hours: Hours, hour: datetime) -> tuple[int, int] | None:
    """The fewest and the most messages that came in in this hour of the day on the last seven days."""
    before = [hour - timedelta(days=count) for count in range(1, USUAL_DAYS + 1)]
    counts = [hours.get(each, 0) for each in before if _is_known(hours, each)]
    return (min(counts), max(counts)) if len(counts) >= ENOUGH_DAYS else None


def _is_known(hours: Hours, moment: datetime) -> bool:
    """Whether mail was counted then: what lies before the first hour with mail, nobody knows."""
    return bool(hours) and min(hours) <= moment


def _count_tickets(session: Session, states: Sequence[str]) -> Mapping[str, int]:
    query = select(Ticket.state, func.count()).where(Ticket.state.in_(states)).group_by(Ticket.state)
    found: dict[str, int] = dict(session.execute(query).all())
    return found


def _unanswered(session: Session, states: Sequence[str]) -> Unanswered | None:
    """The oldest open ticket in which no agent has written: of the oldest of each state, which an index gives."""
    # Written out: a database looks for an index of some rows only if it sees that these are among them.
    agent = literal(SenderType.AGENT, Article.sender_type.type, literal_execute=True)
    answered = exists().where(Article.ticket_id == Ticket.id, Article.sender_type == agent)
    oldest = select(Ticket.id).where(~answered).order_by(Ticket.id).limit(1)
    each = [select(oldest.where(Ticket.state == state).subquery().c.id) for state in states]
    if not each:
        return None
    first = select(func.min(union_all(*each).subquery().c.id)).scalar_subquery()
    row = session.execute(select(Ticket.number, Ticket.created_at).where(Ticket.id == first)).first()
    return Unanswered(row.number, row.created_at) if row else None
