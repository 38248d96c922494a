"""The pages of outlets: what is handed over, how it stands, and what an admin does about it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from postmaster.database import read_session
from postmaster.desk.models import Ticket
from postmaster.outlets.models import DeliveryState
from tests.outlets.conftest import SECRET, Outlets
from tests.servers.ports import wait_until
from tests.servers.receiver import EventReceiver, Reply
from tests.support import Desk, mail
from tests.web.conftest import token_of
from tests.web.resource_support import words


@pytest.fixture
def outlets(app: Flask, desk: Desk) -> Outlets:
    """The app's outlets."""
    desk.ok("outlet", "list")
    return Outlets(app, desk)


@pytest.fixture
def receiver() -> Iterator[EventReceiver]:
    """A receiver that takes everything."""
    with EventReceiver() as server:
        yield server


def press(client: FlaskClient, path: str, page: str = "/outlets/add", **fields: object) -> str:
    """Post ``fields`` to ``path``; returns the words of the page that one is led to."""
    token = token_of(client.get(page).text)
    return words(client.post(path, data={"csrf_token": token, **fields}, follow_redirects=True).text)


def test_one_is_added_with_what_is_ticked_and_its_secret_is_shown_once(client: FlaskClient, outlets: Outlets) -> None:
    page = press(
        client,
        "/outlets/add",
        name="desk",
        kind="webhook",
        url="https://desk.example.com/hooks",
        secret="",
        headers="X-Desk: s3cret",
        events=["ticket.created", "article.added"],
        queues=["Raw"],
        raw_message="yes",
        validity="valid",
        comment="ours",
    )
    assert "The outlet “desk” is added." in page
    [secret] = re.findall(r"whsec_[\w+/=]+", page)
    shown = outlets.shown()
    assert (shown["events"], shown["queues"], shown["raw_message"]) == (
        ["ticket.created", "article.added"],
        ["Raw"],
        True,
    )
    for path in ("/outlets", "/outlets/1", "/outlets/1/status", "/audit"):
        text = client.get(path).text
        assert secret not in text
        assert "s3cret" not in text
    edit = client.get("/outlets/1").text
    assert len(re.findall(r'value="(?:ticket.created|article.added|Raw)" checked', edit)) == 3


def test_what_cannot_be_is_said_beside_its_field(client: FlaskClient, outlets: Outlets) -> None:
    given = {"name": "desk", "url": "ftp://x", "kind": "webhook", "headers": "nonsense", "validity": "valid"}
    page = press(client, "/outlets/add", raw_message="no", events=["ticket.exploded"], **given)
    for sentence in ("must be an address that begins with https://", "not of the form Name: value", "ticket.exploded"):
        assert sentence in page
    assert outlets.desk.ok("outlet", "list", "--json").json_lines == []


def test_the_list_says_how_each_stands(client: FlaskClient, outlets: Outlets, receiver: EventReceiver) -> None:
    receiver.answer = lambda _call: Reply(503, b"closed today")
    outlets.add(receiver)
    outlets.happen(1, 1)
    with outlets.delivering():
        wait_until(lambda: bool(outlets.outlet().state.failures), "a failure")
    assert re.search(r"Failing 2 \S.* 503", words(client.get("/outlets").text))
    page = words(client.get("/outlets/1/status").text)
    assert "closed today" in page
    assert "Failing" in page


def test_a_test_shows_what_the_receiver_answers(client: FlaskClient, outlets: Outlets, receiver: EventReceiver) -> None:
    outlets.add(receiver)
    receiver.answer = lambda _call: Reply(200, b"welcome")
    assert re.search(r"The receiver took it. It answered 200 after .* welcome", press(client, "/outlets/1/test"))
    receiver.verify(SECRET)
    receiver.answer = lambda _call: Reply(404, b"nobody here")
    assert re.search(r"It was not taken. It answered 404 after .* nobody here", press(client, "/outlets/1/test"))


def test_it_is_paused_resumed_replayed_and_tried_again(
    client: FlaskClient, outlets: Outlets, receiver: EventReceiver
) -> None:
    outlets.happen(1, 2)
    outlets.add(receiver)
    assert "Its events wait." in press(client, "/outlets/1/pause", reason="maintenance")
    assert "Paused by" in words(client.get("/outlets/1/status").text)
    assert "maintenance" in words(client.get("/outlets/1/status").text)
    assert "handed over again" in press(client, "/outlets/1/resume")
    assert "Say since when" in press(client, "/outlets/1/replay", since="yesterday")
    assert "2 events are handed over once more." in press(client, "/outlets/1/replay", since="2020-01-01T00:00")
    with outlets.delivering():
        wait_until(lambda: len(outlets.deliveries(state=DeliveryState.DELIVERED)) == 2, "both")
        number = outlets.deliveries()[0].id
        assert "1 delivery is tried now." in press(client, f"/outlets/1/deliveries/{number}/retry")
        wait_until(lambda: len(receiver.taken) == 3, "it to be sent again")
    assert "0 deliveries are tried now." in press(client, "/outlets/1/retry")


def test_a_delivery_has_request_and_answer_and_the_ticket_says_where_it_was_handed_over(
    app: Flask, client: FlaskClient, outlets: Outlets, receiver: EventReceiver
) -> None:
    receiver.answer = lambda _call: Reply(201, b'{"number": "4711", "url": "https://desk.example.com/4711"}')
    outlets.add(receiver, raw_message="yes")
    outlets.desk.ok("outlet", "set", "desk", "--headers-stdin", input="X-Token: s3cret")
    outlets.desk.ok("read", input=mail("a broken chair", body="It has three legs."))
    with outlets.delivering():
        wait_until(lambda: len(outlets.deliveries(state=DeliveryState.DELIVERED)) == 1, "the event")
    [row] = outlets.deliveries()
    page = client.get(f"/outlets/1/deliveries/{row.id}").text
    for word in ("three legs", "X-Token: (not shown)", row.event_key, "4711", "raw_message"):
        assert word in page
    assert "s3cret" not in page
    with app.app_context(), read_session() as session:
        number = session.scalars(select(Ticket.number)).one()
    assert number in client.get("/outlets/1/status").text
    ticket = client.get(f"/tickets/{number}").text
    assert "Handed over" in ticket
    assert 'href="https://desk.example.com/4711"' in ticket
    assert "three legs" in receiver.calls[0].document["data"]["article"]["text"]


def test_what_waits_for_an_outlet_that_hands_nothing_over_is_not_said_to_be_tried_again(
    client: FlaskClient, outlets: Outlets, receiver: EventReceiver
) -> None:
    receiver.answer = lambda _call: Reply(503)
    outlets.add(receiver)
    outlets.happen(1)
    with outlets.delivering():
        wait_until(lambda: bool(outlets.outlet().state.failures), "an attempt")
    number = outlets.deliveries()[0].id
    pages = ("/outlets/1/status", '<span class="under">again'), (f"/outlets/1/deliveries/{number}", "Next attempt")
    for path, said in pages:
        assert said in client.get(path).text
    outlets.desk.ok("outlet", "pause", "desk")
    for path, said in pages:
        assert said not in client.get(path).text


def test_leads_see_where_a_ticket_was_handed_over_and_nothing_else_of_outlets(
    lead: FlaskClient, app: Flask, outlets: Outlets, receiver: EventReceiver
) -> None:
    outlets.add(receiver)
    outlets.desk.ok("read", input=mail("hello"))
    with outlets.delivering():
        wait_until(lambda: len(outlets.deliveries(state=DeliveryState.DELIVERED)) == 1, "the event")
    with app.app_context(), read_session() as session:
        number = session.scalars(select(Ticket.number)).one()
    assert "Handed over" in lead.get(f"/tickets/{number}").text
    assert lead.get("/outlets").status_code == 403
    assert lead.get("/outlets/1/status").status_code == 403


@pytest.mark.parametrize("path", ["/outlets/9/status", "/outlets/1/deliveries/9", "/outlets/9/deliveries/1"])
def test_what_is_not_there_is_said_so(
    client: FlaskClient, outlets: Outlets, receiver: EventReceiver, path: str
) -> None:
    outlets.add(receiver)
    assert client.get(path).status_code == 404
