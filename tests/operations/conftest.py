"""The app with a Redis, and a worker that works off inside this process what is queued."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.broker import QUEUES, connect
from postmaster.database import read_session, transaction
from postmaster.jobs import tasks
from postmaster.jobs.roles import FetchWorker
from tests.servers.redis import Redis
from tests.support import Desk

WorkOff = Callable[[], None]


@pytest.fixture
def environ(environ: dict[str, str], redis: Redis) -> dict[str, str]:
    """The environment of an app whose Redis is empty."""
    return {**environ, "POSTMASTER_REDIS_URL": redis.url}


@pytest.fixture
def work_off(desk: Desk, app: Flask) -> Iterator[WorkOff]:
    """``work_off()``: queue what is due, and do all that is queued, until nothing is. In the app's context."""
    desk.ok("account", "list")

    def work() -> None:
        tasks.tick()
        FetchWorker(QUEUES, connection=connect()).work(burst=True, logging_level="ERROR")

    with app.app_context():
        connect().flushall()
        yield work


def state(account: object) -> AccountState:
    """What is known of an account, by its id."""
    with read_session() as session:
        found = session.get_one(MailAccount, int(str(account))).state
        assert found is not None
        return found


def change_state(account: object, **values: object) -> None:
    """Change what is known of an account."""
    with transaction() as session:
        found = session.get_one(AccountState, int(str(account)))
        for name, value in values.items():
            setattr(found, name, value)
