"""The worker on PostgreSQL, which is killed and started again in the middle of a fetch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.jobs.conftest import Start, all_is_well, wait_for_tickets
from tests.servers.fixtures import TestMailbox
from tests.servers.ports import wait_until
from tests.servers.postgres import Postgres
from tests.support import Desk, expected, mails
from tests.web.conftest import add, signed_in

COUNT = 400


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A cluster that a test may kill."""
    with Postgres() as server:
        yield server


@pytest.fixture
def environ(environ: dict[str, str], own_postgres: Postgres) -> dict[str, str]:
    """The environment of an app on PostgreSQL."""
    return {**environ, "POSTMASTER_DATABASE_URL": own_postgres.create_database()}


def test_a_database_that_is_killed_in_the_middle_of_a_fetch_loses_and_doubles_nothing_and_is_missed(
    app: Flask, desk: Desk, mailbox: TestMailbox, start_worker: Start, own_postgres: Postgres
) -> None:
    desk.ok("db", "upgrade")
    desk.ok("setting", "set", "FirstFetchConfirm", str(COUNT))
    mailbox.deliver(*mails(COUNT))
    desk.account(mailbox)
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
    wait_for_tickets(desk, COUNT, 150)
    wait_until(lambda: mailbox.count() == 0, "an empty mailbox", 30)
    wait_until(lambda: all_is_well(desk), "everything to be well again", 30)
    assert desk.titles() == expected(COUNT)
    assert "Fetcher running" in client.get("/status").text
    assert worker.stop() == 0, worker.log
