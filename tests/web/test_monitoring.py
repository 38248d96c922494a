"""What machines ask: health for load balancers, metrics for Prometheus."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from postmaster import create_app
from postmaster.accounts.models import AccountState
from postmaster.config import load_environment
from postmaster.database import prepare_database, transaction
from postmaster.errors import ConfigError
from postmaster.extensions import now
from postmaster.operations.heartbeat import Presence, beat
from postmaster.operations.models import ProcessRole
from tests.servers.redis import Redis
from tests.support import Desk, mail

TOKEN = "t0ken-of-the-metrics"


@pytest.fixture
def environ(environ: dict[str, str], redis: Redis) -> dict[str, str]:
    """The environment of an app with metrics and a Redis."""
    return {**environ, "POSTMASTER_METRICS_TOKEN": TOKEN, "POSTMASTER_REDIS_URL": redis.url}


def test_the_process_says_that_it_lives_though_the_database_is_away(environ: dict[str, str]) -> None:
    app = create_app(load_environment({**environ, "POSTMASTER_DATABASE_URL": "postgresql://127.0.0.1:1/none"}))
    client = app.test_client()
    assert (client.get("/healthz").status_code, client.get("/healthz").json) == (200, {"status": "ok"})
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json
    assert answer.json["database"] == "missing"


def test_it_is_ready_when_worker_and_scheduler_were_seen(app: Flask) -> None:
    client = app.test_client()
    missing = client.get("/readyz")
    assert missing.status_code == 503
    words = {"status": "not ready", "database": "ok", "redis": "ok", "worker": "missing", "scheduler": "missing"} | {
        "turns": "ok"
    }
    assert missing.json == words
    with app.app_context(), transaction() as session:
        for role in ProcessRole:
            beat(session, Presence(role))
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json
    assert set(ready.json.values()) == {"ok"}


def test_it_is_not_ready_while_accounts_wait_longer_than_two_intervals(app: Flask, desk: Desk) -> None:
    number = int(desk.add_account(type="IMAP", host="mail.example.com", credential=desk.credential("orders", "x")))
    client, moment = app.test_client(), now()
    for minutes, code in ((19, 200), (21, 503)):  # of ten each
        with (
            time_machine.travel(moment + timedelta(minutes=30), tick=False),
            app.app_context(),
            transaction() as session,
        ):
            for role in ProcessRole:
                beat(session, Presence(role))
            session.merge(AccountState(account_id=number, next_run_at=now() - timedelta(minutes=minutes)))
        with time_machine.travel(moment + timedelta(minutes=30), tick=False):
            answer = client.get("/readyz")
        assert answer.json
        assert (answer.status_code, answer.json["turns"]) == (code, "late" if code == 503 else "ok")


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer", "Bearer \xff"])
def test_metrics_want_the_token(app: Flask, header: str | None) -> None:
    answer = app.test_client().get("/metrics", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert "postmaster_" not in answer.text


def test_without_a_token_there_are_no_metrics(environ: dict[str, str]) -> None:
    del environ["POSTMASTER_METRICS_TOKEN"]
    assert create_app(load_environment(environ)).test_client().get("/metrics").status_code == 404


def test_metrics_are_what_prometheus_reads(app: Flask, desk: Desk) -> None:
    desk.ok("read", input=mail("one"))
    desk.add_account(type="IMAP", host="mail.example.com", credential=desk.credential("orders", "x"))
    text = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    found = {
        (sample.name, sample.labels.get("outcome") or sample.labels.get("account") or ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["postmaster_messages_total", "new"] == 1
    assert 0 <= found["postmaster_account_last_success_age_seconds", "orders@mail.example.com"] < 60
    assert found["postmaster_account_backlog_messages", "orders@mail.example.com"] == 0
    assert found["postmaster_workers", ""] == 0
    assert found["postmaster_quarantine_messages", ""] == 0
    assert found["postmaster_queue_depth", ""] == 0
    assert re.search(r'postmaster_account_health\{.*health="never".*\} 1.0', text)


def test_metrics_tell_of_each_valid_account_what_is_known(app: Flask, desk: Desk) -> None:
    never, failing, paused, invalid = (
        int(desk.add_account(type="IMAP", host=f"mail{number}.example.com", credential=desk.credential("orders", "x")))
        for number in range(4)
    )
    desk.ok("account", "set", invalid, "--validity", "invalid")
    with app.app_context(), transaction() as session:
        ended = now() - timedelta(hours=2)
        session.merge(
            AccountState(account_id=failing, failures=3, backlog=7, last_run_seconds=1.5, last_success_at=ended)
        )
        session.merge(AccountState(account_id=paused, paused_at=now(), last_success_at=ended))
    text = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    told = {
        (sample.name.removeprefix("postmaster_account_"), int(sample.labels["id"])): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("postmaster_account_")
    }
    assert {number for _, number in told} == {never, failing, paused}
    healths = [told["health", number].labels["health"] for number in (never, failing, paused)]
    assert healths == ["never", "failing", "paused-by-hand"]
    assert [told["failures", number].value for number in (never, failing)] == [0, 3]
    assert [told["backlog_messages", number].value for number in (never, failing)] == [0, 7]
    assert told["last_run_seconds", failing].value == 1.5
    assert ("last_run_seconds", never) not in told
    assert told["last_success_age_seconds", never].value < 3600 < told["last_success_age_seconds", failing].value
    assert ("last_success_age_seconds", paused) not in told, "nobody expects mail of it"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("POSTMASTER_METRICS_TOKEN", "short", "is too short"),
        ("POSTMASTER_WORKERS", "0", "is “0”, but must be a number from 1 to 64"),
        ("POSTMASTER_WORKERS", "many", "is “many”, but must be a number from 1 to 64"),
        ("POSTMASTER_ALERT_TARGETS", "json://h s3cret", "has an address (number 2) without a scheme"),
    ],
)
def test_a_setting_that_is_wrong_is_named(environ: dict[str, str], variable: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_environment({**environ, variable: value})
    assert f"{variable} {words}" in caught.value.message
    assert "s3cret" not in str(caught.value)


def test_metrics_need_no_more_queries_for_more_accounts(app: Flask, desk: Desk) -> None:
    from sqlalchemy import event

    from postmaster.extensions import db

    client, counts = app.test_client(), []
    with app.app_context():
        prepare_database()
        statements: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        for _ in range(2):
            for _ in range(5):
                desk.add_account(type="IMAP", host="mail.example.com")
            statements.clear()
            client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            counts.append(len(statements))
    assert counts[0] == counts[1]
