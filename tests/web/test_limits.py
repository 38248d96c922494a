"""Where attempts are counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster import create_app, limits
from postmaster.config import load_environment
from postmaster.limits import seconds_to_wait
from tests.servers.redis import Redis
from tests.web.conftest import token_header


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis in which nobody counts yet, and which may be stopped."""
    with Redis() as server:
        yield server


def web_process(folder: Path, redis_url: str) -> Flask:
    """The app as one of several processes that answer requests."""
    app = create_app(load_environment({"POSTMASTER_DATA_DIR": str(folder), "POSTMASTER_REDIS_URL": redis_url}))
    app.complete()
    return app


def tries(app: Flask, *keys: str) -> list[bool]:
    """Whether each of ``keys``, which may try twice in an hour, has to wait."""
    with app.app_context():
        waits = [seconds_to_wait("2 per hour", key) for key in keys]
    assert all(0 <= seconds <= 3600 for seconds in waits)
    return [seconds > 0 for seconds in waits]


def test_processes_count_together_in_redis_by_its_unix_socket(data_dir: Path, redis: Redis) -> None:
    one, other = web_process(data_dir, redis.url), web_process(data_dir, redis.url)
    assert redis.url.startswith("unix:")
    assert tries(one, "a", "b") == [False, False]
    assert tries(other, "a", "a", "b") == [False, True, False]
    assert tries(one, "a", "b") == [True, True]


def test_without_redis_each_process_counts_by_itself(data_dir: Path) -> None:
    one, other = web_process(data_dir, ""), web_process(data_dir, "")
    assert tries(one, "a", "a", "a") == [False, False, True]
    assert tries(other, "a") == [False]


def test_while_redis_is_gone_a_process_counts_by_itself_and_asks_again_later(
    data_dir: Path, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = web_process(data_dir, redis.url)
    assert tries(app, "a", "a") == [False, False]
    redis.stop()
    assert tries(app, "a", "a", "a") == [False, False, True]
    redis.start()
    assert tries(app, "b", "a") == [False, True]  # it still rests
    monkeypatch.setattr(app.extensions[limits.KEY], "_rests_until", 0.0)
    assert tries(app, "b", "b", "b") == [False, False, True]


def test_who_tries_the_alerts_too_often_is_told_to_wait(client: FlaskClient) -> None:
    header = token_header(client)
    answers = [client.post("/operation/test", data={"target": "none"}, headers=header) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [303] * 20 + [429]
    assert "Wait a minute, then try again." in answers[-1].text
    elsewhere = {"REMOTE_ADDR": "127.0.0.2"}
    assert client.post("/operation/test", headers=header, environ_base=elsewhere).status_code != 429
    assert client.post("/outlets/1/test", headers=header).status_code != 429
