"""A machine whose clock is wrong: mail is fetched as often as elsewhere, and somebody is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from postmaster import clock, create_app
from postmaster.broker import QUEUES, connect
from postmaster.config import load_environment
from postmaster.database import prepare_database, read_session, transaction
from postmaster.extensions import db, now
from postmaster.jobs import tasks
from postmaster.jobs.roles import FetchWorker
from postmaster.jobs.schedule import SCHEDULE, FetchScheduler
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.heartbeat import Presence, alive, beat, claim_turn
from postmaster.operations.incident_condition import IncidentTrouble
from postmaster.operations.incidents import open_incidents, update_incidents
from postmaster.operations.models import ProcessRole
from tests.operations.conftest import WorkOff, change_state, state
from tests.operations.test_schedule import run_count
from tests.servers.fixtures import TestMailbox
from tests.support import Desk

# An embedded database has no clock of its own.
pytestmark = pytest.mark.database("postgresql")

MINUTE = timedelta(minutes=1)

WRONG = pytest.mark.parametrize("minutes", [10, -10])


@pytest.fixture(autouse=True)
def shared_travel() -> None:
    """Here only this machine's clock is wrong."""


@contextmanager
def wrong_host(environ: dict[str, str], minutes: float) -> Iterator[Flask]:
    """A host whose clock is wrong, as one that starts: the app in its context."""
    with time_machine.travel(datetime.now(UTC) + minutes * MINUTE):
        app = create_app(load_environment(environ))
        with app.app_context():
            prepare_database()
            yield app
            db.engine.dispose()


def by_database() -> datetime:
    """What the database's clock says."""
    with read_session() as session:
        return session.execute(text("SELECT clock_timestamp()")).scalar_one()


def work_there() -> None:
    """Queue and do what is due, as ``work_off`` does here."""
    tasks.tick()
    FetchWorker(QUEUES, connection=connect()).work(burst=True, logging_level="ERROR")


@WRONG
@pytest.mark.usefixtures("work_off")
def test_now_is_what_the_database_says_from_the_first_moment_on(environ: dict[str, str], minutes: int) -> None:
    with wrong_host(environ, minutes):
        assert abs(datetime.now(UTC) - by_database()) > 9 * MINUTE
        assert abs(now() - by_database()) < timedelta(seconds=30)
        assert clock.seconds_ahead() == pytest.approx(minutes * 60, abs=30)


@pytest.mark.usefixtures("work_off")
def test_a_clock_that_is_set_while_a_process_runs_changes_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with read_session() as session:
        session.execute(text("SELECT 1"))
    with time_machine.travel(datetime.now(UTC) + 10 * MINUTE):
        assert abs(now() - by_database()) < timedelta(seconds=30)
        monkeypatch.setattr(clock, "ASK_EVERY", 0)
        assert abs(now() - by_database()) < timedelta(seconds=30)
        assert clock.seconds_ahead() == pytest.approx(600, abs=30)


@WRONG
def test_accounts_are_fetched_once_an_interval_whichever_host_it_is_that_fetches(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff, environ: dict[str, str], minutes: int
) -> None:
    account = desk.account(mailbox)
    work_off()
    due = state(account).next_run_at
    for _ in range(3):
        with wrong_host(environ, minutes):
            work_there()
        work_off()
        tasks.upkeep()
    assert run_count() == 1
    assert state(account).next_run_at == due
    change_state(account, next_run_at=now())
    with wrong_host(environ, minutes):
        work_there()
    following = state(account).next_run_at
    assert following
    assert now() < following <= now() + 11 * MINUTE
    assert run_count() == 2


@WRONG
def test_a_claim_of_one_host_is_not_taken_for_lost_by_another(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff, environ: dict[str, str], minutes: int
) -> None:
    account = desk.account(mailbox)
    work_off()
    change_state(account, claim="held", claimed_at=now())
    with wrong_host(environ, minutes):
        tasks.upkeep()
        assert state(account).claim == "held"
        change_state(account, claimed_at=now())
    tasks.upkeep()
    assert state(account).claim == "held"


@WRONG
@pytest.mark.usefixtures("work_off")
def test_hosts_see_each_other_and_take_turns(environ: dict[str, str], minutes: int) -> None:
    with transaction() as session:
        beat(session, Presence(ProcessRole.SCHEDULER, host="right", pid=1))
        assert claim_turn(session, "alerts", MINUTE)
    with wrong_host(environ, minutes), transaction() as session:
        assert [row.host for row in alive(session)] == ["right"]
        assert not claim_turn(session, "alerts", MINUTE)
        beat(session, Presence(ProcessRole.WORKER, host="wrong", pid=2))
    with read_session() as session:
        assert {row.host for row in alive(session)} == {"right", "wrong"}


@WRONG
@pytest.mark.usefixtures("work_off")
def test_schedulers_hold_one_schedule(environ: dict[str, str], minutes: int) -> None:
    def due() -> dict[bytes, float]:
        return dict(connect().zrange(FetchScheduler.scheduled_jobs_key, 0, -1, withscores=True))

    FetchScheduler(connect()).enqueue_jobs()
    before = due()
    assert len(before) == len(SCHEDULE)
    with wrong_host(environ, minutes):
        FetchScheduler(connect()).enqueue_jobs()
        assert due() == before


def troubles() -> list[IncidentTrouble]:
    """What is wrong with clocks."""
    [find] = [condition.find for condition in CONDITIONS if condition.name == "clock"]
    with read_session() as session:
        return list(find(session, now()) or ())


@pytest.mark.parametrize(("seconds", "said"), [(600, "ahead of"), (-60, "behind"), (4, ""), (0, "")])
@pytest.mark.usefixtures("work_off")
def test_a_clock_that_is_wrong_is_an_incident_until_it_is_right(
    environ: dict[str, str], seconds: int, said: str
) -> None:
    presence = Presence(ProcessRole.WORKER, host="fetcher-2", pid=2)
    with wrong_host(environ, seconds / 60), transaction() as session:
        beat(session, presence)
    found = troubles()
    assert [trouble.subject for trouble in found] == (["fetcher-2"] if said else [])
    if not said:
        return
    assert re.match(rf"The clock of fetcher-2 is \d+ s {said} the database's", found[0].sentence)
    assert "NTP: timedatectl set-ntp true" in found[0].sentence
    for clocks in (["clock"], []):
        with transaction() as session:
            update_incidents(session)
        with read_session() as session:
            names = [row.condition for row in session.scalars(open_incidents()) if row.condition == "clock"]
        assert names == clocks
        with transaction() as session:
            beat(session, presence)  # its clock was set right meanwhile


@pytest.mark.database("sqlite", "postgresql")
@pytest.mark.usefixtures("work_off")
def test_where_the_database_is_the_machine_there_is_one_clock(environ: dict[str, str]) -> None:
    with wrong_host(environ, 10) as app:
        embedded = app.config["SETTINGS"].embedded
        assert (clock.seconds_ahead() == 0) is embedded
        assert (abs(now() - datetime.now(UTC)) < timedelta(seconds=30)) is embedded


def test_without_a_database_it_is_the_machines_own_clock() -> None:
    assert abs(clock.parse_clock() - datetime.now(UTC)) < timedelta(seconds=1)
