"""What becomes of deliveries: taken, or tried again later; and how their outlets stand by that."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from postmaster.extensions import Json
from postmaster.outlets.fanout import AWAY_AFTER
from postmaster.outlets.leases import IS_OPEN
from postmaster.outlets.models import Delivery, DeliveryState, OutletState

# The wait before something is sent again that was not taken: doubled each time, up to the longest, and spread so that
# not all of them come at once. A receiver that is away is tried with one of them every few minutes.
FIRST_WAIT, LONGEST_WAIT, LONGEST_AWAY = timedelta(seconds=5), timedelta(hours=1), timedelta(minutes=5)
SPREAD = 0.2

# After so long without anything being taken, an outlet is paused.
GIVE_UP_AFTER = timedelta(days=1)
BY_WORKER = "PostMaster"

# Characters that are kept of an answer.
ANSWER_LENGTH = 2000

GONE = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt: ``taken``, the status of HTTP if there was one, and what was answered or went wrong.

    ``number`` and ``url`` are what the receiver calls it. ``wait`` is for how long it wants to be left alone.
    """

    taken: bool
    status: int | None
    text: str
    seconds: float = 0.0
    number: str | None = None
    url: str | None = None
    wait: timedelta = timedelta(0)

    def as_dict(self) -> Json:
        """The form that commands and the API answer."""
        told = {"taken": self.taken, "status": self.status, "answer": self.text}
        return told | {"seconds": round(self.seconds, 3), "number": self.number, "url": self.url}


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a delivery that was leased by ``lease``; no ``answer``: it was not tried, and waits as before."""

    delivery_id: int
    outlet_id: int
    lease: str
    answer: Answer | None


def backoff(failures: int, longest: timedelta = LONGEST_WAIT) -> timedelta:
    """How long to wait after so many failures in a row, the first one included."""
    wait = min(longest, FIRST_WAIT * (1 << min(failures - 1, 20)))
    return wait * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - no secret


def record_results(
    session: Session, results: Sequence[Result], states: Mapping[int, OutletState], moment: datetime
) -> None:
    """Write down what came of deliveries whose outlets' ``states`` are locked. The caller commits."""
    query = select(Delivery).where(Delivery.id.in_([result.delivery_id for result in results]))
    deliveries = {delivery.id: delivery for delivery in session.scalars(query)}
    for result in results:
        delivery, state = deliveries.get(result.delivery_id), states.get(result.outlet_id)
        if delivery is None or state is None or delivery.lease != result.lease:  # a replay took it away
            continue
        delivery.lease = delivery.lease_until = None
        if result.answer is None:
            delivery.state = DeliveryState.WAITING
        else:
            _record(delivery, result.answer, moment)
            _judge(session, state, delivery, result.answer, moment)


def _record(delivery: Delivery, answer: Answer, moment: datetime) -> None:
    delivery.attempts += 1
    delivery.tried_at, delivery.status, delivery.seconds = moment, answer.status, answer.seconds
    delivery.answer = answer.text[:ANSWER_LENGTH]
    if answer.taken:
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, moment
        delivery.remote_number = answer.number or delivery.remote_number
        delivery.remote_url = answer.url or delivery.remote_url
    else:
        wait = max(backoff(delivery.attempts), min(answer.wait, LONGEST_WAIT))
        delivery.state, delivery.next_at = DeliveryState.WAITING, moment + wait


def _judge(session: Session, state: OutletState, delivery: Delivery, answer: Answer, moment: datetime) -> None:
    state.last_at, state.last_status, state.last_answer = moment, answer.status, delivery.answer
    if answer.taken:
        if state.failures >= AWAY_AFTER:
            hurry(session, state.outlet_id, moment)
            state.next_at = None
        state.failures, state.last_success_at = 0, moment
        state.failed_id = state.failing_since = None
        return
    state.failing_since = state.failing_since or moment
    if state.failed_id != delivery.id:
        state.failures, state.failed_id = state.failures + 1, delivery.id
    if state.failures >= AWAY_AFTER:
        state.next_at = moment + backoff(state.failures - AWAY_AFTER + 1, LONGEST_AWAY)
    if answer.wait:
        state.next_at = max(state.next_at or moment, moment + min(answer.wait, LONGEST_WAIT))
    if answer.status == GONE:
        pause_state(state, BY_WORKER, "The receiver answered 410 Gone: it wants no more events.", moment)
    elif moment - state.failing_since >= GIVE_UP_AFTER:
        pause_state(state, BY_WORKER, "The receiver took nothing for a day.", moment)


def try_now(session: Session, state: OutletState, moment: datetime) -> None:
    """Forget that it failed: what waits is due at once, and shows how it stands. Its state is locked."""
    state.failures = 0
    state.failed_id = state.failing_since = state.next_at = None
    hurry(session, state.outlet_id, moment)


def hurry(session: Session, outlet_id: int, moment: datetime) -> None:
    """What waits is due at once."""
    session.flush()
    waiting = update(Delivery).where(Delivery.outlet_id == outlet_id, IS_OPEN, Delivery.state == DeliveryState.WAITING)
    session.execute(waiting.values(next_at=moment).execution_options(synchronize_session=False))


def pause_state(state: OutletState, actor: str, reason: str, moment: datetime) -> None:
    """Hand nothing more over until somebody resumes it."""
    if state.paused_at is None:
        state.paused_at, state.paused_by, state.paused_reason = moment, actor, reason
