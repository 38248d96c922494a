"""The pages of users: what ``flask user`` does, and links by which a password is chosen."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from postmaster.extensions import db, now
from postmaster.system.password_resets import VALID_HOURS
from tests.web.conftest import PASSWORD, add, signed_in, token_header, token_of
from tests.web.resource_support import words
from tests.web.test_session import NEW_PASSWORD, is_in


def press(client: FlaskClient, path: str, **fields: str) -> str:
    """Press a button of a page of users; returns the page that follows."""
    answer = client.post(f"/users/{path}", data=fields, headers=token_header(client), follow_redirects=True)
    return words(answer.text)


def link_in(page: str) -> str:
    """The path of the link that a page shows."""
    found = re.search(r'<code id="link">http://localhost(/reset/[\w-]+)</code>', page)
    assert found, "no link is shown"
    return found[1]


def make_link(client: FlaskClient, number: int = 2) -> str:
    """Have a link made for a user."""
    return link_in(client.post(f"/users/{number}/link", headers=token_header(client)).text)


def choose(browser: FlaskClient, link: str, password: str = NEW_PASSWORD) -> tuple[int, str]:
    """Open a link and choose a password; returns the status, and the words of the page that follows."""
    form = browser.get(link).text
    answer = browser.post(link, data={"new": password, "csrf_token": token_of(form)})
    follows = browser.get(answer.location).text if answer.location else answer.text
    return answer.status_code, words(follows)


def signs_in(app: Flask, name: str, password: str) -> bool:
    """Whether somebody can sign in so."""
    browser = app.test_client()
    form = {"user": name, "password": password, "csrf_token": token_of(browser.get("/login").text)}
    return browser.post("/login", data=form).status_code == 303


def test_a_user_is_added_with_a_link_by_which_a_password_is_chosen_once(app: Flask, client: FlaskClient) -> None:
    token = token_of(client.get("/users/add").text)
    page = client.post("/users/add", data={"name": "ada", "role": "lead", "password": "", "csrf_token": token}).text
    link = link_in(page)
    assert not signs_in(app, "ada", "")
    newcomer = app.test_client()
    assert "Choose a new password for ada ." in words(newcomer.get(link).text)
    status, page = choose(newcomer, link)
    assert (status, "Your password is set. Sign in with it." in page) == (303, True)
    assert signs_in(app, "ada", NEW_PASSWORD)
    assert newcomer.get(link).status_code == 404
    assert "ada Team lead Active" in words(client.get("/users").text)


def test_a_user_is_added_with_a_password(app: Flask, client: FlaskClient) -> None:
    token = token_of(client.get("/users/add").text)
    data = {"name": "ada", "role": "admin", "password": PASSWORD, "csrf_token": token}
    assert client.post("/users/add", data=data).location == "/users"
    assert signs_in(app, "ada", PASSWORD)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "Name is missing."),
        ({"name": "ADMIN"}, "which another user has"),
        ({"name": "ada", "role": "boss"}, "Role is “boss”, but must be admin or lead."),
        ({"name": "ada", "password": "ninechars"}, "Password has 9 characters"),
    ],
)
def test_a_wrong_user_is_refused_beside_the_field(client: FlaskClient, fields: dict[str, str], sentence: str) -> None:
    token = token_of(client.get("/users/add").text)
    answer = client.post("/users/add", data={"role": "lead", "csrf_token": token, **fields})
    assert (answer.status_code, sentence in words(answer.text)) == (422, True)
    assert "1 browser" in words(client.get("/users").text)


# calzoneman/sync#871: previews of links open them; authelia/authelia#2994: scanners of mail send HEAD.
def test_looking_at_a_link_does_not_use_it_up_and_a_refused_password_neither(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    link, browser = make_link(client), app.test_client()
    for _ in range(3):
        assert browser.get(link).status_code == 200
    assert browser.head(link).status_code == 200
    status, page = choose(browser, link, "short")
    assert (status, "Password has 5 characters" in page) == (422, True)
    assert signs_in(app, "ada", PASSWORD), "the old password works until the link is used"
    assert choose(browser, link)[0] == 303
    assert not signs_in(app, "ada", PASSWORD)


def test_a_link_ends_all_sessions_of_its_user(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    thief = signed_in(app, "ada")
    choose(app.test_client(), make_link(client))
    assert not is_in(thief)


def test_a_link_ends_with_a_newer_one_a_new_password_and_its_day(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    first, second = make_link(client), make_link(client)
    assert app.test_client().get(first).status_code == 404
    with time_machine.travel(now() + timedelta(hours=VALID_HOURS, minutes=1), tick=False):
        assert app.test_client().get(second).status_code == 404
    press(client, "2/password", password=NEW_PASSWORD)
    answer = app.test_client().get(second)
    assert answer.status_code == 404
    assert "was used already, was replaced, or has expired" in words(answer.text)


def test_a_disabled_user_has_no_link(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    link = make_link(client)
    press(client, "2/disable")
    assert app.test_client().get(link).status_code == 404
    press(client, "2/enable")
    assert app.test_client().get(link).status_code == 404, "it was for who the user was"


def test_a_link_for_a_lead_makes_no_admin(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    link = make_link(client)
    press(client, "2/role", role="admin")
    assert app.test_client().get(link).status_code == 404


def test_a_link_stands_in_no_log_and_no_page(
    app: Flask,
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add(app, "ada", "lead")
    link = make_link(client)
    assert app.test_client().post(link, data={"new": NEW_PASSWORD}).status_code == 400  # without a token
    with monkeypatch.context() as broken:
        broken.setattr("postmaster.web.session.user_of_link", lambda *_: 1 / 0)
        app.config["PROPAGATE_EXCEPTIONS"] = False
        assert app.test_client().get(link).status_code == 500
    choose(app.test_client(), link)
    assert app.test_client().get(link).status_code == 404
    secret = link.rpartition("/")[2]
    out = capsys.readouterr()
    assert "/reset/…" in caplog.text + out.out + out.err
    assert secret not in caplog.text + out.out + out.err
    for address in ("/audit", "/users", "/users/2"):
        assert secret not in client.get(address).text
    assert "create-reset-link" in client.get("/audit").text


def test_roles_and_access_are_changed_and_recorded(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    other = signed_in(app, "ada")
    assert "“ada” is now: admin." in press(client, "2/role", role="admin")
    assert not is_in(other)
    assert "“ada” can no longer sign in." in press(client, "2/disable")
    assert not signs_in(app, "ada", PASSWORD)
    assert "“ada” can sign in again." in press(client, "2/enable")
    assert signs_in(app, "ada", PASSWORD)
    log = words(client.get("/audit?noun=user").text)
    for change in ("set-role", "disable", "enable"):
        assert change in log


def test_the_last_admin_cannot_be_lost(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    for path, fields in (("1/disable", {}), ("1/role", {"role": "lead"})):
        page = press(client, path, **fields)
        assert "“admin” is the only admin who can sign in. Add another admin first, or make somebody one." in page
    add(app, "bob", "admin")
    press(client, "3/disable")
    assert "is the only admin" in press(client, "1/disable"), "who is shut out does not count"
    press(client, "3/enable")
    press(client, "1/role", role="lead")
    assert not is_in(client)


def test_a_password_is_set_and_a_short_one_refused(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    assert "Password has 5 characters" in press(client, "2/password", password="short")
    assert "The password of “ada” is changed." in press(client, "2/password", password=NEW_PASSWORD)
    assert signs_in(app, "ada", NEW_PASSWORD)


def test_one_session_is_ended_or_all_of_them(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    first, second, third = (signed_in(app, "ada") for _ in range(3))
    page = client.get("/users/2").text
    keys = re.findall(r'name="session" value="(\w+)"', page)
    assert len(keys) == 3
    assert "1 session of “ada” ended." in press(client, "2/sign-out", session=keys[0])
    assert sum(map(is_in, (first, second, third))) == 2
    assert "has no session" in press(client, "2/sign-out", session=keys[0])
    assert "has no session" in press(client, "1/sign-out", session=keys[1]), "it is not that user's"
    assert "2 sessions of “ada” ended." in press(client, "2/sign-out")
    assert not any(map(is_in, (first, second, third)))
    assert "Not signed in anywhere." in words(client.get("/users/2").text)


def test_the_list_says_who_signed_in_last_and_where(app: Flask, client: FlaskClient) -> None:
    add(app, "ada", "lead")
    page = words(client.get("/users").text)
    assert "ada Team lead Active Never No" in page
    assert "admin you Service desk admin Active just now 1 browser" in page
    assert "this browser" in client.get("/users/1").text


def test_a_list_of_many_users_asks_no_more_often(app: Flask, client: FlaskClient) -> None:
    asked: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    client.get("/users")
    few = len(asked)
    for number in range(5):
        add(app, f"user{number}", "lead")
    asked.clear()
    client.get("/users")
    assert len(asked) <= few


def test_a_user_that_is_not_there_is_no_page(client: FlaskClient) -> None:
    assert client.get("/users/99").status_code == 404
    assert client.post("/users/99/disable", headers=token_header(client)).status_code == 404
