"""Administration, Operation: incidents that are acknowledged, who is told, the pause and the link to the wall view."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.operations.models import AlertTarget, Incident
from tests.servers.alerts import WebhookServer
from tests.support import Desk
from tests.web.conftest import HTMX, add, signed_in, token_header, token_of
from tests.web.resource_support import fill, labels, press_delete, queries_of, words
from tests.web.test_accounts import add_rows, tell_state
from tests.web.test_board import press

ADD = "/operation/targets/add"


def send(client: FlaskClient, path: str, **fields: Any) -> str:
    """Send a form of the page; returns the words of the page that follows."""
    answer = client.post(f"/operation/{path}", data=fields, headers=token_header(client), follow_redirects=True)
    return words(answer.text)


def add_target(client: FlaskClient, webhook: WebhookServer, **fields: Any) -> Any:
    """Add a target by the page; returns the answer."""
    data = {"name": "Ops", "address": webhook.target, "validity": "valid", "csrf_token": token_of(client.get(ADD).text)}
    return client.post(ADD, data={**data, **fields})


def open_incidents(app: Flask, last: int, first: int = 1) -> None:
    """Accounts with ids from ``first`` to ``last`` from which no mail came for a long time, each with its incident."""
    add_rows(app, first, last + 1)
    for number in range(first, last + 1):
        tell_state(app, number, last_success_at=now() - timedelta(days=1))
    with app.app_context(), transaction() as session:
        for number in range(first, last + 1):
            about = {"condition": "silence", "subject": str(number), "sentence": "No mail", "path": "/status"}
            session.add(Incident(**about, opened_at=now()))


def test_a_target_is_added_tested_changed_and_deleted(app: Flask, client: FlaskClient, webhook: WebhookServer) -> None:
    assert "No alerts are sent: there is no target." in words(client.get("/operation").text)
    answer = add_target(client, webhook, conditions=["worker", "silence"], quiet_hours="22:00-6:00")
    assert (answer.status_code, answer.location) == (303, "/operation")
    page = words(client.get("/operation").text)
    assert "Ops Ready No mail fetched, Fetching has stopped 22:00-06:00" in page
    assert "The alert target “Ops” got the test message." in send(client, "test", target="id-1")
    assert [call["title"] for call in webhook.calls] == ["PostMaster: test"]
    assert fill(client, "/operation/targets/1", quiet_hours="").location == "/operation"
    assert labels(client, "/operation") == ["Ops"]
    assert press_delete(client, "/operation/targets/1/delete").location == "/operation"
    assert "There are no targets yet." in words(client.get("/operation").text)
    log = words(client.get("/audit?noun=target").text)
    for action in ("add", "set", "try", "delete"):
        assert action in log


def test_the_address_of_a_target_is_sealed_and_shown_nowhere(
    app: Flask, client: FlaskClient, desk: Desk, webhook: WebhookServer
) -> None:
    add_target(client, webhook)
    with app.app_context(), read_session() as session:
        kept = session.scalars(select(AlertTarget.sealed_address)).one()
    said = kept + desk.ok("alert", "target", "export").stdout + desk.ok("alert", "target", "show", "Ops").stdout
    for path in ("/operation", "/operation/targets/1", "/audit"):
        said += client.get(path).text
    assert "s3cret" not in said
    assert str(webhook.port) not in said
    fill(client, "/operation/targets/1", address="", name="Ops at night")
    assert "got the test message" in send(client, "test"), "an address that is left empty stays"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "Name is missing."),
        ({"address": ""}, "Address is missing."),
        ({"address": "ops@example.com"}, "Address is not an address that Apprise can send to."),
        ({"address": "nonsense://s3cret"}, "Address is not an address that Apprise can send to."),
        ({"address": "json://127.0.0.1:1 json://127.0.0.1:2"}, "Address is not an address that Apprise can send to."),
        ({"quiet_hours": "night"}, "Quiet hours is “night”, but must be hours. Enter them as in 22:00-06:00."),
        ({"quiet_hours": "22:00-22:00"}, "begins and ends at the same time"),
        ({"conditions": ["weather"]}, "Conditions is “weather”, but must be silence"),
    ],
)
def test_a_wrong_target_is_refused_beside_its_field(
    client: FlaskClient, webhook: WebhookServer, fields: dict[str, Any], sentence: str
) -> None:
    answer = add_target(client, webhook, **fields)
    assert (answer.status_code, sentence in words(answer.text)) == (422, True)
    assert "s3cret" not in answer.text


def test_a_target_whose_key_is_lost_says_so_and_is_sealed_anew_with_another_one(
    app: Flask, client: FlaskClient, desk: Desk, webhook: WebhookServer
) -> None:
    add_target(client, webhook)
    assert "1 sealed with the first key" in desk.ok("credential", "rotate-key").stdout
    with app.app_context(), transaction() as session:
        session.scalars(select(AlertTarget)).one().sealed_address = "k000000000000.gone"
    assert "Ops Needs key" in words(client.get("/operation").text)
    assert "the secrets of target “Ops”" in desk.ok("credential", "forget-sealed", "--yes").stdout
    assert "Ops Needs address" in words(client.get("/operation").text)
    assert "There is no such target any more, or it is not valid." in send(client, "test")


@pytest.fixture
def telling(environ: dict[str, str], webhook: WebhookServer) -> Flask:
    """An app that tells it."""
    return create_app(load_environment({**environ, "POSTMASTER_ALERT_TARGETS": webhook.target}))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (False, "The alert target “target 1 (json)” got the test message."),
        (True, "The alert target “target 1 (json)” did NOT get it: check its address"),
    ],
)
def test_targets_of_the_environment_are_shown_and_tested_but_not_edited(
    telling: Flask, webhook: WebhookServer, broken: bool, said: str
) -> None:
    add(telling, "admin")
    client, webhook.broken = signed_in(telling, "admin"), broken
    page = client.get("/operation").text
    assert (
        "Set by POSTMASTER_ALERT_TARGETS, told of everything at any hour, and not changed here: target 1 (json)."
        in (words(page))
    )
    told = send(client, "test")
    assert said in told
    assert "s3cret" not in page + told
    assert [call["title"] for call in webhook.calls] == ([] if broken else ["PostMaster: test"])


def test_a_lead_or_a_foreign_form_sends_no_test_message(telling: Flask, webhook: WebhookServer) -> None:
    for name in ("lead", "admin"):
        add(telling, name, name)
    lead = signed_in(telling, "lead")
    assert lead.get("/operation").status_code == 403
    assert lead.post("/operation/test", headers=token_header(lead)).status_code == 403
    assert signed_in(telling, "admin").post("/operation/test").status_code == 400
    assert webhook.calls == []


def test_incidents_are_acknowledged_with_a_note_and_stay_listed(app: Flask, client: FlaskClient) -> None:
    open_incidents(app, 3)
    page = send(client, "acknowledge", incident=["1", "2"], note="Provider is told")
    assert "2 incidents are acknowledged." in page
    assert page.count("Acknowledged by admin just now : Provider is told") == 2
    assert "3 open" in page
    first = client.get("/operation").text
    assert first.index('value="3"') < first.index('value="1"'), "what nobody looks after comes first"
    assert "Acknowledged by admin just now : Provider is told" in words(client.get("/status").text)
    assert "acknowledge" in words(client.get("/audit?noun=incident").text)


def test_an_acknowledgement_needs_a_note_and_keeps_what_was_ticked(app: Flask, client: FlaskClient) -> None:
    open_incidents(app, 2)
    answer = client.post("/operation/acknowledge", data={"incident": "2", "note": " "}, headers=token_header(client))
    assert (answer.status_code, "Note is missing." in words(answer.text)) == (422, True)
    assert 'id="incident-2" aria-label="Incident 2" checked' in answer.text
    assert 'id="reason-error"' not in answer.text
    assert "No incident was chosen." in send(client, "acknowledge", note="x")
    assert "None of these incidents is open any more." in send(client, "acknowledge", incident=["9"], note="x")


def test_of_many_incidents_some_are_shown_at_the_same_cost(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postmaster.web.operation.MAX_INCIDENTS", 5)
    client.get("/operation")
    open_incidents(app, 2)
    few = queries_of(app, client, "/operation")
    open_incidents(app, 8, first=3)
    assert queries_of(app, client, "/operation") <= few
    page = client.get("/operation").text
    assert "8 open, 5 are shown; flask alert list has all" in words(page)
    assert page.count('name="incident"') == 5


def test_htmx_gets_the_list_of_targets_alone(client: FlaskClient, webhook: WebhookServer) -> None:
    add_target(client, webhook)
    part = client.get("/operation?sort=-name", headers=HTMX).text
    assert "Ops" in part
    assert "<h1" not in part
    asks = client.get("/operation/targets/1/delete", headers=HTMX).text
    assert "Delete this alert target? What was not sent to it yet is not sent any more." in words(asks)


@pytest.mark.usefixtures("alive")
def test_the_pause_and_the_wall_have_their_place_here(client: FlaskClient) -> None:
    assert "Pause all fetching" not in client.get("/status").text
    assert "The reason is shown on every page." in words(client.get("/operation").text)
    assert "All fetching is paused." in send(client, "pause", reason="Moving house")
    assert "Paused by admin just now : “Moving house”." in words(client.get("/operation").text)
    assert "Mail is fetched again." in send(client, "resume")
    assert "Create another link" in words(press(client, "/wall/create").text)
