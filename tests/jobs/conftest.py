"""A worker with a Redis of its own, on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.servers.delay import DelayProxy
from tests.servers.fixtures import TestMailbox
from tests.servers.flask_process import FlaskProcesses
from tests.servers.ports import wait_until
from tests.servers.redis import Redis
from tests.servers.worker import Worker
from tests.support import Desk, mails

Start = Callable[..., Worker]

# How much mail shall not be taken before anybody has looked; milliseconds for a round trip to its server.
COUNT, AWAY = 120, 20


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that a test may flush and kill."""
    with Redis() as server:
        yield server


@pytest.fixture
def environ(environ: dict[str, str], own_redis: Redis) -> dict[str, str]:
    """The environment of an app with a Redis."""
    return {**environ, "POSTMASTER_REDIS_URL": own_redis.url, "POSTMASTER_WORKERS": "2"}


@pytest.fixture
def far_mail(desk: Desk, mailbox: TestMailbox) -> Iterator[None]:
    """``COUNT`` messages in ``mailbox``, and an account on it whose server is far away."""
    desk.ok("setting", "set", "FirstFetchConfirm", str(COUNT))
    mailbox.deliver(*mails(COUNT))
    behind = mailbox.server.port("imap")
    with DelayProxy(AWAY, [behind]) as proxy:
        desk.account(mailbox, port=proxy.port(behind))
        yield


@pytest.fixture
def start_worker(environ: dict[str, str], tmp_path: Path, flask_process: FlaskProcesses) -> Iterator[Start]:
    """``start_worker(*arguments)``: a worker that runs until the test ends."""
    with ExitStack() as stack:

        def start(*arguments: str, **options: bool) -> Worker:
            return stack.enter_context(Worker(environ, tmp_path, *arguments, **options, processes=flask_process))

        yield start


def status(desk: Desk) -> Any:
    """``flask status --json``."""
    return desk.ok("status", "--json").json


def all_is_well(desk: Desk) -> bool:
    """Whether the status is green."""
    now = status(desk)
    return now["worker"]["fetching"] == "active" and all(row["health"] == "healthy" for row in now["accounts"])


def wait_for_tickets(desk: Desk, count: int, seconds: float = 120) -> None:
    """Until there are ``count`` tickets."""
    wait_until(lambda: len(desk.tickets()) >= count, f"{count} tickets", seconds)
