"""Alerts: each incident is told once, and once when it is over, by mail and by webhook."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.database import read_session, transaction
from postmaster.operations.account_troubles import GROWING_RUNS
from postmaster.operations.alerting import check_in_turn, check_now
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.heartbeat import Presence, beat
from postmaster.operations.incidents import MAX_IN_FULL, deliver_alerts
from postmaster.operations.models import AlertDelivery, Incident, ProcessRole
from tests.operations.conftest import change_state
from tests.servers.alerts import SmtpServer, WebhookServer
from tests.support import Desk

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
POISON = b"Subject: \xff\r\n\r\nx"


@pytest.fixture
def environ(environ: dict[str, str], smtp: SmtpServer, webhook: WebhookServer) -> dict[str, str]:
    """The environment of an app that tells both."""
    return {
        **environ,
        "POSTMASTER_ALERT_TARGETS": f"{smtp.target} {webhook.target}",
        "POSTMASTER_PUBLIC_URL": "https://desk.example.com",
    }


@pytest.fixture
def account(desk: Desk, app: Flask) -> Iterator[str]:
    """An account that was fetched at noon; worker and scheduler live, and the clock is the test's."""
    number = desk.add_account(type="IMAP", host="mail.example.com", credential=desk.credential("orders", "x"))
    with app.app_context(), time_machine.travel(NOON, tick=False):
        with transaction() as session:
            session.add(AccountState(account_id=int(number), last_success_at=NOON))
            session.get_one(MailAccount, int(number)).created_at = NOON
        yield number


def look(minutes: int, *, alive: bool = True) -> None:
    """Look for what is wrong so many minutes after noon."""
    with time_machine.travel(NOON + timedelta(minutes=minutes), tick=False):
        if alive:
            with transaction() as session:
                for role in ProcessRole:
                    beat(session, Presence(role, "host", 1, NOON))
        assert check_in_turn()


def titles(webhook: WebhookServer) -> list[str]:
    """The titles of what the webhook was sent."""
    return [call["title"].removeprefix("PostMaster: ") for call in webhook.calls]


def test_silence_is_told_once_and_once_when_it_is_over(
    account: str, smtp: SmtpServer, webhook: WebhookServer, desk: Desk
) -> None:
    for minute in (59, 61, 63, 65):
        look(minute)
    assert titles(webhook) == ["No mail fetched"]
    [(recipients, mail)] = smtp.mails
    assert recipients == ["ops@example.org"]
    assert "No mail was fetched from orders@mail.example.com for 61 minutes" in mail.replace("=\r\n", "")
    assert f"https://desk.example.com/accounts/{account}/status" in webhook.calls[0]["message"]
    change_state(account, last_success_at=NOON + timedelta(minutes=66))
    look(67)
    look(69)
    assert titles(webhook) == ["No mail fetched", "over: No mail fetched"]
    assert len(smtp.mails) == 2
    assert desk.ok("alert", "list").stdout.startswith(
        "There is no incident yet. Fetching has stopped: 1 account is waiting."
    )
    assert len(desk.ok("alert", "list", "--all", "--json").json_lines) == 1


@pytest.mark.usefixtures("account")
def test_many_accounts_that_go_silent_at_once_are_told_in_one_message_and_so_is_that_they_are_back(
    smtp: SmtpServer, webhook: WebhookServer, desk: Desk
) -> None:
    with transaction() as session:
        for number in range(40):
            state = AccountState(last_success_at=NOON)
            credential = session.get_one(Credential, 1)
            host = f"mail{number}.example.com"
            session.add(MailAccount(type="IMAP", host=host, credential=credential, state=state, created_at=NOON))
    for minute in (61, 63):
        look(minute)
    assert titles(webhook) == ["No mail fetched (41)"]
    assert webhook.calls[0]["message"].count("No mail was fetched from") == MAX_IN_FULL
    assert "And 21 more, see: flask alert list --all" in webhook.calls[0]["message"]
    with transaction() as session:
        session.execute(update(AccountState).values(last_success_at=NOON + timedelta(minutes=64)))
    for minute in (65, 67):
        look(minute)
    assert titles(webhook)[1:] == ["over: No mail fetched (41)"]
    assert len(smtp.mails) == 2
    assert len(desk.ok("alert", "list", "--all", "--json").json_lines) == 41


def test_a_long_interval_is_no_silence(account: str, webhook: WebhookServer, desk: Desk) -> None:
    desk.ok("account", "set", account, "--interval", "60")
    look(110)
    assert titles(webhook) == []
    look(121)
    assert titles(webhook) == ["No mail fetched"]


def test_while_all_fetching_is_paused_silence_is_no_incident(account: str, webhook: WebhookServer, desk: Desk) -> None:
    desk.ok("pause", "on", "--reason", "the mail server moves")
    look(200)
    assert titles(webhook) == []


def test_a_backlog_that_grows_is_told(account: str, webhook: WebhookServer) -> None:
    change_state(account, backlog=7, backlog_growth=GROWING_RUNS - 1)
    look(1)
    assert titles(webhook) == []
    change_state(account, backlog=9, backlog_growth=GROWING_RUNS)
    look(3)
    assert titles(webhook) == ["Backlog grows"]
    assert "9 messages" in webhook.calls[0]["message"]


@pytest.mark.usefixtures("account")
def test_a_worker_and_a_scheduler_that_are_missing_are_told_after_a_restart_would_be_over(
    webhook: WebhookServer,
) -> None:
    look(1)
    for minute in (3, 4):
        look(minute, alive=False)
    assert titles(webhook) == []
    look(6, alive=False)
    assert titles(webhook) == ["Fetching has stopped", "No schedule"]
    look(8)
    assert titles(webhook)[2:] == ["over: Fetching has stopped", "over: No schedule"]


@pytest.mark.usefixtures("account")
def test_mail_in_quarantine_is_told(webhook: WebhookServer, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_raw: bytes) -> None:
        raise ValueError("a message that nobody can read")

    monkeypatch.setattr("postmaster.pipeline.arrival.parse_message", stumble)
    desk.run("read", input=POISON)
    look(1)
    assert titles(webhook) == ["Mail in quarantine"]
    desk.ok("quarantine", "delete", "1", "--yes")
    look(3)
    assert titles(webhook) == ["Mail in quarantine", "over: Mail in quarantine"]


def test_a_target_that_fails_is_shown_and_tried_again_without_the_other_hearing_it_twice(
    account: str, smtp: SmtpServer, webhook: WebhookServer, desk: Desk
) -> None:
    smtp.broken = True
    look(61)
    look(61 + 2)
    assert (len(smtp.mails), titles(webhook)) == (0, ["No mail fetched"])
    assert "not sent to target 1 (mailto); will be tried again" in desk.ok("alert", "list").stdout
    change_state(account, last_success_at=NOON + timedelta(minutes=65))
    look(66)
    smtp.broken = False
    for minute in (80, 90, 160):
        look(minute)
    subjects = [mail.partition("Subject: ")[2].partition("\r\n")[0] for _, mail in smtp.mails]
    assert subjects[:2] == ["PostMaster: No mail fetched", "PostMaster: over: No mail fetched"]
    assert titles(webhook)[:2] == ["No mail fetched", "over: No mail fetched"]


@pytest.mark.usefixtures("account")
def test_only_one_of_many_looks(app: Flask) -> None:
    look(61)
    with time_machine.travel(NOON + timedelta(minutes=61, seconds=5), tick=False), app.app_context():
        assert not check_in_turn()


@pytest.mark.usefixtures("account")
def test_while_a_slow_target_keeps_one_waiting_another_one_sends_the_rest_and_nobody_is_told_twice(
    app: Flask, smtp: SmtpServer, webhook: WebhookServer
) -> None:
    smtp.gate.clear()

    def send() -> None:
        with app.app_context():
            look(61)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send)
        assert smtp.asked.wait(10)
        deliver_alerts()
        assert titles(webhook) == ["No mail fetched"]
        smtp.gate.set()
        first.result()
    assert (len(smtp.mails), len(webhook.calls)) == (1, 1)


@pytest.mark.usefixtures("account")
def test_many_that_look_at_the_same_moment_open_one_incident(app: Flask, desk: Desk, webhook: WebhookServer) -> None:
    def check(_: int) -> None:
        with app.app_context():
            check_now()

    with time_machine.travel(NOON + timedelta(minutes=70), tick=False), ThreadPoolExecutor(4) as pool:
        list(pool.map(check, range(4)))
    assert sorted(titles(webhook)) == ["No mail fetched"]
    assert len(desk.ok("alert", "list", "--all", "--json").json_lines) == 3  # no worker and no scheduler either


@pytest.mark.usefixtures("account")
def test_addresses_of_targets_are_shown_nowhere(
    smtp: SmtpServer, app: Flask, desk: Desk, caplog: pytest.LogCaptureFixture, environ: dict[str, str]
) -> None:
    smtp.broken = True
    look(61)
    said = desk.ok("alert", "list", "--json").stdout + desk.run("alert", "test").stdout + caplog.text
    with read_session() as session:
        for model in (Incident, AlertDelivery):
            said += "".join(str(vars(row)) for row in session.scalars(select(model)))
    assert "s3cret" not in said + repr(app.config["SETTINGS"])
    assert str(smtp.port) not in said


def test_the_test_says_which_target_took_it(desk: Desk, smtp: SmtpServer, webhook: WebhookServer) -> None:
    smtp.broken = True
    result = desk.run("alert", "test")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("target 1 (mailto): NOT sent")
    assert result.stdout.splitlines()[1] == "target 2 (json): sent"
    assert titles(webhook) == ["test"]


def test_cron_can_look_where_no_worker_runs(desk: Desk, webhook: WebhookServer) -> None:
    assert desk.run("alert", "check").exit_code == 0
    desk.add_account(type="IMAP", host="mail.example.com", credential=desk.credential("orders", "x"))
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=65)):
        result = desk.run("alert", "check")
    assert result.exit_code == 1
    assert "No mail was fetched from orders@mail.example.com" in result.stdout
    assert titles(webhook) == ["No mail fetched"]


def test_without_a_target_the_test_says_how_to_set_one(desk: Desk, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    monkeypatch.setitem(app.config, "SETTINGS", dataclasses.replace(app.config["SETTINGS"], alert_targets=()))
    result = desk.run("alert", "test")
    assert result.exit_code == 2
    assert "POSTMASTER_ALERT_TARGETS=mailtos://" in result.stderr


def test_each_condition_has_a_name_of_its_own() -> None:
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS)
