"""The clock that all processes have in common: that of the database, also where a machine's own is wrong.

A server's clock is asked again and again as connections are taken from the pool, so that to know the time costs no
query. In between, time is counted from there, which no setting of the machine's clock changes. An embedded database has
the machine's own clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app, has_app_context
from sqlalchemy import Engine, event

from postmaster.logs import Logger

# Seconds after which the server is asked again.
ASK_EVERY = 10

# Seconds by which a machine's clock may differ from the database's before somebody is told.
TOLERANCE = 5

_KEY = "postmaster-clock"

log = Logger("postmaster.clock")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the database's clock said at a moment of ``time.monotonic()``, and how far ahead the machine's own was."""

    said: datetime
    counted: float
    ahead: float


def parse_clock() -> datetime:
    """This moment in UTC, by the database's clock; by the machine's own where that is the same or was not asked yet."""
    reading = _reading()
    if reading is None:
        return datetime.now(UTC)
    return reading.said + timedelta(seconds=time.monotonic() - reading.counted)


def seconds_ahead() -> float:
    """By how much this machine's clock is ahead of the database's, as far as is certain; negative if it is behind."""
    reading = _reading()
    return reading.ahead if reading else 0.0


def _reading() -> Reading | None:
    return current_app.extensions.get(_KEY) if has_app_context() else None


def go_by(engine: Engine, readings: dict[str, Any]) -> None:
    """Read the clock of the engine's server as its connections are used; ``readings`` are the app's extensions."""
    if engine.dialect.name == "sqlite":
        return

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, _record: object, _proxy: object) -> None:
        known: Reading | None = readings.get(_KEY)
        if known is not None and time.monotonic() - known.counted < ASK_EVERY:
            return
        try:
            readings[_KEY] = _read(connection)
        except engine.dialect.loaded_dbapi.Error:
            return  # what the connection is wanted for will fail as well, and say so
        if abs(readings[_KEY].ahead) > TOLERANCE and (known is None or abs(known.ahead) <= TOLERANCE):
            log.warning("this machine's clock is wrong", seconds_ahead=round(readings[_KEY].ahead))


def _read(connection: Any) -> Reading:
    """Ask the server. Its answer is taken for the middle of the time that it took."""
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        (seconds,) = cursor.fetchone()
    counted, own = time.monotonic(), time.time()
    connection.rollback()
    way = (counted - began) / 2
    said = datetime.fromtimestamp(float(seconds) + way, UTC)
    ahead = own - said.timestamp()
    return Reading(said, counted, max(0.0, abs(ahead) - way) * (1 if ahead > 0 else -1))
