"""Mail servers that hardly answer keep nobody waiting but themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select, update

from postmaster.accounts.models import AccountState
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.ledger.models import FetchRun, RunStatus
from tests.jobs.conftest import Start, status, wait_for_tickets
from tests.jobs.fast_worker import OPENING_SECONDS
from tests.servers.fixtures import TestMailbox
from tests.servers.ports import wait_until
from tests.servers.scripted import Connection, ImapServer, ScriptedServer
from tests.support import Desk, mail, mails
from tests.turns import in_turns


def crawls(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    connection.trickle(b"x" * 100_000, pause=0.2)


def dead_servers(stack: ExitStack, count: int) -> Iterator[ScriptedServer]:
    """Servers that hardly answer, or do not at all: each at another step, in turns."""
    mail_to_read = {1: mail("never read")}
    kinds: Sequence[Callable[[], ScriptedServer]] = (
        lambda: ImapServer({"LOGIN": crawls}),
        lambda: ScriptedServer(Connection.hang),
        lambda: ImapServer({"UID FETCH": crawls}, messages=mail_to_read),
        lambda: ImapServer({"SELECT": lambda connection, _tag, _arguments: connection.hang()}),
    )
    for kind in itertools.islice(itertools.cycle(kinds), count):
        yield stack.enter_context(kind())


def add_accounts(desk: Desk, servers: Iterable[ScriptedServer]) -> Sequence[str]:
    """An account on each, all with one login."""
    desk.ok("setting", "set", "SessionsPerHost", "20")
    credential = desk.credential("anna", "correct horse")
    return [
        desk.add_account(type="IMAP", host="127.0.0.1", port=server.port, credential=credential, folder=f"INBOX/{n}")
        for n, server in enumerate(servers)
    ]


@pytest.fixture
def crawlers(desk: Desk) -> Iterator[Sequence[str]]:
    """Accounts on servers that answer a login a byte at a time."""
    with ExitStack() as stack:
        yield add_accounts(desk, [stack.enter_context(ImapServer({"LOGIN": crawls})) for _ in range(3)])


def runs_of(app: Flask, standing: RunStatus) -> Sequence[FetchRun]:
    """The runs that stand so, in their order."""
    with app.app_context(), read_session() as session:
        wanted = select(FetchRun).where(FetchRun.status == standing)
        return session.scalars(wanted.order_by(FetchRun.started_at)).all()


def make_all_due(app: Flask) -> datetime:
    """Make each account due now; returns when that was."""
    with app.app_context():
        with transaction() as session:
            session.execute(update(AccountState).values(next_run_at=None))
        return now()


def at_rest(app: Flask, account: int) -> bool:
    """Whether the account is neither queued nor being fetched. What makes it due before then is not another turn."""
    with app.app_context(), read_session() as session:
        claim = session.scalars(select(AccountState.claim).where(AccountState.account_id == account)).first()
        running = select(FetchRun.id).where(FetchRun.account_id == account, FetchRun.status == RunStatus.RUNNING)
        return claim is None and session.scalars(running).first() is None


@pytest.mark.parametrize("workers", in_turns([1, 2], "crawling"))
def test_accounts_whose_servers_crawl_never_have_all_workers(
    app: Flask, desk: Desk, mailbox: TestMailbox, crawlers: Sequence[str], start_worker: Start, workers: int
) -> None:
    worker = start_worker("--workers", str(workers))
    wait_until(lambda: len(runs_of(app, RunStatus.FAILED)) >= len(crawlers), "each of them to be given up", 60)
    healthy = int(desk.account(mailbox, interval=1440))
    wait_until(lambda: runs_of(app, RunStatus.OK), "the healthy account to have been looked at", 60)
    rounds = []
    for number in range(1, 4):
        wait_until(lambda: at_rest(app, healthy), "the account to have had its turn", 60)
        mailbox.deliver(*mails(1))
        rounds.append(make_all_due(app))
        wait_for_tickets(desk, number, 60)
    wait_until(lambda: not any(row["activity"] for row in status(desk)["accounts"]), "the last run to end", 90)
    failed, well = runs_of(app, RunStatus.FAILED), runs_of(app, RunStatus.OK)
    assert {run.error["code"] for run in failed if run.error} == {"server-slow"}
    for run, following in itertools.pairwise(failed[len(crawlers) :]):
        assert run.finished_at
        assert following.started_at >= run.finished_at, "a worker should have been left to the others"
    for due, run in zip(rounds, [next(run for run in well if run.started_at >= due) for due in rounds], strict=True):
        before = [other for other in failed if due <= other.started_at < run.started_at]
        assert len(before) <= 1, "the healthy account should have had the next free worker"
    assert worker.stop() == 0, worker.log


def test_dead_accounts_that_are_all_new_keep_a_new_healthy_one_waiting_for_their_first_seconds_only(
    app: Flask, desk: Desk, mailbox: TestMailbox, start_worker: Start
) -> None:
    """No run of a dead server may have the time that a server can take, before everybody had a short turn."""
    with ExitStack() as stack:
        dead = add_accounts(desk, dead_servers(stack, 8))
        mailbox.deliver(*mails(1))
        desk.account(mailbox)
        worker = start_worker("--workers", "2")
        wait_until(lambda: len(runs_of(app, RunStatus.OK)) == 1, "the healthy one to be fetched", 120)
        [healthy] = runs_of(app, RunStatus.OK)
        before = [run for run in runs_of(app, RunStatus.FAILED) if run.started_at < healthy.started_at]
        assert len(before) >= len(dead) - 2, "the dead ones should have been tried first, for this to prove anything"
        assert max(map(seconds, before)) < OPENING_SECONDS, [(run.label, seconds(run), run.error) for run in before]
        assert worker.stop() == 0, worker.log


def seconds(run: FetchRun) -> float:
    """How long it took."""
    assert run.finished_at
    return (run.finished_at - run.started_at).total_seconds()


def test_the_schedules_own_jobs_wait_for_no_fetch(
    app: Flask, desk: Desk, mailbox: TestMailbox, crawlers: Sequence[str], start_worker: Start
) -> None:
    """An account that is added while the only worker is busy is given its claim by the tick, before that run ends."""
    credential = desk.credential(mailbox.user, mailbox.password)
    worker = start_worker("--workers", "1")
    wait_until(lambda: len(runs_of(app, RunStatus.FAILED)) >= len(crawlers), "each of them to be given up", 60)
    seen = {run.id for run in runs_of(app, RunStatus.RUNNING)}
    wait_until(lambda: any(run.id not in seen for run in runs_of(app, RunStatus.RUNNING)), "a run to begin", 60)
    [busy] = runs_of(app, RunStatus.RUNNING)
    account = int(desk.account(mailbox, credential=credential))
    claims: list[datetime] = []
    wait_until(lambda: bool(claims.extend(claimed(app, account)) or claims), "the tick to come", 60)
    wait_until(lambda: busy.id in {run.id for run in runs_of(app, RunStatus.FAILED)}, "the run to end", 60)
    [ended] = [run for run in runs_of(app, RunStatus.FAILED) if run.id == busy.id]
    assert ended.finished_at
    assert claims[0] < ended.finished_at
    assert worker.stop() == 0, worker.log


def claimed(app: Flask, account: int) -> Sequence[datetime]:
    """When the account was queued, if it is."""
    with app.app_context(), read_session() as session:
        queued = select(AccountState.claimed_at).where(AccountState.account_id == account)
        return [moment for moment in session.scalars(queued) if moment is not None]
