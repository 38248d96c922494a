"""Mail servers that hardly answer keep nobody waiting but themselves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
from flask import Flask
from sqlalchemy import select, update

from postmaster.accounts.models import AccountState
from postmaster.database import read_session, transaction
from postmaster.ledger.models import FetchRun, RunStatus
from tests.jobs.conftest import Start, status, wait_for_tickets
from tests.servers.fixtures import TestMailbox
from tests.servers.ports import wait_until
from tests.servers.scripted import Connection, ImapServer
from tests.support import Desk, mails


def crawls(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    connection.trickle(b"x" * 100_000, pause=0.2)


@pytest.fixture
def crawlers(desk: Desk) -> Iterator[Sequence[str]]:
    """Accounts on servers that answer a login a byte at a time."""
    desk.ok("setting", "set", "SessionsPerHost", "10")
    with ExitStack() as stack:
        servers = [stack.enter_context(ImapServer({"LOGIN": crawls})) for _ in range(3)]
        credential = desk.credential("anna", "correct horse")
        yield [
            desk.add_account(
                type="IMAP", host="127.0.0.1", port=server.port, credential=credential, folder=f"INBOX/{n}"
            )
            for n, server in enumerate(servers)
        ]


def failed_runs(app: Flask) -> Sequence[FetchRun]:
    """The runs that have failed, in their order."""
    with app.app_context(), read_session() as session:
        failed = select(FetchRun).where(FetchRun.status == RunStatus.FAILED)
        return session.scalars(failed.order_by(FetchRun.started_at)).all()


def make_all_due(app: Flask) -> None:
    """Have each account fetched at once, as though its time had come."""
    with app.app_context(), transaction() as session:
        session.execute(update(AccountState).values(next_run_at=None))


@pytest.mark.parametrize("workers", [1, 2])
def test_accounts_whose_servers_crawl_never_have_all_workers(
    app: Flask, desk: Desk, mailbox: TestMailbox, crawlers: Sequence[str], start_worker: Start, workers: int
) -> None:
    worker = start_worker("--workers", str(workers))
    wait_until(lambda: len(failed_runs(app)) >= len(crawlers), "each of them to be given up", 60)
    desk.account(mailbox)
    for number in range(1, 4):
        mailbox.deliver(*mails(1))
        make_all_due(app)
        wait_for_tickets(desk, number, 20)
    wait_until(lambda: not any(row["activity"] for row in status(desk)["accounts"]), "the last run to end", 60)
    runs = failed_runs(app)
    assert {run.error["code"] for run in runs if run.error} == {"server-slow"}
    for run, following in itertools.pairwise(runs[len(crawlers) :]):
        assert run.finished_at
        assert following.started_at >= run.finished_at, "a worker should have been left to the others"
    assert worker.stop() == 0, worker.log


def test_the_schedules_own_jobs_wait_for_no_fetch(
    desk: Desk, mailbox: TestMailbox, crawlers: Sequence[str], start_worker: Start
) -> None:
    """An account that is added while all workers are busy is given its claim, which only the tick does."""
    worker = start_worker("--workers", "2")
    wait_until(lambda: states(desk).count("running") == 2, "all workers to be busy", 30)
    account = int(desk.account(mailbox))
    wait_until(
        lambda: activity(desk, account) == "queued" and states(desk).count("running") == 2, "the tick to come", 15
    )
    assert worker.stop() == 0, worker.log


def states(desk: Desk) -> Sequence[str]:
    """What goes on with the accounts."""
    return [(row["activity"] or {"state": ""})["state"] for row in status(desk)["accounts"]]


def activity(desk: Desk, account: int) -> str:
    """What goes on with one account."""
    [row] = [row for row in status(desk)["accounts"] if row["id"] == account]
    return (row["activity"] or {"state": ""})["state"]
