"""Outlets that hand nothing over, or late, raise an alert; what was taken is removed in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from postmaster.database import read_session
from postmaster.extensions import now
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.metrics import render_metrics
from postmaster.operations.retention import remove_old
from postmaster.outlets.models import DeliveryState
from tests.outlets.conftest import SECRET, Outlets
from tests.servers.ports import wait_until
from tests.servers.receiver import EventReceiver, Reply

pytestmark = pytest.mark.usefixtures("quick")


def troubles(outlets: Outlets, name: str) -> list[str]:
    """What the condition finds now."""
    [condition] = [row for row in CONDITIONS if row.name == name]
    with outlets.app.app_context(), read_session() as session:
        return [trouble.sentence for trouble in condition.find(session, now()) or ()]


def test_one_that_the_receiver_paused_is_told_and_one_that_somebody_paused_is_not(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    receiver.answer = lambda _call: Reply(410, b"no more")
    outlets.add(receiver)
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: outlets.shown()["health"] == "paused", "the pause")
    [sentence] = troubles(outlets, "outlet")
    assert "410 Gone" in sentence
    assert "no more" in sentence
    outlets.desk.ok("outlet", "resume", "desk")
    assert troubles(outlets, "outlet") == []
    outlets.desk.ok("outlet", "pause", "desk", "--reason", "maintenance")
    assert troubles(outlets, "outlet") == []


def test_one_without_a_secret_is_told(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.add(receiver)
    exported = outlets.desk.ok("outlet", "export").stdout
    outlets.desk.ok("outlet", "delete", "desk", "--yes")
    outlets.desk.ok("outlet", "import", input=exported)
    assert "has no secret" in troubles(outlets, "outlet")[0]
    outlets.desk.ok("outlet", "set", "desk", "--secret-stdin", input=SECRET)
    assert troubles(outlets, "outlet") == []


def test_an_event_that_waits_too_long_is_told_until_it_is_taken(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.desk.ok("setting", "set", "OutletAlertMinutes", "30")
    outlets.add(receiver)
    outlets.happen(1)
    assert troubles(outlets, "undelivered") == []
    with time_machine.travel(now() + timedelta(minutes=31)):
        [sentence] = troubles(outlets, "undelivered")
        assert "1 event waits to be handed over, the oldest for 31 minutes" in sentence
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 1, "the event")
        wait_until(lambda: outlets.shown()["backlog"] == 0, "it to be written down")
    with time_machine.travel(now() + timedelta(minutes=31)):
        assert troubles(outlets, "undelivered") == []


def test_that_nobody_hands_over_is_told_only_where_there_is_an_outlet(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    assert troubles(outlets, "outlets") == []
    outlets.add(receiver)
    assert "No process hands events over" in troubles(outlets, "outlets")[0]


def test_metrics_tell_backlog_age_failures_and_health(outlets: Outlets, receiver: EventReceiver) -> None:
    receiver.answer = lambda _call: Reply(500)
    outlets.add(receiver)
    outlets.happen(1, 1, 1)
    with outlets.delivering():
        wait_until(lambda: bool(outlets.outlet().state.failures), "a failure")
    with outlets.app.app_context(), read_session() as session:
        text = render_metrics(session).decode()
    for line in (
        'postmaster_outlet_backlog_events{id="1",outlet="desk"} 3.0',
        'postmaster_outlet_failures{id="1",outlet="desk"} 1.0',
        'postmaster_outlet_health{health="failing",id="1",outlet="desk"} 1.0',
        "postmaster_outlet_oldest_event_age_seconds",
    ):
        assert line in text


def test_deliveries_that_were_taken_are_removed_in_time_and_those_that_wait_never(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    receiver.answer = lambda call: Reply(200 if call.about == 1 else 500)
    outlets.add(receiver)
    outlets.happen(1, 2)
    with outlets.delivering():
        wait_until(lambda: len(outlets.deliveries(state=DeliveryState.DELIVERED)) == 1, "one of them")
    with outlets.app.app_context():
        assert remove_old().deliveries == 0
    with time_machine.travel(now() + timedelta(days=31)), outlets.app.app_context():
        assert remove_old().deliveries == 1
    assert [row.state for row in outlets.deliveries()] == [DeliveryState.WAITING]


def test_events_are_kept_as_long_as_a_valid_outlet_needs_them(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.add(receiver)
    outlets.happen(1, 2, 3, 4)
    outlets.desk.ok("outlet", "pause", "desk", "--reason", "maintenance")
    with time_machine.travel(now() + timedelta(days=31)), outlets.app.app_context():
        assert remove_old().events == 0
        outlets.desk.ok("outlet", "set", "desk", "--validity", "invalid")
        assert remove_old().events == 3, "the newest one stays"
