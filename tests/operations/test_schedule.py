"""When accounts are due: by the interval, after failures, and whatever the clock does."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from rq import Queue
from sqlalchemy import func, select

from postmaster.broker import CONTROL, connect
from postmaster.database import read_session
from postmaster.errors import mail_error
from postmaster.extensions import now
from postmaster.fetching.schedule import next_slot, wait_after
from postmaster.jobs import tasks
from postmaster.jobs.schedule import SCHEDULE, FetchScheduler
from postmaster.ledger.models import FetchRun
from tests.operations.conftest import WorkOff, change_state, state
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mails

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def run_count() -> int:
    """How many runs there were."""
    with read_session() as session:
        return session.scalar(select(func.count()).select_from(FetchRun)) or 0


def test_accounts_of_one_server_are_spread_over_the_interval() -> None:
    slots = sorted(next_slot(number, 10 * MINUTE, NOON) for number in range(100, 400))
    assert slots[0] > NOON
    assert slots[-1] <= NOON + 10 * MINUTE
    seconds = Counter(int((slot - NOON).total_seconds()) // 10 for slot in slots)
    assert max(seconds.values()) <= 7  # 5 on average


@pytest.mark.parametrize("minutes", [1, 7, 10, 1440])
def test_a_slot_comes_once_an_interval_and_is_the_same_after_a_restart(minutes: int) -> None:
    interval = timedelta(minutes=minutes)
    first = next_slot(42, interval, NOON)
    assert next_slot(42, interval, first) - first == interval
    assert next_slot(42, interval, first + interval * 0.9) - first == interval


@pytest.mark.parametrize(
    ("code", "interval", "waits"),
    [
        ("connect-refused", 10, [10, 20, 40, 60, 60]),
        ("connect-refused", 1, [1, 2, 4, 8, 16, 32, 60, 60]),
        ("connect-refused", 120, [120, 120]),
        ("database-away", 10, [1, 2, 4, 8, 16, 32, 60, 60]),
        ("database-away", 120, [1, 2, 4]),
        ("filters-not-compiled", 10, [1, 2]),
        ("certificate-expired", 10, [60, 60]),
        ("certificate-expired", 120, [120, 120]),
    ],
)
def test_waits_double_up_to_an_hour_and_permanent_errors_wait_that_long_at_once(
    code: str, interval: int, waits: list[int]
) -> None:
    names = ("host", "port", "names")
    error = mail_error(code, **dict.fromkeys(names, "x"))
    found = [wait_after(error, failures, interval * MINUTE) for failures in range(1, len(waits) + 1)]
    assert [wait / MINUTE for wait in found] == waits


def test_an_account_is_fetched_once_an_interval(desk: Desk, mailbox: TestMailbox, work_off: WorkOff) -> None:
    account = desk.account(mailbox)
    with time_machine.travel(NOON) as clock:
        work_off()
        first = state(account).last_run_at
        assert first
        work_off()
        assert state(account).last_run_at == first
        due = state(account).next_run_at
        assert due
        assert NOON < due <= NOON + 11 * MINUTE
        clock.move_to(due)
        mailbox.deliver(*mails(3))
        work_off()
    assert len(desk.tickets()) == 3


def test_an_interval_of_its_own_counts_and_a_change_takes_effect(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    account = desk.account(mailbox, interval=1440)
    with time_machine.travel(NOON):
        work_off()
        change_state(account, next_run_at=now() + timedelta(hours=20))
        desk.ok("account", "set", account, "--interval", "5")
        tasks.upkeep()
        due = state(account).next_run_at
        assert due
        assert now() < due <= now() + 5 * MINUTE
        desk.ok("account", "set", account, "--interval", "")
        assert desk.ok("account", "show", account, "--json").json["interval"] is None


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(minutes=-40), timedelta(days=1)])
def test_a_clock_that_is_set_neither_forgets_an_account_nor_fetches_it_twice(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff, jump: timedelta
) -> None:
    account = desk.account(mailbox)
    with time_machine.travel(NOON) as clock:
        work_off()
        clock.move_to(NOON + jump)
        tasks.upkeep()
        work_off()
        work_off()
        assert run_count() == (2 if jump > timedelta(0) else 1)
        due = state(account).next_run_at
        assert due
        assert now() < due <= now() + 11 * MINUTE, "it would be forgotten"
        clock.move_to(due)
        mailbox.deliver(*mails(2))
        work_off()
    assert len(desk.tickets()) == 2


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1)])
def test_a_clock_that_is_set_stops_no_scheduler(work_off: WorkOff, jump: timedelta) -> None:
    work_off()
    redis = connect()
    control = Queue(CONTROL, connection=redis)
    with time_machine.travel(NOON, tick=False) as clock:
        FetchScheduler(redis).enqueue_jobs()
        assert sorted(control.job_ids) == sorted(periodic.id for periodic in SCHEDULE)
        redis.delete(control.key)  # as a worker that takes them
        FetchScheduler(redis).enqueue_jobs()
        assert control.job_ids == []
        clock.move_to(NOON + jump)
        FetchScheduler(redis).enqueue_jobs()
    assert sorted(control.job_ids) == sorted(periodic.id for periodic in SCHEDULE)
