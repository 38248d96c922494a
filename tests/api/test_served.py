"""The API through the real web server: large messages, files in parts, and what is left when the server is killed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests
from flask import Flask

from postmaster.fetching.posted import MAX_MAIL
from tests.servers.flask_process import FlaskProcesses
from tests.servers.ports import wait_until
from tests.servers.web import Web
from tests.support import Desk, mail

ROUNDS = 3


@pytest.fixture
def web(app: Flask, desk: Desk, environ: dict[str, str], flask_process: FlaskProcesses) -> Iterator[Web]:
    """The web server on the test's database."""
    assert app
    desk.ok("queue", "list")
    with Web(environ, flask_process) as server:
        yield server


@pytest.fixture
def headers(desk: Desk) -> dict[str, str]:
    """What a program sends along."""
    scopes = ("--scope", "read", "--scope", "mail:write")
    token = desk.ok("token", "add", "--name", "shop", *scopes).stdout.strip()
    return {"Authorization": f"Bearer {token}", "Content-Type": "message/rfc822"}


def test_a_large_message_goes_in_and_comes_out_in_parts(web: Web, headers: dict[str, str]) -> None:
    raw = mail("large", size=9_000_000)
    taken = requests.post(f"{web.url}/mail", data=raw, headers=headers, timeout=60)
    assert taken.status_code == 200, taken.text
    source = f"{web.url}/mail/{taken.json()['mail']}/source"
    whole = requests.get(source, headers=headers, timeout=60)
    assert whole.content == raw
    middle = requests.get(source, headers={**headers, "Range": "bytes=4000000-4999999"}, timeout=60)
    assert (middle.status_code, middle.content) == (206, raw[4_000_000:5_000_000])
    assert middle.headers["Content-Range"] == f"bytes 4000000-4999999/{len(raw)}"


def test_what_is_too_large_is_refused_before_it_is_sent(web: Web, headers: dict[str, str]) -> None:
    class Endless:
        """A body that says how long it is, and is never asked for."""

        def __len__(self) -> int:
            return MAX_MAIL + 1

        def read(self, size: int = -1) -> bytes:
            return b"x" * max(size, 1)

    for path in ("/mail", "/queues"):
        began = time.monotonic()
        try:
            answer = requests.post(f"{web.url}{path}", data=Endless(), headers=headers, timeout=30)  # type: ignore[arg-type]
            assert answer.status_code == 413
        except requests.ConnectionError:
            pass  # it was closed while we still sent
        assert time.monotonic() - began < 20


def insist(web: Web, raw: bytes, headers: dict[str, str]) -> requests.Response:
    """Hand a message in until there is an answer, as programs do."""
    answers: list[requests.Response] = []

    def answered() -> bool:
        with suppress(requests.ConnectionError):
            answers.append(requests.post(f"{web.url}/mail", data=raw, headers=headers, timeout=60))
        return bool(answers)

    wait_until(answered, "an answer", 60)
    return answers[0]


def test_whatever_is_killed_a_request_is_done_once(web: Web, headers: dict[str, str], desk: Desk) -> None:
    chance = random.Random(17)
    raws = [mail(f"order {number}", sender=f"{number}@example.net", size=200_000) for number in range(ROUNDS)]
    for number, raw in enumerate(raws):
        sent = {**headers, "Idempotency-Key": f"order-{number}"}
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(requests.post, f"{web.url}/mail", data=raw, headers=sent, timeout=60)
            time.sleep(chance.uniform(0, 0.4))  # anywhere on the way
            web.kill()
            with suppress(requests.RequestException):
                assert first.result().status_code == 200
        web.start()
        answers = [insist(web, raw, sent) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
        assert answers[0].json() == answers[1].json()
        assert answers[0].json()["outcome"] == "new"
    assert sorted(ticket["title"] for ticket in desk.tickets()) == [f"order {number}" for number in range(ROUNDS)]
    assert all(ticket["articles"] == 1 for ticket in desk.tickets())
