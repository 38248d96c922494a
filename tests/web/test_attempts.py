"""Wrong passwords are counted by name and address, so that guessing is slow and nobody is locked out by others."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session
from postmaster.system import users
from postmaster.system.attempts import (
    FREE_FAILURES,
    LONGEST_DELAY,
    MAX_FAILURES,
    delay_after,
    network_of,
    plain_address,
)
from postmaster.system.models import PasswordTries
from postmaster.web import entrance
from tests.web.conftest import PASSWORD, add, signed_in, token_of
from tests.web.test_session import NOON

WRONG, LIMITED, IN = 422, 429, 303


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that tries were made to wait, without the waiting."""
    waited: list[float] = []
    monkeypatch.setattr(entrance, "_wait", waited.append)
    return waited


def sign_in_from(app: Flask, address: str, name: str, password: str = "wrong password", **headers: str) -> int:
    """Send the sign-in form from ``address``; returns the status of the answer."""
    client = app.test_client()
    form = {"user": name, "password": password, "csrf_token": token_of(client.get("/login").text)}
    return client.post("/login", data=form, headers=headers, environ_base={"REMOTE_ADDR": address}).status_code


def fail(app: Flask, address: str, name: str, times: int) -> None:
    assert {sign_in_from(app, address, name) for _ in range(times)} == {WRONG}


pytestmark = pytest.mark.usefixtures("delays")


@pytest.fixture(autouse=True)
def ada(app: Flask) -> None:
    add(app, "ada")


def test_a_name_has_ten_failures_from_an_address(app: Flask) -> None:
    fail(app, "192.0.2.1", "ada", MAX_FAILURES)
    assert sign_in_from(app, "192.0.2.1", "Ada") == LIMITED
    assert sign_in_from(app, "192.0.2.1", "ada", PASSWORD) == LIMITED


def test_nobody_can_lock_out_somebody_at_another_address(app: Flask) -> None:
    for number in range(1, 8):
        fail(app, f"192.0.2.{number}", "ada", MAX_FAILURES)
        assert sign_in_from(app, f"192.0.2.{number}", "ada") == LIMITED
    assert sign_in_from(app, "198.51.100.1", "ada", PASSWORD) == IN


def test_another_name_at_the_same_address_does_not_notice(app: Flask) -> None:
    for number in range(8):
        fail(app, "192.0.2.1", f"user{number}", MAX_FAILURES)
    assert sign_in_from(app, "192.0.2.1", "ada", PASSWORD) == IN


def test_only_failures_count(app: Flask) -> None:
    assert {sign_in_from(app, "192.0.2.1", "ada", PASSWORD) for _ in range(MAX_FAILURES * 2)} == {IN}
    fail(app, "192.0.2.1", "ada", MAX_FAILURES - 1)
    assert sign_in_from(app, "192.0.2.1", "ada", PASSWORD) == IN
    fail(app, "192.0.2.1", "ada", MAX_FAILURES)


def test_who_is_refused_may_try_again_after_a_quarter_of_an_hour(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        fail(app, "192.0.2.1", "ada", MAX_FAILURES)
        clock.shift(timedelta(minutes=14))
        assert sign_in_from(app, "192.0.2.1", "ada", PASSWORD) == LIMITED
        clock.shift(timedelta(minutes=1, seconds=1))
        assert sign_in_from(app, "192.0.2.1", "ada", PASSWORD) == IN


def test_the_answer_says_when_to_try_again(app: Flask) -> None:
    fail(app, "127.0.0.1", "ada", MAX_FAILURES)
    client = app.test_client()
    form = {"user": "ada", "password": PASSWORD, "csrf_token": token_of(client.get("/login").text)}
    answer = client.post("/login", data=form)
    assert answer.headers["Retry-After"] == "900"
    assert "The password was wrong too often. Wait 15 minutes" in answer.text


def test_a_name_that_fails_from_everywhere_is_slowed_down(app: Flask, delays: list[float]) -> None:
    for number in range(12):
        fail(app, f"192.0.2.{number}", "ada", 1)
    assert delays[:FREE_FAILURES] == [0] * FREE_FAILURES
    rising = delays[FREE_FAILURES:]
    assert rising == sorted(rising)
    assert rising[0] > 0
    delays.clear()
    assert sign_in_from(app, "192.0.2.99", "grace") == WRONG
    assert delays == [0]


def test_who_signed_in_from_there_before_is_not_slowed_down(app: Flask, delays: list[float]) -> None:
    assert sign_in_from(app, "198.51.100.1", "ada", PASSWORD) == IN
    for number in range(12):
        fail(app, f"192.0.2.{number}", "ada", 1)
    delays.clear()
    assert sign_in_from(app, "198.51.100.1", "ada", PASSWORD) == IN
    assert delays == [0]


def test_a_delay_has_an_end() -> None:
    assert delay_after(10_000) == LONGEST_DELAY


def test_waiting_does_not_take_all_threads(monkeypatch: pytest.MonkeyPatch, app: Flask) -> None:
    monkeypatch.undo()
    fail(app, "192.0.2.1", "ada", FREE_FAILURES)
    codes: list[int] = []
    monkeypatch.setattr("postmaster.system.attempts.FIRST_DELAY", 1.0)
    threads = [
        threading.Thread(target=lambda n=n: codes.append(sign_in_from(app, f"192.0.2.{n}", "ada"))) for n in range(2, 8)
    ]
    for thread in threads:
        thread.start()
    assert sign_in_from(app, "192.0.2.50", "grace") == WRONG
    for thread in threads:
        thread.join()
    assert LIMITED in codes
    assert WRONG in codes


def test_looking_at_the_sign_in_page_is_no_try(app: Flask, anonymous: FlaskClient) -> None:
    assert {anonymous.get("/login").status_code for _ in range(MAX_FAILURES * 2)} == {200}
    with app.app_context(), read_session() as session:
        assert session.scalar(select(func.count()).select_from(PasswordTries)) == 0


def test_all_web_processes_count_together(app: Flask, environ: dict[str, str]) -> None:
    others = [create_app(load_environment(environ)) for _ in range(2)]
    for number in range(MAX_FAILURES):
        fail((app, *others)[number % 3], "192.0.2.1", "ada", 1)
    assert [sign_in_from(one, "192.0.2.1", "ada", PASSWORD) for one in (app, *others)] == [LIMITED] * 3


def test_many_tries_at_once_are_no_way_around_the_limit(app: Flask) -> None:
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(sign_in_from(app, "192.0.2.1", "ada"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes.count(WRONG) == MAX_FAILURES


def test_a_network_of_ipv6_counts_as_one_address(app: Flask) -> None:
    for number in range(MAX_FAILURES):
        fail(app, f"2001:db8:1:2::{number:x}", "ada", 1)
    assert sign_in_from(app, "2001:db8:1:2:ffff::1", "ada") == LIMITED
    assert sign_in_from(app, "2001:db8:1:3::1", "ada", PASSWORD) == IN


def test_what_a_client_says_of_its_address_does_not_count(app: Flask) -> None:
    codes = [
        sign_in_from(app, "192.0.2.1", "ada", **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(MAX_FAILURES + 1)
    ]
    assert codes[-1] == LIMITED


def test_what_a_trusted_proxy_says_counts_and_no_more(environ: dict[str, str]) -> None:
    app = create_app(load_environment({**environ, "POSTMASTER_TRUSTED_PROXIES": "1"}))
    codes = [
        sign_in_from(app, "127.0.0.1", "ada", **{"X-Forwarded-For": f"10.9.8.{n}, 192.0.2.1"})
        for n in range(MAX_FAILURES + 1)
    ]
    assert codes[-1] == LIMITED
    assert sign_in_from(app, "127.0.0.1", "ada", PASSWORD, **{"X-Forwarded-For": "192.0.2.2"}) == IN


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("", "unknown"),
        (None, "unknown"),
        ("evil\n192.0.2.1", "unknown"),
        ("localhost", "unknown"),
    ],
)
def test_addresses_are_written_in_one_way(said: str | None, address: str) -> None:
    assert plain_address(said) == address


def test_an_address_that_is_none_counts_as_one() -> None:
    assert network_of("unknown") == "unknown"


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_a_name_nobody_has_takes_the_same_work_also_the_first_time(
    app: Flask, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    work: list[str] = []
    hash_, verify = PasswordHasher.hash, PasswordHasher.verify

    def hashing(hasher: PasswordHasher, password: str) -> str:
        work.append("hash")
        return hash_(hasher, password)

    def verifying(hasher: PasswordHasher, stored: str, password: str) -> bool:
        work.append(f"verify {stored.rpartition('$')[0].rpartition('$')[0]}")
        return bool(verify(hasher, stored, password))

    monkeypatch.setattr(PasswordHasher, "hash", hashing)
    monkeypatch.setattr(PasswordHasher, "verify", verifying)
    users._nobodys_hash.cache_clear()
    fail(app, "192.0.2.1", name, 1)
    usual = users._hasher
    cost = f"m={usual.memory_cost},t={usual.time_cost},p={usual.parallelism}"
    assert work == ["hash", f"verify $argon2id$v=19${cost}"]


def change(client: FlaskClient, current: str, new: str = "another battery staple") -> int:
    form = {"current": current, "new": new, "csrf_token": token_of(client.get("/password").text)}
    return client.post("/password", data=form).status_code


def test_who_found_an_open_browser_cannot_guess_the_password(app: Flask) -> None:
    stolen, own = signed_in(app, "ada"), signed_in(app, "ada")
    assert [change(stolen, f"guess {n}") for n in range(MAX_FAILURES + 1)] == [WRONG] * MAX_FAILURES + [LIMITED]
    assert change(stolen, PASSWORD) == LIMITED
    assert change(own, PASSWORD) == IN


def test_a_new_password_that_is_refused_is_no_wrong_one(app: Flask) -> None:
    client = signed_in(app, "ada")
    assert {change(client, PASSWORD, new="short") for _ in range(MAX_FAILURES + 2)} == {WRONG}
    assert change(client, PASSWORD) == IN


def test_no_names_are_kept_of_what_was_tried(app: Flask) -> None:
    name = "zoë"  # "ada" is a hexadecimal number too, and stands in every thirtieth pair of keys
    fail(app, "192.0.2.1", name, 1)
    with app.app_context(), read_session() as session:
        keys = session.scalars(select(PasswordTries.key)).all()
    assert len(keys) == 2
    assert all(len(key) == 64 and name not in key for key in keys)
