"""What is done with the accounts that are selected in the list, and undone."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.web import bulk
from tests.support import Desk
from tests.web.conftest import add, signed_in, token_of
from tests.web.resource_support import add_credential, labels, words


@pytest.fixture
def three(desk: Desk) -> None:
    """Three accounts with credentials, and a queue."""
    desk.ok("queue", "add", "--name", "Sales")
    for name in ("ada", "berta", "carla"):
        add_credential(desk, name)
        desk.add_account(type="IMAP", host=f"{name}.example", credential=name)


def press(client: FlaskClient, action: str, *ids: int, path: str = "/accounts", **fields: str) -> Any:
    """Select these in the list, and press a button of the bar; with ``fields``, answer what is asked then."""
    page = client.get(path).text
    answers = {"confirmed": "yes", **fields} if fields else {}
    data = {"csrf_token": token_of(page), "id": [str(number) for number in ids], **answers}
    [address] = re.findall(rf'formaction="([^"]*/bulk/{action}[^"]*)"', page)
    return client.post(html.unescape(address), data=data, follow_redirects=True)


def press_undo(client: FlaskClient, answer: Any) -> str:
    """Press Undo in the message of ``answer``; returns the page that follows."""
    [address] = re.findall(r'action="([^"]*/undo/[^"]*)"', answer.text)
    sent = client.post(html.unescape(address), data={"csrf_token": token_of(answer.text)}, follow_redirects=True)
    return words(sent.text)


def state_of(app: Flask) -> AccountState:
    """The state of the first account."""
    with app.app_context(), read_session() as session:
        return session.get_one(AccountState, 1)


def shown(desk: Desk, number: int) -> Any:
    """What the command line says of an account."""
    return desk.ok("account", "show", number, "--json").json


@pytest.mark.usefixtures("three")
def test_the_bar_asks_why_and_pauses_what_is_selected_and_undo_resumes_it(client: FlaskClient, desk: Desk) -> None:
    asked = words(press(client, "pause", 1, 3).text)
    assert "Pause: 2 accounts? Nothing is fetched until somebody resumes it" in asked
    assert "ada@ada.example carla@carla.example" in asked
    answer = press(client, "pause", 1, 3, reason="The server moves")
    text = words(answer.text)
    assert "Paused: 2 accounts. Undo" in text
    assert "Paused by admin since" in text
    assert "“The server moves”. Its mail stays on the server until somebody resumes it." in text
    assert [shown(desk, number)["health"] for number in (1, 2, 3)] == ["paused-by-hand", "never", "paused-by-hand"]
    assert "Undone: 2 accounts." in press_undo(client, answer)
    assert {shown(desk, number)["health"] for number in (1, 2, 3)} == {"never"}


@pytest.mark.usefixtures("three")
def test_undo_of_resume_pauses_as_it_was(client: FlaskClient, desk: Desk) -> None:
    desk.ok("account", "pause", 1, "--reason", "Holiday")
    before = shown(desk, 1)
    answer = press(client, "resume", 1, 2)
    assert "Resumed: 1 account. Unchanged: 1 account. Undo" in words(answer.text)
    press_undo(client, answer)
    again = shown(desk, 1)
    assert [again[name] for name in ("paused_at", "paused_by", "paused_reason")] == [
        before[name] for name in ("paused_at", "paused_by", "paused_reason")
    ]


@pytest.mark.usefixtures("three")
def test_queue_and_tags_are_changed_and_put_back(client: FlaskClient, desk: Desk) -> None:
    desk.ok("account", "set", 1, "--tags", "VIP, west")
    moved = press(client, "queue", 1, 2, queue="Sales")
    assert "Moved: 2 accounts." in words(moved.text)
    assert (shown(desk, 1)["dispatching"], shown(desk, 1)["queue"]) == ("queue", "Sales")
    press_undo(client, moved)
    assert (shown(desk, 1)["dispatching"], shown(desk, 1)["queue"]) == ("to", None)
    tagged = press(client, "tag", 1, 2, tags="East, vip")
    assert "Tagged: 2 accounts." in words(tagged.text)
    assert [shown(desk, number)["tags"] for number in (1, 2)] == ["vip; west; east", "east; vip"]
    press_undo(client, tagged)
    assert [shown(desk, number)["tags"] for number in (1, 2)] == ["vip; west", ""]
    press(client, "untag", 1, 2, tags="west")
    assert shown(desk, 1)["tags"] == "vip"


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("action", "fields"), [("tag", {"tags": "east"}), ("queue", {"queue": "Sales"})])
def test_what_no_server_is_told_of_sends_no_refused_password_again(
    app: Flask, client: FlaskClient, desk: Desk, action: str, fields: dict[str, str]
) -> None:
    later = now() + timedelta(hours=8)
    with app.app_context(), transaction() as session:
        account = session.get_one(MailAccount, 1)
        account.state = AccountState(failures=1, paused_revision=account.config_revision, next_run_at=later)
    press(client, action, 1, **fields)
    assert (shown(desk, 1)["health"], state_of(app).next_run_at) == ("paused", later)
    desk.ok("account", "set", 1, "--host", "other.example")
    assert (shown(desk, 1)["health"], state_of(app).next_run_at) == ("failing", None)


@pytest.mark.usefixtures("three")
def test_undo_leaves_what_was_changed_since(client: FlaskClient, desk: Desk) -> None:
    tagged = press(client, "tag", 1, 2, tags="east")
    desk.ok("account", "set", 2, "--tags", "north")
    text = press_undo(client, tagged)
    assert "Undone: 1 account." in text
    assert "Not done: berta@berta.example: It was changed since then" in text
    assert [shown(desk, number)["tags"] for number in (1, 2)] == ["", "north"]


@pytest.mark.usefixtures("three")
def test_undo_of_a_pause_leaves_a_later_one_for_the_same_reason(app: Flask, client: FlaskClient, desk: Desk) -> None:
    paused = press(client, "pause", 1, reason="Holiday")
    desk.ok("account", "resume", 1)
    desk.ok("account", "pause", 1, "--reason", "Holiday")
    with app.app_context(), transaction() as session:
        session.execute(update(AccountState).values(paused_at=now() + timedelta(minutes=1)))
    assert "It was changed since then" in press_undo(client, paused)
    assert shown(desk, 1)["health"] == "paused-by-hand"


@pytest.mark.usefixtures("three")
def test_nobody_else_can_undo_it_and_not_twice(app: Flask, client: FlaskClient, desk: Desk) -> None:
    tagged = press(client, "tag", 1, tags="east")
    add(app, "eve")
    eve = signed_in(app, "eve")
    [address] = re.findall(r'action="([^"]*/undo/[^"]*)"', tagged.text)
    sent = eve.post(address, data={"csrf_token": token_of(eve.get("/accounts").text)}, follow_redirects=True)
    assert "There is nothing to undo." in words(sent.text)
    assert shown(desk, 1)["tags"] == "east"
    press_undo(client, tagged)
    assert "It was changed since then" in press_undo(client, tagged)


@pytest.mark.usefixtures("three")
def test_deleting_asks_says_what_stays_and_has_no_undo(client: FlaskClient) -> None:
    asked = words(press(client, "delete", 1, 2).text)
    assert "Delete: 2 accounts? This cannot be undone. Their tickets stay" in asked
    assert len(labels(client, "/accounts")) == 3
    answer = press(client, "delete", 1, 2, sure="yes")
    assert "Deleted: 2 accounts." in words(answer.text)
    assert 'id="undo"' not in answer.text
    assert labels(client, "/accounts") == ["carla@carla.example"]


@pytest.mark.usefixtures("three")
def test_fetch_now_asks_for_what_is_selected(client: FlaskClient) -> None:
    assert "Accounts: 2 queued." in words(press(client, "fetch", 1, 2).text)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("action", "fields", "said"),
    [
        ("pause", {"reason": " "}, "Reason is missing."),
        ("tag", {"tags": "x" * 41}, "longer than 40 characters"),
        ("queue", {"queue": ""}, "Queue is missing."),
    ],
)
def test_what_is_asked_for_must_be_answered(
    client: FlaskClient, desk: Desk, action: str, fields: dict[str, str], said: str
) -> None:
    answer = press(client, action, 1, **fields)
    assert answer.status_code == 422
    assert said in words(answer.text)
    assert (shown(desk, 1)["health"], shown(desk, 1)["tags"]) == ("never", "")


@pytest.mark.usefixtures("three")
def test_what_is_refused_or_gone_keeps_nothing_from_the_others(client: FlaskClient, desk: Desk) -> None:
    text = words(press(client, "tag", 1, 99, tags="east").text)
    assert "Tagged: 1 account." in text
    assert "Not done: account 99: it no longer exists." in text
    assert "No mail account is selected." in words(press(client, "resume").text)


@pytest.mark.usefixtures("three")
def test_select_all_ticks_the_page_and_what_the_filter_finds(app: Flask, client: FlaskClient, desk: Desk) -> None:
    with app.app_context(), transaction() as session:
        common = {"type": "IMAP", "revision": 1, "changed_at": now(), "created_at": now()}
        session.execute(insert(MailAccount), [{"host": f"h{n:02}.example", **common} for n in range(60)])
    page = client.get("/accounts?all=page").text
    assert page.count(" checked") == 50
    assert "Select all 63 that the filter finds" in words(page)
    assert client.get("/accounts").text.count(" checked") == 0
    found = client.get("/accounts?q=h0&all=found").text
    assert "All 10 selected" in words(found)
    token = token_of(found)
    data = {"csrf_token": token, "all": "found", "tags": "many"}
    asked = client.post("/accounts/bulk/tag?q=h0", data=data).text
    assert "Add tags: 10 accounts?" in words(asked)
    ids = re.findall(r'name="id" value="(\d+)"', asked)
    client.post("/accounts/bulk/tag?q=h0", data={"csrf_token": token, "confirmed": "yes", "id": ids, "tags": "many"})
    assert len(desk.ok("account", "list", "--tag", "many", "--json").json_lines) == 10


@pytest.mark.usefixtures("three")
def test_what_is_selected_stays_so_while_rows_are_renewed(client: FlaskClient) -> None:
    answer = client.get("/accounts/live?shown=1:old&shown=2:old&id=2", headers={"HX-Request": "true"}).text
    assert answer.count(" checked") == 1
    assert 'id="select-2" value="2" form="bulk"' in answer


@pytest.mark.parametrize("path", ["/queues", "/filters", "/credentials", "/addresses"])
def test_other_lists_have_the_bar_too(client: FlaskClient, path: str, desk: Desk) -> None:
    add_credential(desk, "ada")
    desk.ok("filter", "add", "--name", "any", "--match", "Subject=x", "--set", "X-OTRS-Title=y")
    desk.ok("address", "add", "--address", "a@example.org", "--name", "A", "--queue", "Raw")
    number = 4 if path == "/queues" else 1
    answer = press(client, "invalid", number, path=path)
    assert "Invalid: 1" in words(answer.text)
    assert "Undone: 1" in press_undo(client, answer)


def test_a_queue_that_is_used_is_not_deleted_with_others(client: FlaskClient, desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Spare")
    desk.ok("address", "add", "--address", "a@example.org", "--name", "A", "--queue", "Misc")
    listed = {row["label"]: row["id"] for row in desk.ok("queue", "list", "--json").json_lines}
    text = words(press(client, "delete", listed["Misc"], listed["Spare"], path="/queues", sure="yes").text)
    assert "Deleted: 1 queue." in text
    assert "Not done: Misc: The queue “Misc” is in use" in text


@pytest.mark.usefixtures("three")
def test_more_than_a_request_has_time_for_is_refused(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_BULK", 2)
    assert "More than 2 accounts are selected. Narrow the filter" in words(press(client, "resume", 1, 2, 3).text)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("ids", [["x"], ["-1"], ["9" * 30], ["1\0"]])
def test_what_is_no_id_selects_nothing(client: FlaskClient, ids: list[str]) -> None:
    data = {"csrf_token": token_of(client.get("/accounts").text), "id": ids}
    answer = client.post("/accounts/bulk/fetch", data=data, follow_redirects=True)
    assert "No mail account is selected." in words(answer.text)
    assert client.post("/accounts/bulk/explode", data=data).status_code == 404
