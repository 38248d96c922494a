"""What the tests of outlets share: an outlet on a real receiver, events, and the loop that delivers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.outbox.models import Event, EventType
from postmaster.outlets import delivering, results
from postmaster.outlets.delivering import Deliverer
from postmaster.outlets.models import Delivery, Outlet
from tests.servers.receiver import EventReceiver
from tests.support import Desk

SECRET = "whsec_" + "c2VjcmV0" * 5 + "MTIz"


@dataclass
class Outlets:
    """The app's outlets, and what is on its way to them."""

    app: Flask
    desk: Desk

    def add(self, receiver: EventReceiver, name: str = "desk", **options: object) -> str:
        """Add an outlet with ``SECRET``; returns its id. A list is an option that is given several times."""
        words = ["outlet", "add", "--name", name, "--url", receiver.url, "--secret-stdin"]
        for option, value in options.items():
            for each in value if isinstance(value, list) else [value]:
                words += [f"--{option.replace('_', '-')}", str(each)]
        return self.desk.ok(*words, input=SECRET).stdout.strip()

    def happen(
        self, *tickets: int, type_: EventType = EventType.TICKET_CHANGED, queue_id: int | None = None, **more: Any
    ) -> list[str]:
        """Have an event happen to each of ``tickets``, in this order; returns their keys."""
        with self.app.app_context(), transaction() as session:
            rows = [
                Event(
                    key=f"evt_{number}_{ticket}_{now().timestamp():.6f}"[:32],
                    type=type_,
                    created_at=now(),
                    ticket_id=ticket or None,
                    queue_id=queue_id,
                    data={"changes": {"about": [None, ticket]}},
                    **more,
                )
                for number, ticket in enumerate(tickets)
            ]
            for row in rows:
                session.add(row)
                session.flush()
            return [row.key for row in rows]

    @contextmanager
    def delivering(self) -> Iterator[Deliverer]:
        """Deliver as the worker does, until the block ends."""
        stopping = threading.Event()
        deliverer = Deliverer(stopping)

        def run() -> None:
            with self.app.app_context():
                deliverer.run()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield deliverer
        finally:
            stopping.set()
            thread.join(30)
            assert not thread.is_alive()

    def deliveries(self, **columns: Any) -> list[Delivery]:
        """The deliveries, in the order of events."""
        with self.app.app_context(), read_session() as session:
            query = select(Delivery).filter_by(**columns).order_by(Delivery.outlet_id, Delivery.event_id)
            return list(session.scalars(query))

    def outlet(self, name: str = "desk") -> Outlet:
        """The outlet of that name."""
        with self.app.app_context(), read_session() as session:
            return session.scalars(select(Outlet).where(Outlet.name == name)).unique().one()

    def shown(self, name: str = "desk") -> Any:
        """``flask outlet show --json``."""
        return self.desk.ok("outlet", "show", name, "--json").json


@pytest.fixture
def outlets(app: Flask, desk: Desk) -> Outlets:
    """The app's outlets."""
    desk.ok("outlet", "list")
    return Outlets(app, desk)


@pytest.fixture
def receiver() -> Iterator[EventReceiver]:
    """A receiver that takes everything."""
    with EventReceiver() as server:
        yield server


@pytest.fixture
def new_receiver() -> Iterator[Callable[..., EventReceiver]]:
    """Receivers that end with the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(EventReceiver(*arguments, **options))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of a delivery that failed, a hundred times as short."""
    monkeypatch.setattr(results, "FIRST_WAIT", results.FIRST_WAIT / 100)
    monkeypatch.setattr(results, "LONGEST_AWAY", results.LONGEST_AWAY / 1000)
    monkeypatch.setattr(delivering, "IDLE_SECONDS", 0.05)
