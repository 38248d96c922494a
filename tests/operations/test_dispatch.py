"""From due accounts to jobs: each once, whatever Redis keeps, loses or repeats."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from sqlalchemy import select

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.broker import DUE, REQUESTED, connect
from postmaster.database import read_session, transaction
from postmaster.jobs import tasks
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations import upkeep
from postmaster.operations.dispatch import dispatch_due
from tests.operations.conftest import WorkOff, change_state, state
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.support import Desk, expected, mails

pytestmark = pytest.mark.usefixtures("work_off")


def queued() -> list[str]:
    """The jobs that wait for a worker."""
    return [job for name in (REQUESTED, DUE) for job in Queue(name, connection=connect()).job_ids]


def runs() -> list[FetchRun]:
    """All runs there were."""
    with read_session() as session:
        return list(session.scalars(select(FetchRun).order_by(FetchRun.id)))


def test_a_tick_that_comes_many_times_at_once_queues_each_account_once(
    desk: Desk, app: Flask, mailbox: TestMailbox, other_mailbox: TestMailbox
) -> None:
    desk.account(mailbox)
    desk.account(other_mailbox)

    def tick(_: int) -> None:
        with app.app_context():
            tasks.tick()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tick, range(8)))
    assert len(queued()) == 2


def test_no_more_accounts_of_a_host_are_queued_than_may_have_sessions(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    desk.ok("setting", "set", "SessionsPerHost", "2")
    for each in (mailbox, *(new_mailbox(mailbox.server) for _ in range(4))):
        each.deliver(*mails(1))
        desk.account(each)
    tasks.tick()
    assert len(queued()) == 2
    work_off()  # a run that ends queues the next of its host
    assert [run.status for run in runs()] == [RunStatus.OK] * 5
    assert len(desk.tickets()) == 5


def test_an_extra_copy_of_a_job_ends_at_once(desk: Desk, mailbox: TestMailbox, work_off: WorkOff) -> None:
    account = int(desk.account(mailbox))
    tasks.tick()
    token = state(account).claim
    work_off()
    tasks.fetch(account, str(token))
    assert len(runs()) == 1


def test_jobs_that_redis_loses_are_queued_again(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.deliver(*mails(3))
    desk.account(mailbox)
    tasks.tick()
    connect().flushall()
    work_off()
    assert runs() == []
    monkeypatch.setattr(upkeep, "CLAIM_LASTS", upkeep.CLAIM_LASTS * 0)
    tasks.upkeep()
    work_off()
    assert desk.titles() == expected(3)


def test_an_account_whose_worker_dies_before_its_run_begins_is_due_at_once(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.deliver(*mails(3))
    account = int(desk.account(mailbox))
    tasks.tick()
    connect().flushall()
    assert tasks._take_claim(account, str(state(account).claim))
    monkeypatch.setattr(upkeep, "CLAIM_LASTS", upkeep.CLAIM_LASTS * 0)
    tasks.upkeep()
    work_off()
    assert desk.titles() == expected(3)


@pytest.mark.parametrize(
    "options",
    [("--validity", "invalid"), ("--validity", "invalid-temporarily"), ("--credential", "")],
    ids=" ".join,
)
def test_only_accounts_that_can_be_fetched_are(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff, options: tuple[str, str]
) -> None:
    account = desk.account(mailbox)
    tasks.tick()
    desk.ok("account", "set", account, *options)  # also after it was queued
    work_off()
    assert runs() == []
    assert queued() == []


def test_an_account_that_becomes_valid_is_fetched_without_a_restart(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    account = desk.account(mailbox, validity="invalid")
    work_off()
    assert runs() == []
    desk.ok("account", "set", account, "--validity", "valid")
    work_off()
    assert len(runs()) == 1


def test_a_run_whose_process_is_gone_is_closed_and_the_next_goes_on(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    mailbox.deliver(*mails(2))
    account = desk.account(mailbox)
    work_off()
    with transaction() as session:
        session.add(_running(session.get_one(MailAccount, int(account)), runs()[0].mailbox_id))
    tasks.upkeep()
    closed = runs()[-1]
    assert closed.status is RunStatus.INTERRUPTED
    assert closed.error
    assert closed.error["code"] == "run-died"
    assert state(account).next_run_at is None
    work_off()
    assert runs()[-1].status is RunStatus.OK
    assert state(account).failures == 0


def test_runs_that_die_again_and_again_are_tried_ever_less(desk: Desk, mailbox: TestMailbox, work_off: WorkOff) -> None:
    account = desk.account(mailbox)
    work_off()
    for _ in range(3):
        with transaction() as session:
            session.add(_running(session.get_one(MailAccount, int(account)), runs()[0].mailbox_id))
        upkeep.close_dead_runs()
    assert state(account).failures == 3
    assert state(account).next_run_at is not None


def _running(account: MailAccount, mailbox_id: int | None) -> FetchRun:
    """A run that has not ended, while nobody has the lease."""
    moment = account.created_at
    return FetchRun(
        account_id=account.id,
        mailbox_id=mailbox_id,
        label=account.label,
        started_by="schedule",
        started_at=moment,
        updated_at=moment,
    )


def test_without_redis_the_accounts_stay_due(desk: Desk, mailbox: TestMailbox, work_off: WorkOff) -> None:
    account = desk.account(mailbox)
    upkeep.schedule_new_accounts()
    with pytest.raises(RedisError):
        dispatch_due(Redis(unix_socket_path="/nonexistent/redis.sock"))
    assert state(account).claim is None
    work_off()
    assert len(runs()) == 1


def test_a_failure_is_tried_again_later_and_at_once_after_a_change(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    account = desk.account(mailbox, port=1)
    work_off()
    assert state(account).failures == 1
    due = state(account).next_run_at
    assert due is not None
    work_off()
    assert len(runs()) == 1
    desk.ok("account", "set", account, "--port", str(mailbox.server.port("imap")))
    work_off()
    assert [run.status for run in runs()] == [RunStatus.FAILED, RunStatus.OK]


def test_a_refused_login_is_tried_once_until_the_credential_is_changed(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    name = desk.credential(mailbox.user, "wrong")
    account = desk.account(mailbox, credential=name)
    work_off()
    change_state(account, next_run_at=None)
    work_off()
    assert len(runs()) == 1
    desk.ok("credential", "set", name, "--password-stdin", input=mailbox.password)
    work_off()
    assert [run.status for run in runs()] == [RunStatus.FAILED, RunStatus.OK]


@pytest.mark.database("sqlite")
def test_waiting_accounts_are_found_by_the_index(desk: Desk) -> None:
    desk.ok("account", "list")
    with read_session() as session:
        query = select(AccountState.account_id).where(AccountState.next_run_at <= tasks.now())
        plan = session.connection().exec_driver_sql(
            "EXPLAIN QUERY PLAN " + str(query.compile(session.get_bind(), compile_kwargs={"literal_binds": False})),
            ("2026-01-01",),
        )
        assert "ix_account_state_next_run_at" in str(plan.all())
