"""Accounts that wait for a worker longer than two intervals are told of: as incident, on pages, by the command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.database import read_session, transaction
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.alerting import check_now
from postmaster.operations.dispatch import FAST_SECONDS, doubtful_column, is_doubtful
from postmaster.operations.heartbeat import Presence, beat
from postmaster.operations.models import ProcessRole
from postmaster.operations.state import Fetching, fetching_state
from tests.operations.conftest import change_state
from tests.support import Desk

pytestmark = pytest.mark.usefixtures("work_off")

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def add_account(desk: Desk, name: str = "orders") -> int:
    """An account that is due since noon."""
    number = int(desk.add_account(type="IMAP", host="mail.example.com", credential=desk.credential(name, "x")))
    with transaction() as session:
        session.add(AccountState(account_id=number, next_run_at=NOON, last_success_at=NOON, last_run_at=NOON))
    return number


def incidents(desk: Desk, minutes: int, *, alive: bool = True) -> list[str]:
    """The sentences about accounts that wait, so many minutes after noon."""
    with time_machine.travel(NOON + minutes * MINUTE, tick=False):
        if alive:
            with transaction() as session:
                for role in ProcessRole:
                    beat(session, Presence(role))
        check_now()
        rows = desk.ok("alert", "list", "--json").json_lines
        with read_session() as session:
            is_late = fetching_state(session).fetching is Fetching.LATE
        assert is_late == desk.ok("status").stdout.startswith("Mail is late: ")
        told = [row["sentence"] for row in rows if "for a worker longer than two intervals" in row["sentence"]]
        assert bool(told) == is_late
        return told


def test_accounts_that_wait_longer_than_two_intervals_are_one_incident_that_names_what_holds_the_workers(
    desk: Desk,
) -> None:
    add_account(desk)
    add_account(desk, "sales")
    slow = add_account(desk, "slow")
    with transaction() as session:
        began = {"started_by": "schedule", "started_at": NOON - MINUTE, "updated_at": NOON}
        session.add(FetchRun(account_id=slow, label="slow@mail.example.com", status=RunStatus.RUNNING, **began))
    assert incidents(desk, 19) == []
    [sentence] = incidents(desk, 21)
    assert "2 accounts wait for a worker" in sentence
    assert "orders@mail.example.com, due since 2027-03-01 12:00 UTC" in sentence
    assert "slow@mail.example.com (since 11:59 UTC)" in sentence
    assert "raise POSTMASTER_WORKERS" in sentence
    with transaction() as session:
        session.query(AccountState).update({"next_run_at": NOON + 30 * MINUTE})
    assert incidents(desk, 22) == []


def test_an_interval_of_its_own_counts(desk: Desk) -> None:
    account = add_account(desk)
    desk.ok("account", "set", account, "--interval", "60")
    change_state(account, next_run_at=NOON)
    assert incidents(desk, 119) == []
    assert len(incidents(desk, 121)) == 1


def test_what_nobody_is_to_fetch_is_not_late(desk: Desk) -> None:
    invalid, refused = add_account(desk), add_account(desk, "refused")
    desk.ok("account", "set", invalid, "--validity", "invalid")
    with read_session() as session:
        revision = session.get_one(MailAccount, refused).config_revision
    change_state(refused, paused_revision=revision)
    assert incidents(desk, 300) == []


def test_neither_while_all_fetching_is_paused_nor_where_no_worker_lives_is_it_an_incident_of_its_own(
    desk: Desk,
) -> None:
    add_account(desk)
    assert incidents(desk, 30, alive=False) == []
    desk.ok("pause", "on", "--reason", "the mail server moves")
    assert incidents(desk, 30) == []


@pytest.mark.parametrize(
    ("failures", "seconds", "doubtful"),
    [(0, None, False), (0, 1.0, False), (1, 1.0, True), (0, FAST_SECONDS + 1.0, True), (3, None, True)],
)
def test_an_account_is_doubtful_whose_last_run_failed_or_was_slow(
    desk: Desk, failures: int, seconds: float | None, doubtful: bool
) -> None:
    account = add_account(desk)
    change_state(account, failures=failures, last_run_seconds=seconds)
    with read_session() as session:
        state = session.get_one(AccountState, account)
        assert is_doubtful(state) is doubtful
        assert session.query(AccountState).filter(doubtful_column()).count() == int(doubtful)
