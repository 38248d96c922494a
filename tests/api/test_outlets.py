"""Programs add outlets, look at what was handed over, and send it again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.api.conftest import NewProgram, Program
from tests.api.test_door import problem
from tests.outlets.conftest import SECRET, Outlets
from tests.servers.ports import wait_until
from tests.servers.receiver import EventReceiver, Reply
from tests.support import Desk, mail


@pytest.fixture
def receiver() -> Iterator[EventReceiver]:
    """A receiver that takes everything, and gives it a number."""
    with EventReceiver(answer=lambda _call: Reply(body=b'{"number": "T-1"}')) as server:
        yield server


def add(admin: Program, receiver: EventReceiver) -> str:
    """Add an outlet; returns its address in the API."""
    answer = admin("POST", "/outlets", json={"name": "desk", "url": receiver.url, "secret": SECRET})
    assert answer.status_code == 201, answer.text
    assert SECRET not in answer.text
    return f"/outlets/{answer.json['id']}" if answer.json else ""


def test_a_program_adds_an_outlet_and_sees_what_is_handed_over(
    app: Flask, desk: Desk, admin: Program, receiver: EventReceiver
) -> None:
    outlet = add(admin, receiver)
    desk.ok("read", input=mail("one"))
    desk.ok("read", input=mail("two"))
    with Outlets(app, desk).delivering():
        wait_until(lambda: admin.get(f"{outlet}/deliveries?state=delivered&limit=2")["items"][1:], "both")
        receiver.verify(SECRET)
        first = admin.get(f"{outlet}/deliveries?limit=1")
        [newest], [oldest] = first["items"], admin.get(f"{outlet}/deliveries?limit=1&after={first['next']}")["items"]
        assert newest["sequence"] > oldest["sequence"]
        found = admin.get(f"{outlet}/deliveries/{oldest['id']}")
        assert (found["status"], found["number"]) == (200, "T-1")
        assert json.loads(found["body"])["id"] == found["event_id"]
        assert found["event_id"] in [call.key for call in receiver.calls], "tickets are handed over side by side"
        assert admin("POST", f"{outlet}/deliveries/{oldest['id']}/retry").json == {"deliveries": 1}
        wait_until(lambda: len(receiver.calls) == 3, "it to come again")
        assert admin("POST", f"{outlet}/replay", json={"since": "2020-01-01"}).json == {"events": 2}
        wait_until(lambda: len(receiver.calls) == 5, "both to come again")
    assert len({call.key for call in receiver.calls}) == 2


def test_a_program_pauses_resumes_and_tests_an_outlet(admin: Program, receiver: EventReceiver) -> None:
    outlet = add(admin, receiver)
    assert admin("PUT", f"{outlet}/pause", json={"reason": "it moves"}).status_code == 204
    assert admin.get(outlet)["paused_reason"] == "it moves"
    assert admin("PUT", f"{outlet}/pause").status_code == 204
    assert admin("DELETE", f"{outlet}/pause").status_code == 204
    assert admin.get(outlet)["paused_at"] is None
    tested = admin("POST", f"{outlet}/test").json
    assert tested
    assert (tested["taken"], tested["status"]) == (True, 200)
    assert [call.document["type"] for call in receiver.calls] == ["outlet.test"]
    assert admin("POST", f"{outlet}/retry").json == {"deliveries": 0}


def test_what_is_not_there_is_refused(admin: Program, new_program: NewProgram, receiver: EventReceiver) -> None:
    outlet = add(admin, receiver)
    problem(admin("GET", f"{outlet}/deliveries/77"), 404, "unknown-delivery")
    problem(admin("POST", "/outlets/77/test"), 404, "unknown-outlet")
    problem(admin("POST", f"{outlet}/replay", json={}), 422, "missing-field")
    problem(admin("POST", f"{outlet}/replay", json={"since": "yesterday"}), 422, "invalid-value")
    problem(new_program("read")("POST", f"{outlet}/retry"), 403, "scope-missing")
    problem(new_program("read", queues=["Junk"])("GET", f"{outlet}/deliveries"), 403, "token-limited")
