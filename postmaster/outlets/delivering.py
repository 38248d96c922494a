"""Delivering: one loop that owns the database, and threads of each outlet that only send.

The loop writes down what came of deliveries, opens those of new events, leases what is due, and hands it to the threads
of its outlet. So an outlet that hangs keeps nobody waiting but itself, and however many events there are, transactions
are few.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster.database import database_message, read_session, transaction
from postmaster.extensions import now
from postmaster.logs import Logger
from postmaster.outbox.models import Event
from postmaster.outbox.reading import newest_id
from postmaster.outlets.body import bodies as event_bodies
from postmaster.outlets.fanout import fan_out, room_of
from postmaster.outlets.health import can_send
from postmaster.outlets.leases import (
    fresh_counts,
    give_back,
    has_due,
    lease_due,
    leased_here,
    lock_states,
    lost_leases,
    places,
)
from postmaster.outlets.models import Delivery, Outlet
from postmaster.outlets.results import Answer, Result, record_results
from postmaster.outlets.senders import Sender, make_sender
from postmaster.outlets.service import valid_outlets

# Threads that send to one outlet side by side.
CONNECTIONS = 8

# Seconds between two looks while there is nothing to do, after a failure, and for what died elsewhere; and how long
# what comes back is gathered, so that it is written down together.
IDLE_SECONDS, RETRY_SECONDS, RESCUE_SECONDS, GATHER_SECONDS = 1.0, 2.0, 5.0, 0.02

# How long a process that ends waits for what it is sending.
LAST_SECONDS = 10.0

GONE = Answer(True, None, "Nothing was sent: the event is not kept any more.")

log = Logger("postmaster.outlets")


class Line:
    """The way to one outlet as it was at ``revision``: its sender, and the threads that use it."""

    def __init__(self, outlet: Outlet) -> None:
        self.revision = outlet.revision
        self._closed = threading.Event()
        self._sender: Sender = make_sender(outlet)
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix=f"outlet {outlet.id}")

    def send(self, delivery: Delivery, body: str, done: queue.SimpleQueue[Result]) -> None:
        """Have it sent; what came of it is put into ``done``, also when the line was closed before its turn came."""
        number, outlet_id, lease, key = delivery.id, delivery.outlet_id, delivery.lease or "", delivery.event_key

        def work() -> None:
            answer = None if self._closed.is_set() else self._attempt(key, body)
            done.put(Result(number, outlet_id, lease, answer))

        self._threads.submit(work)

    def _attempt(self, key: str, body: str) -> Answer:
        try:
            return self._sender.send(key, body)
        except Exception as error:  # whatever it is, the others get there, and this one comes again
            log.exception("an event could not be sent", event_id=key)
            return Answer(False, None, f"It could not be sent: {type(error).__name__}.")

    def close(self) -> None:
        """Let what is being sent come to its end, and begin nothing more."""
        self._closed.set()
        self._threads.shutdown(wait=False)
        self._sender.close()


class Deliverer:
    """The loop of one process. Several share the work by leases."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._done: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._results: list[Result] = []
        self._lines: dict[int, Line] = {}
        self._under_way: dict[int, int] = defaultdict(int)
        self._rescued = 0.0

    def run(self) -> None:
        """Deliver until asked to stop; then wait a little for what is being sent."""
        while not self._stopping.is_set():
            self._gather(self._turn())
        for line in self._lines.values():
            line.close()
        ends = time.monotonic() + LAST_SECONDS
        while any(self._under_way.values()) and time.monotonic() < ends:
            self._gather(0.1)
        self._finish()

    def _turn(self) -> float:
        """One round; returns how many seconds the next one can wait for, unless something comes back."""
        try:
            self._rescue()
            due = self._due()
            if due or self._results:
                self._send(self._work(due))
        except DBAPIError as error:
            log.warning("outlets wait for the database", error=database_message(error))
            return RETRY_SECONDS
        return IDLE_SECONDS if not due else 0.0

    def _gather(self, seconds: float) -> None:
        """Wait for what comes back, at most so many seconds; and when something does, a moment for more."""
        try:
            self._take(self._done.get(timeout=seconds if seconds else GATHER_SECONDS))
        except queue.Empty:
            return
        ends = time.monotonic() + GATHER_SECONDS
        while (left := ends - time.monotonic()) > 0:
            try:
                self._take(self._done.get(timeout=left))
            except queue.Empty:
                return

    def _take(self, result: Result) -> None:
        self._results.append(result)
        self._under_way[result.outlet_id] -= 1

    def _rescue(self) -> None:
        """Give back what was leased by who died."""
        if time.monotonic() - self._rescued < RESCUE_SECONDS:
            return
        self._rescued = time.monotonic()
        with read_session() as session:
            lost = lost_leases(session, now())
        if lost:
            with transaction() as session:
                count = give_back(session, Delivery.lease.in_(lost))
            log.info("deliveries of a process that is gone are sent again", count=count)

    def _due(self) -> list[int]:
        """The outlets for which something can be opened or sent now."""
        moment = now()
        with read_session() as session:
            outlets = [outlet for outlet in valid_outlets(session) if can_send(outlet)]
            self._drop_lines({outlet.id: outlet.revision for outlet in outlets})
            if not outlets:
                return []
            newest, fresh = newest_id(session), fresh_counts(session)
            return [
                outlet.id
                for outlet in outlets
                if self._can_open(outlet, fresh, newest) or self._can_lease(session, outlet, fresh, moment)
            ]

    def _can_open(self, outlet: Outlet, fresh: Mapping[int, int], newest: int) -> bool:
        return outlet.state.cursor < newest and room_of(outlet, fresh.get(outlet.id, 0)) > 0

    def _can_lease(self, session: Session, outlet: Outlet, fresh: Mapping[int, int], moment: datetime) -> bool:
        free = places(outlet, self._under_way[outlet.id], moment)
        return free > 0 and outlet.id in fresh and has_due(session, outlet, moment)

    def _work(self, due: Sequence[int]) -> Sequence[tuple[Outlet, Sequence[Delivery]]]:
        """Write down what came back, open and lease what is due, in one transaction."""
        moment, results = now(), self._results
        with transaction() as session:
            states = lock_states(session, [*due, *(result.outlet_id for result in results)])
            record_results(session, results, states, moment)
            session.flush()
            leased = [
                (outlet, deliveries)
                for outlet in valid_outlets(session)
                if outlet.id in due and can_send(outlet) and (deliveries := self._lease(session, outlet, moment))
            ]
        self._results = []
        return leased

    def _lease(self, session: Session, outlet: Outlet, moment: datetime) -> Sequence[Delivery]:
        if (room := room_of(outlet, fresh_counts(session, outlet.id).get(outlet.id, 0))) > 0:
            fan_out(session, outlet, room, moment)
        free = places(outlet, self._under_way[outlet.id], moment)
        return lease_due(session, outlet, moment, free) if free else ()

    def _send(self, leased: Sequence[tuple[Outlet, Sequence[Delivery]]]) -> None:
        """Hand what was leased to the threads of its outlet."""
        if not leased:
            return
        with read_session() as session:
            for outlet, deliveries in leased:
                self._hand_over(outlet, deliveries, _bodies(session, outlet, deliveries))

    def _hand_over(self, outlet: Outlet, deliveries: Sequence[Delivery], texts: Mapping[int, str | Answer]) -> None:
        line = self._lines.get(outlet.id)
        if line is None:
            line = self._lines[outlet.id] = Line(outlet)
        for delivery in deliveries:
            self._under_way[outlet.id] += 1
            text = texts.get(delivery.event_id, GONE)
            if isinstance(text, str):
                line.send(delivery, text, self._done)
            else:
                self._done.put(Result(delivery.id, outlet.id, delivery.lease or "", text))

    def _drop_lines(self, revisions: Mapping[int, int]) -> None:
        """Close the lines to outlets that were changed, paused or deleted."""
        for outlet_id, line in list(self._lines.items()):
            if revisions.get(outlet_id) != line.revision:
                self._lines.pop(outlet_id).close()

    def _finish(self) -> None:
        """Write down the last results, and give back what was not sent: others, or the next one, go on with it."""
        try:
            with transaction() as session:
                states = lock_states(session, [result.outlet_id for result in self._results])
                record_results(session, self._results, states, now())
                session.flush()
                give_back(session, leased_here())
        except DBAPIError as error:
            log.warning("outlets could not write down what was sent", error=database_message(error))


def _bodies(session: Session, outlet: Outlet, deliveries: Sequence[Delivery]) -> Mapping[int, str | Answer]:
    """What is sent of each event, by its id; or why nothing can be. One that breaks does not stop the others."""
    ids = [delivery.event_id for delivery in deliveries]
    events = session.scalars(select(Event).where(Event.id.in_(ids))).all()
    try:
        return dict(event_bodies(session, events, raw_message=outlet.raw_message))
    except DBAPIError:
        raise
    except Exception:
        return {event.id: _body(session, outlet, event) for event in events}


def _body(session: Session, outlet: Outlet, event: Event) -> str | Answer:
    try:
        return event_bodies(session, [event], raw_message=outlet.raw_message)[event.id]
    except DBAPIError:
        raise
    except Exception as error:
        log.exception("an event could not be put together", event_id=event.key)
        return Answer(False, None, f"It could not be put together: {type(error).__name__}.")
