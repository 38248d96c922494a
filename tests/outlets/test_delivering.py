"""Events get to their receivers: each at least once under one id, in the order of its ticket, whatever fails."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import text
from sqlalchemy.orm import Session

from postmaster.config import APP_KEY, load_environment
from postmaster.database import read_session, transaction
from postmaster.extensions import db, now
from postmaster.outbox.models import Event, EventType
from postmaster.outlets import delivering, fanout, kinds, leases, results, webhook
from postmaster.outlets.models import DeliveryState, Outlet, OutletState
from postmaster.outlets.service import OutletService
from tests.outlets.conftest import SECRET, Outlets
from tests.servers.fixtures import Certificates
from tests.servers.ports import free_ports, wait_until
from tests.servers.receiver import Call, EventReceiver, Reply
from tests.support import mail

NewReceiver = Callable[..., EventReceiver]
pytestmark = pytest.mark.usefixtures("quick")


def test_an_event_arrives_signed_under_its_id_with_the_headers_that_were_entered(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    outlets.add(receiver)
    outlets.desk.ok("outlet", "set", "desk", "--headers-stdin", input="Authorization: Bearer s3cret\nX-Desk: one\n")
    [key] = outlets.happen(7)
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 1, "the event")
    [call] = receiver.calls
    receiver.verify(SECRET)
    assert call.key == call.document["id"] == key
    assert call.document["type"] == "ticket.changed"
    assert (call.headers["authorization"], call.headers["x-desk"]) == ("Bearer s3cret", "one")
    [row] = outlets.deliveries()
    assert (row.state, row.status, row.attempts, row.lease) == (DeliveryState.DELIVERED, 200, 1, None)


def test_events_of_one_ticket_arrive_in_their_order_and_tickets_side_by_side(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    outlets.add(receiver)
    outlets.happen(*[number % 20 + 1 for number in range(200)])
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 200, "all events", 60)
    assert all(list(order) == sorted(order) and len(order) == 10 for order in receiver.by_ticket().values())
    assert len(receiver.by_ticket()) == 20
    assert receiver.connections <= delivering.CONNECTIONS, "connections should have been kept"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429, 500, 502, 503])
def test_a_failure_is_tried_again_under_the_same_id_until_it_is_taken(
    outlets: Outlets, receiver: EventReceiver, status: int
) -> None:
    outlets.add(receiver)
    receiver.answer = lambda _call: Reply(status if len(receiver.calls) < 3 else 200, b"no")
    [key] = outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 1, "the event")
    assert {call.key for call in receiver.calls} == {key}
    assert len(receiver.calls) == 3
    assert outlets.deliveries()[0].attempts == 3


def test_a_ticket_that_is_refused_holds_up_its_own_events_and_no_other_ticket(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    refused = True
    receiver.answer = lambda call: Reply(500 if refused and call.about == 1 else 200)
    outlets.add(receiver)
    outlets.happen(1, 2, 1, 3, 1)
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 2, "the others")
        outlets.happen(4)
        wait_until(lambda: len(receiver.taken) == 3, "a later one")
        assert {call.about for call in receiver.taken} == {2, 3, 4}
        assert len({call.key for call in receiver.calls if call.about == 1}) == 1
        refused = False
        wait_until(lambda: len(receiver.taken) == 6, "those that were held up", 30)
    assert all(list(order) == sorted(order) for order in receiver.by_ticket().values())


@pytest.mark.parametrize(
    "refused",
    [[1] * 140, [*range(1, 61)], [1, 2, 3, *([4] * 140)]],
    ids=["one ticket with many events", "many tickets", "a few, so that it seems to be away"],
)
def test_more_refused_events_than_the_window_has_keep_no_other_ticket_waiting(
    outlets: Outlets, receiver: EventReceiver, refused: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "WINDOW", 100)
    monkeypatch.setattr(fanout, "BATCH", 40)
    monkeypatch.setattr(results, "FIRST_WAIT", timedelta(minutes=1))
    monkeypatch.setattr(results, "LONGEST_AWAY", timedelta(milliseconds=1))
    receiver.answer = lambda call: Reply(200 if call.about > 1000 else 422)
    outlets.add(receiver)
    outlets.happen(1001, *refused, 1002)
    with outlets.delivering():
        wait_until(lambda: {call.about for call in receiver.taken} == {1001, 1002}, "the others", 60)


def test_an_outlet_that_hangs_keeps_no_other_waiting(
    outlets: Outlets, receiver: EventReceiver, new_receiver: NewReceiver
) -> None:
    hanging = new_receiver()
    hanging.gate.clear()
    outlets.add(hanging, "hanging")
    outlets.add(receiver, "well")
    outlets.happen(*range(1, 101))
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 100, "the events of the other")
        assert len(hanging.calls) <= delivering.CONNECTIONS
        assert not hanging.taken
        hanging.gate.set()


@pytest.fixture(params=[0.5])
def hasty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks that have half a second, or as many seconds as a test wants."""
    spec = kinds.OUTLET_KINDS[kinds.OutletKind.WEBHOOK]
    quick = kinds.OutletKindSpec(spec.kind, spec.label, spec.meaning, seconds=request.param)
    monkeypatch.setitem(kinds.OUTLET_KINDS, kinds.OutletKind.WEBHOOK, quick)  # type: ignore[arg-type]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("trickle", ["", "headers"], ids=["says nothing", "trickles"])
def test_a_receiver_that_does_not_come_to_an_answer_is_cut_off(
    outlets: Outlets, receiver: EventReceiver, trickle: str
) -> None:
    outlets.add(receiver)
    receiver.answer = lambda _call: Reply(trickle=trickle)
    if not trickle:
        receiver.gate.clear()
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: any(row.attempts for row in outlets.deliveries()), "the attempt to be given up")
        assert "too slow" in outlets.deliveries()[0].answer
        receiver.answer = lambda _call: Reply()
        receiver.gate.set()
        wait_until(lambda: len(outlets.deliveries(state=DeliveryState.DELIVERED)) == 1, "the event")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("hasty", [3], indirect=True)
def test_an_event_is_taken_when_the_receiver_says_so_however_long_the_rest_of_its_answer_takes(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    outlets.add(receiver)
    receiver.answer = lambda _call: Reply(trickle="body")
    outlets.happen(1, 1)
    with outlets.delivering():
        wait_until(lambda: len(outlets.deliveries(state=DeliveryState.DELIVERED)) == 2, "both events")
    assert len(receiver.calls) == 2


def test_a_receiver_that_is_away_gets_all_in_order_when_it_comes_back(outlets: Outlets) -> None:
    [port] = free_ports(1)
    receiver = EventReceiver(port=port)
    outlets.add(receiver)
    receiver._server.server_close()
    keys = outlets.happen(*[number % 10 + 1 for number in range(100)])
    with outlets.delivering():
        wait_until(lambda: outlets.outlet().state.failures >= fanout.AWAY_AFTER, "it to be found away")
        assert outlets.shown()["health"] == "failing"
        assert "Nothing answers at" in outlets.shown()["last_answer"]
        with EventReceiver(port=port) as back:
            wait_until(lambda: len(back.taken) == 100, "all of them", 30)
            assert Counter(call.key for call in back.calls) == Counter(keys)
            assert all(list(order) == sorted(order) for order in back.by_ticket().values())
        wait_until(lambda: outlets.shown()["health"] == "healthy", "it to be well")


def test_a_receiver_that_is_away_costs_a_handful_of_rows(outlets: Outlets, receiver: EventReceiver) -> None:
    receiver.answer = lambda _call: Reply(503)
    outlets.add(receiver)
    outlets.happen(1, 2, 3)
    with outlets.delivering():
        wait_until(lambda: outlets.outlet().state.failures >= fanout.AWAY_AFTER, "it to be found away")
        outlets.happen(*range(10, 1010))
        seen = len(receiver.calls)
        wait_until(lambda: len(receiver.calls) > seen + 3, "some more attempts", 60)
        assert len(outlets.deliveries()) <= fanout.FIRST_WINDOW + len(receiver.calls)
    assert outlets.shown()["backlog"] == 1003


def test_410_pauses_the_outlet_and_resuming_goes_on_where_it_was(outlets: Outlets, receiver: EventReceiver) -> None:
    receiver.answer = lambda _call: Reply(410)
    outlets.add(receiver)
    keys = outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: outlets.shown()["health"] == "paused", "the pause")
        assert "410 Gone" in outlets.shown()["paused_reason"]
        keys += outlets.happen(2)
        receiver.answer = lambda _call: Reply()
        outlets.desk.ok("outlet", "resume", "desk")
        wait_until(lambda: len(receiver.taken) == 2, "both events")
    assert sorted(call.key for call in receiver.taken) == sorted(keys)


def test_a_day_of_nothing_but_failures_pauses_the_outlet(outlets: Outlets, receiver: EventReceiver) -> None:
    receiver.answer = lambda _call: Reply(500)
    outlets.add(receiver)
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: bool(outlets.outlet().state.failures), "a failure")
    with time_machine.travel(now() + timedelta(hours=25)), outlets.delivering():
        wait_until(lambda: outlets.shown()["health"] == "paused", "the pause")
    assert outlets.shown()["paused_by"] == "PostMaster"


@pytest.mark.parametrize("early", [100, 102, 103])
def test_what_comes_before_an_answer_is_not_taken_for_one(
    outlets: Outlets, receiver: EventReceiver, early: int
) -> None:
    receiver.answer = lambda call: Reply(200 if call.about % 2 else 500, early=early)
    outlets.add(receiver)
    outlets.happen(*range(1, 21))
    with outlets.delivering():
        wait_until(lambda: sum(row.attempts > 0 for row in outlets.deliveries()) == 20, "an attempt of each", 30)
    assert [row.state is DeliveryState.DELIVERED for row in outlets.deliveries()] == [True, False] * 10
    assert {row.status for row in outlets.deliveries()} == {200, 500}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("120", (120, 120)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", (0, 60)),
        ("Sat, 01 Jan 2101 00:00:00 GMT", (3600, 3600)),
        ("99999999999999999999", (3600, 3600)),
        ("-5", (0, 60)),
        ("soon", (0, 60)),
        ("", (0, 60)),
    ],
)
def test_a_receiver_that_wants_to_be_left_alone_for_a_while_is(
    outlets: Outlets, receiver: EventReceiver, status: int, words: str, seconds: tuple[float, float]
) -> None:
    receiver.answer = lambda _call: Reply(status, headers=(("Retry-After", words),))
    outlets.add(receiver)
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: bool(outlets.outlet().state.failures), "an attempt")
    [row], state = outlets.deliveries(), outlets.outlet().state
    assert row.tried_at is not None
    least, most = (timedelta(seconds=each) for each in seconds)
    if least:
        assert least <= row.next_at - row.tried_at <= most
        assert state.next_at == row.next_at
        calls = len(receiver.calls)
        outlets.happen(2)
        with outlets.delivering(), pytest.raises(TimeoutError):
            wait_until(lambda: len(receiver.calls) > calls, "nothing", 0.5)
    else:
        assert row.next_at - row.tried_at <= most
        assert state.next_at is None


def test_a_clock_that_was_set_back_keeps_nothing_waiting(outlets: Outlets, receiver: EventReceiver) -> None:
    receiver.answer = lambda _call: Reply(503)
    outlets.add(receiver)
    with time_machine.travel(now() + timedelta(days=400)):
        outlets.happen(1, 2, 3, 4)
        with outlets.delivering():
            wait_until(lambda: outlets.outlet().state.failures >= fanout.AWAY_AFTER, "it to be found away")
    receiver.answer = lambda _call: Reply()
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 4, "all of them")


def test_a_redirect_is_a_failure_and_is_not_followed(
    outlets: Outlets, receiver: EventReceiver, new_receiver: NewReceiver
) -> None:
    elsewhere = new_receiver()
    receiver.answer = lambda _call: Reply(307, headers=(("Location", elsewhere.url),))
    outlets.add(receiver)
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: any(row.attempts for row in outlets.deliveries()), "an attempt")
    assert f"redirect to {elsewhere.url}" in outlets.deliveries()[0].answer
    assert not elsewhere.calls


@pytest.mark.parametrize(
    ("kind", "words"),
    [("valid", ""), ("self_signed", "certificate"), ("expired", "expired"), ("other_name", "not valid for")],
)
def test_certificates_are_checked(
    outlets: Outlets, new_receiver: NewReceiver, certificates: Certificates, kind: str, words: str
) -> None:
    receiver = new_receiver(getattr(certificates, kind))
    outlets.add(receiver)
    outlets.desk.ok("outlet", "set", "desk", "--url", f"https://localhost:{receiver.port}/hooks")
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: any(row.attempts for row in outlets.deliveries()), "an attempt")
    [row] = outlets.deliveries()
    assert (row.state is DeliveryState.DELIVERED) is not bool(words)
    assert words in row.answer
    assert bool(receiver.taken) is not bool(words)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_nothing_is_sent_into_a_forbidden_network(
    outlets: Outlets, environ: dict[str, str], receiver: EventReceiver, host: str
) -> None:
    outlets.add(receiver)
    outlets.desk.ok("outlet", "set", "desk", "--url", f"http://{host}:{receiver.port}/")

    forbidding = load_environment({**environ, "POSTMASTER_FORBIDDEN_NETWORKS": "127.0.0.0/8,::1/128"})
    outlets.app.config[APP_KEY] = forbidding
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: any(row.attempts for row in outlets.deliveries()), "an attempt")
    assert "POSTMASTER_FORBIDDEN_NETWORKS" in outlets.deliveries()[0].answer
    assert not receiver.calls
    assert receiver.connections == 0


def test_what_the_receiver_calls_it_is_kept(outlets: Outlets, receiver: EventReceiver) -> None:
    replies = {
        1: b'{"number": "4711", "url": "https://desk.example.com/4711"}',
        2: b'{"id": 12, "url": "javascript:alert(1)"}',
        3: b"no JSON",
        4: b'[{"id": 1}]',
        5: b'{"number": {"a": 1}, "id": true}',
    }
    receiver.answer = lambda call: Reply(201, replies[call.about])
    outlets.add(receiver)
    outlets.happen(*replies)
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == len(replies), "all of them")
    found = [(row.remote_number, row.remote_url) for row in outlets.deliveries()]
    nothing = (None, None)
    assert found == [("4711", "https://desk.example.com/4711"), ("12", None), nothing, nothing, nothing]


def test_an_answer_is_read_to_a_bound(outlets: Outlets, receiver: EventReceiver) -> None:
    receiver.answer = lambda _call: Reply(200, b"x" * 10**7)
    outlets.add(receiver)
    outlets.happen(1, 2)
    with outlets.delivering():
        wait_until(lambda: all(row.state is DeliveryState.DELIVERED for row in outlets.deliveries()[:2]), "both")
        wait_until(lambda: len(outlets.deliveries(state=DeliveryState.DELIVERED)) == 2, "both")
    assert {len(row.answer) for row in outlets.deliveries()} == {results.ANSWER_LENGTH}


def test_only_the_events_and_queues_that_were_chosen_go_there(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.desk.ok("queue", "add", "--name", "Sales")
    outlets.add(receiver, events=["ticket.created", "article.added"], queues=["Sales"])
    sales = outlets.desk.ok("queue", "show", "Sales", "--json").json["id"]
    outlets.happen(1, type_=EventType.TICKET_CREATED, queue_id=sales)
    outlets.happen(2, type_=EventType.TICKET_CHANGED, queue_id=sales)
    outlets.happen(3, type_=EventType.TICKET_CREATED, queue_id=sales + 1000)
    outlets.happen(4, type_=EventType.MAIL_QUARANTINED)
    outlets.happen(5, type_=EventType.ARTICLE_ADDED, queue_id=sales)
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 2, "both")
        wait_until(lambda: outlets.shown()["backlog"] == 0, "the rest to be passed over")
    assert sorted(call.about for call in receiver.taken) == [1, 5]


def test_a_new_outlet_begins_with_what_happens_from_then_on_and_a_replay_brings_the_rest(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    early = outlets.happen(1, 2, 1)
    outlets.add(receiver)
    late = outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 1, "the late one")
        since = (now() - timedelta(hours=1)).isoformat()
        assert outlets.desk.ok("outlet", "replay", "desk", "--since", since).stdout.startswith("4 events")
        wait_until(lambda: len(receiver.taken) == 5, "all of them once more")
        wait_until(lambda: outlets.shown()["backlog"] == 0, "them to be written down")
    assert receiver.taken[0].key == late[0]
    again = [call.key for call in receiver.taken[1:] if call.about == 1]
    assert again == [early[0], early[2], late[0]]


def test_a_replay_keeps_the_order_of_what_waits(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.add(receiver)
    first = outlets.happen(1, 1)
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 2, "the first ones")
    outlets.desk.ok("outlet", "pause", "desk", "--reason", "maintenance")
    outlets.desk.ok("outlet", "resume", "desk")
    receiver.answer = lambda _call: Reply(500)
    waiting = outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: len(receiver.calls) > 2, "a failure")
    outlets.desk.ok("outlet", "replay", "desk", "--since", (now() - timedelta(hours=1)).isoformat())
    receiver.answer = lambda _call: Reply()
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 5, "all of them")
    assert [call.key for call in receiver.taken[2:]] == [*first, *waiting]


def test_what_was_leased_by_a_process_that_is_gone_is_sent_again(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.add(receiver)
    keys = outlets.happen(1, 2)
    outlets.happen(3)
    with outlets.app.app_context(), transaction() as session:
        outlet = outlets.outlet()
        moment = now()
        fanout.fan_out(session, session.merge(outlet), 2, moment)
        for row, holder in zip(
            leases.lease_due(session, outlet, moment, 2), ("elsewhere 1 1 x", "elsewhere 2 2 x"), strict=True
        ):
            row.lease = holder
            row.lease_until = moment - timedelta(seconds=1) if holder.startswith("elsewhere 1") else row.lease_until
            session.merge(row)
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 2, "what is not leased by somebody who may live")
    assert {call.key for call in receiver.taken} != set(keys)
    assert keys[1] not in {call.key for call in receiver.taken}


def test_an_answer_that_comes_after_its_lease_was_lost_changes_nothing(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    outlets.add(receiver)
    receiver.gate.clear()
    [key] = outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: len(receiver.calls) == 1, "the request")
        outlets.desk.ok("outlet", "replay", "desk", "--since", (now() - timedelta(hours=1)).isoformat())
        receiver.gate.set()
        wait_until(lambda: len(receiver.taken) == 2, "it to be sent once more")
        wait_until(lambda: outlets.shown()["backlog"] == 0, "it to be written down")
    assert [call.key for call in receiver.taken] == [key, key]
    assert outlets.deliveries()[0].attempts == 1


def test_retrying_one_sends_it_again_and_retrying_all_waits_for_nothing(
    outlets: Outlets, receiver: EventReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlets.add(receiver)
    [key] = outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: len(outlets.deliveries(state=DeliveryState.DELIVERED)) == 1, "the event")
        outlets.desk.ok("outlet", "retry", "desk", outlets.deliveries()[0].id)
        wait_until(lambda: len(receiver.taken) == 2, "it to be sent again")
        monkeypatch.setattr(results, "FIRST_WAIT", timedelta(minutes=10))
        receiver.answer = lambda _call: Reply(500)
        outlets.happen(2)
        wait_until(lambda: bool(outlets.outlet().state.failures), "a failure")
        receiver.answer = lambda _call: Reply()
        assert outlets.desk.ok("outlet", "retry", "desk").stdout == "1 delivery is tried now.\n"
        wait_until(lambda: len(receiver.taken) == 3, "it to be taken")
    assert [call.key for call in receiver.taken[:2]] == [key, key]


def test_a_changed_outlet_is_tried_again_at_once_however_long_its_events_were_to_wait(
    outlets: Outlets, receiver: EventReceiver, new_receiver: NewReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FIRST_WAIT", timedelta(minutes=10))
    other = new_receiver()
    receiver.answer = lambda _call: Reply(500)
    outlets.add(receiver)
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: bool(outlets.outlet().state.failures), "a failure")
        outlets.desk.ok("outlet", "set", "desk", "--url", other.url)
        wait_until(lambda: len(other.taken) == 1, "it to be taken")


@pytest.mark.parametrize("change", ["delete", "rename"])
def test_whoever_hands_over_and_whoever_changes_an_outlet_wait_for_each_other_one_way_only(
    outlets: Outlets, receiver: EventReceiver, change: str
) -> None:
    number = int(outlets.add(receiver))
    outlets.happen(1, 2, 3)

    def act() -> None:
        with outlets.app.app_context(), transaction() as session:
            service = OutletService(session, "test")
            if change == "delete":
                service.delete(service.find("desk"))
            else:
                service.change(service.find("desk"), {"name": "office"})

    with ThreadPoolExecutor(1) as pool, outlets.app.app_context(), transaction() as session:
        leases.lock_states(session, [number])
        changing = pool.submit(act)
        wait_until(lambda: db.engine.dialect.name == "sqlite" or _waits_for_a_lock(), "it to wait")
        fanout.fan_out(session, session.get_one(Outlet, number), 10, now())
        session.commit()
        changing.result(30)


def _waits_for_a_lock() -> bool:
    waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted"
    with read_session() as session:
        return bool(session.scalar(text(f"{waiting} AND datname = current_database()")))


def test_few_messages_are_in_memory_at_once(outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.add(receiver, raw_message="yes")
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: outlets.outlet().state.last_success_at is not None, "it to be proven")
        receiver.gate.clear()
        outlets.happen(*range(2, 42))
        wait_until(lambda: len(receiver.calls) == 1 + delivering.CONNECTIONS, "its connections to be busy")
        assert len(outlets.deliveries(state=DeliveryState.SENDING)) == leases.FEW_IN_FLIGHT
        receiver.gate.set()


@pytest.mark.parametrize("state", ["paused", "invalid", "secretless"])
def test_an_outlet_that_cannot_send_keeps_its_place(outlets: Outlets, receiver: EventReceiver, state: str) -> None:
    outlets.add(receiver)
    other = EventReceiver()
    change, back = {
        "paused": (("pause", "desk", "--reason", "x"), ("resume", "desk")),
        "invalid": (("set", "desk", "--validity", "invalid"), ("set", "desk", "--validity", "valid")),
        "secretless": (None, ("set", "desk", "--secret-stdin")),
    }[state]
    if change:
        outlets.desk.ok("outlet", *change)
    else:
        with outlets.app.app_context(), transaction() as session:
            outlet = session.merge(outlets.outlet())
            outlet.sealed_secret = ""
    outlets.happen(1)
    with other:
        outlets.add(other, "other")
        outlets.happen(2)
        with outlets.delivering():
            wait_until(lambda: len(other.taken) == 1, "the event of the other")
            assert not receiver.calls
            outlets.desk.ok("outlet", *back, input=SECRET)
            wait_until(lambda: len(receiver.taken) == 2, "both")


def test_ending_waits_for_what_is_being_sent_and_gives_the_rest_back(
    outlets: Outlets, receiver: EventReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LAST_SECONDS", 0.3)
    receiver.gate.clear()
    outlets.add(receiver)
    outlets.happen(*range(1, 30))
    with outlets.delivering():
        wait_until(lambda: len(receiver.calls) >= 1, "a request")
    assert {row.state for row in outlets.deliveries()} == {DeliveryState.WAITING}
    assert not any(row.lease for row in outlets.deliveries())


@pytest.mark.parametrize("step", ["changed", "ended"])
def test_nothing_more_is_sent_to_where_an_outlet_led_before_or_after_the_process_ended(
    outlets: Outlets, receiver: EventReceiver, new_receiver: NewReceiver, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(delivering, "LAST_SECONDS", 0.1)
    other = new_receiver()
    outlets.add(receiver)
    outlets.happen(1)
    with outlets.delivering() as deliverer:
        wait_until(lambda: outlets.outlet().state.last_success_at is not None, "it to be proven")
        receiver.gate.clear()
        outlets.happen(*range(2, 32))
        wait_until(lambda: len(receiver.calls) == 1 + delivering.CONNECTIONS, "its connections to be busy")
        if step == "changed":
            line = next(iter(deliverer._lines.values()))
            outlets.desk.ok("outlet", "set", "desk", "--url", other.url)
            wait_until(lambda: line not in deliverer._lines.values(), "the change to be seen")
            receiver.gate.set()
            wait_until(lambda: outlets.shown()["backlog"] == 0, "all of them")
    receiver.gate.set()
    wait_until(lambda: not any(thread.name.startswith("outlet ") for thread in threading.enumerate()), "the threads")
    assert len(receiver.calls) == 1 + delivering.CONNECTIONS
    assert len(other.taken) == (30 - delivering.CONNECTIONS if step == "changed" else 0)


def test_what_cannot_be_sent_keeps_no_place_and_nobody_waiting(
    outlets: Outlets, receiver: EventReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, body = webhook.WebhookSender.send, delivering.event_bodies
    broken: dict[str, str] = {}

    def sent(self: webhook.WebhookSender, key: str, text: str) -> results.Answer:
        if key == broken["send"]:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return send(self, key, text)

    def made(session: Session, events: Sequence[Event], *, raw_message: bool) -> Mapping[int, str]:
        if broken["body"] in [event.key for event in events]:
            raise ValueError("what was stored cannot be read")
        return body(session, events, raw_message=raw_message)

    monkeypatch.setattr(webhook.WebhookSender, "send", sent)
    monkeypatch.setattr(delivering, "event_bodies", made)
    outlets.add(receiver)
    broken["send"], broken["body"], *_ = outlets.happen(1, 2, *range(3, 103))
    with outlets.delivering():
        wait_until(lambda: len(receiver.taken) == 100, "the others", 60)
        wait_until(lambda: all(row.attempts > 1 for row in outlets.deliveries()[:2]), "further attempts")
    assert [row.answer for row in outlets.deliveries()[:2]] == [
        "It could not be sent: UnicodeEncodeError.",
        "It could not be put together: ValueError.",
    ]


def test_waits_double_from_five_seconds_to_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    waits = [results.backoff(failures).total_seconds() for failures in (1, 2, 3, 10, 11, 1000)]
    for wait, usual in zip(waits, (5, 10, 20, 2560, 3600, 3600), strict=True):
        assert usual * 0.8 <= wait <= usual * 1.2


def test_calls_are_made_by_ticket(receiver: EventReceiver) -> None:
    """The receiver of the tests tells what it is to tell."""
    receiver.taken = [Call("", {"webhook-id": "a"}, b'{"sequence": 2, "data": {"changes": {"about": [0, 1]}}}')] * 2
    assert receiver.by_ticket() == {1: [2]}


def test_states_are_locked_by_their_ids(outlets: Outlets, receiver: EventReceiver) -> None:
    number = int(outlets.add(receiver))
    with outlets.app.app_context(), transaction() as session:
        assert isinstance(leases.lock_states(session, [number, 10**6])[number], OutletState)


def test_what_a_receiver_repeated_of_a_person_goes_when_the_person_is_erased(
    outlets: Outlets, receiver: EventReceiver
) -> None:
    receiver.answer = lambda _call: Reply(200, b'{"seen": "secret of eve"}')
    outlets.add(receiver)
    outlets.desk.ok("read", input=mail("secret of eve", sender="eve@example.net"))
    outlets.desk.ok("read", input=mail("another", sender="ada@example.net"))
    with outlets.delivering():
        wait_until(lambda: all(row.delivered_at for row in outlets.deliveries()) and len(receiver.taken) == 2, "both")
    assert [row.answer for row in outlets.deliveries() if "secret" in row.answer]
    outlets.desk.ok("erase", "--sender", "eve@example.net", "--yes")
    assert ["secret" in row.answer for row in outlets.deliveries()] == [False, True]
