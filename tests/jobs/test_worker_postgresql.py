"""The worker on PostgreSQL, which is killed and started again in the middle of a fetch."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.jobs.conftest import COUNT, Start, all_is_well, wait_for_tickets
from tests.servers.fixtures import TestMailbox
from tests.servers.flask_process import FlaskProcesses
from tests.servers.ports import wait_until
from tests.servers.postgres import Postgres
from tests.servers.worker import Worker
from tests.support import Desk, expected, mails
from tests.web.conftest import add, signed_in


@pytest.fixture
def own_postgres(postgres_pattern: Path) -> Iterator[Postgres]:
    """A cluster that a test may kill."""
    with Postgres(postgres_pattern) as server:
        yield server


@pytest.fixture
def environ(environ: dict[str, str], own_postgres: Postgres) -> dict[str, str]:
    """The environment of an app on PostgreSQL, with all tables."""
    return {**environ, "POSTMASTER_DATABASE_URL": own_postgres.copy_database()}


@pytest.mark.usefixtures("far_mail")
def test_a_database_that_is_killed_in_the_middle_of_a_fetch_loses_and_doubles_nothing_and_is_missed(
    app: Flask, desk: Desk, mailbox: TestMailbox, start_worker: Start, own_postgres: Postgres
) -> None:
    add(app, "ada")
    client = signed_in(app, "ada")
    worker = start_worker()
    wait_for_tickets(desk, 1)
    own_postgres.kill()
    assert mailbox.count() > 0
    assert desk.run("status").exit_code == 2
    page = client.get("/status")
    assert (page.status_code, "PostMaster cannot work at the moment" in page.text) == (503, True)
    assert "missing" in client.get("/readyz").text
    own_postgres.start()
    wait_until(lambda: mailbox.count() == 0, "an empty mailbox", 150)
    wait_until(lambda: all_is_well(desk), "everything to be well again")
    assert desk.titles() == expected(COUNT)
    assert "Fetcher running" in client.get("/status").text
    assert worker.stop() == 0, worker.log


def test_a_worker_that_starts_before_its_database_waits_for_it_and_then_fetches(
    desk: Desk, mailbox: TestMailbox, start_worker: Start, own_postgres: Postgres
) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox)
    own_postgres.stop()
    worker = start_worker()
    wait_until(lambda: "The database is out of reach at the moment" in worker.log, "the worker to say that it waits")
    assert "waiting for it" in worker.log
    assert "Traceback" not in worker.log
    own_postgres.start()
    wait_for_tickets(desk, 3)
    assert "The database is back" in worker.log
    assert worker.log.count("out of reach") <= 2  # away, and perhaps starting up: not a line a try
    assert worker.stop() == 0, worker.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_waits_for_its_database_ends_when_asked_to(
    start_worker: Start, own_postgres: Postgres, number: signal.Signals
) -> None:
    own_postgres.stop()
    worker = start_worker(quick=False)
    wait_until(lambda: "waiting for it" in worker.log, "the worker to say that it waits")
    worker.signal(number)
    assert (worker.wait(60), "Traceback" in worker.log) == (0, False), worker.log


def test_a_worker_whose_database_takes_the_connection_and_says_nothing_ends_when_asked_to(
    environ: dict[str, str], tmp_path: Path, flask_process: FlaskProcesses
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/desk"
        environ = {**environ, "POSTMASTER_DATABASE_URL": url}
        with Worker(environ, tmp_path, quick=False, processes=flask_process) as worker:
            silent.accept()[0].recv(100)
            worker.signal(signal.SIGTERM)
            assert worker.wait(60) == 0, worker.log


def test_a_worker_does_not_wait_for_tables_that_somebody_has_to_make(
    environ: dict[str, str], tmp_path: Path, flask_process: FlaskProcesses, own_postgres: Postgres
) -> None:
    environ = {**environ, "POSTMASTER_DATABASE_URL": own_postgres.create_database()}
    with Worker(environ, tmp_path, quick=False, processes=flask_process) as worker:
        assert worker.wait() == 2
        assert "Run: flask db upgrade" in worker.log
