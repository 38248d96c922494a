"""Signing in and out, sessions and passwords."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from postmaster import create_app
from postmaster.application import LazyApplication
from postmaster.config import load_environment
from postmaster.system.sessions import IDLE_MINUTES
from postmaster.web.access import polling, public
from tests.results import Run
from tests.web.conftest import HTMX, PASSWORD, add, send, signed_in, token_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEW_PASSWORD = "another battery staple"


def is_in(client: FlaskClient) -> bool:
    """Whether the browser is signed in."""
    return client.get("/").status_code == 200


def test_who_signs_in_gets_to_the_page_asked_for(app: Flask, anonymous: FlaskClient) -> None:
    add(app, "ada")
    asked = anonymous.get("/password")
    assert asked.location == "/login?next=/password"
    form = {"user": "Ada", "password": PASSWORD, "csrf_token": token_of(anonymous.get(asked.location).text)}
    answer = anonymous.post(asked.location, data=form)
    assert (answer.status_code, answer.location) == (303, "/password")
    assert "<strong>ada</strong>" in anonymous.get("/").text


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong password"), ("nobody", PASSWORD), ("a\x00da", PASSWORD)])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    app: Flask, anonymous: FlaskClient, name: str, password: str
) -> None:
    add(app, "ada")
    token = token_of(anonymous.get("/login").text)
    answer = anonymous.post("/login", data={"user": name, "password": password, "csrf_token": token})
    assert answer.status_code == 422
    assert "User name or password is wrong. Try again." in answer.text
    assert password not in answer.text
    assert not is_in(anonymous)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({"password": "x"}, "Enter your user name."), ({"user": "ada"}, "Enter your password.")],
)
def test_the_sign_in_form_says_what_is_missing(
    app: Flask, anonymous: FlaskClient, fields: dict[str, str], sentence: str
) -> None:
    add(app, "ada")
    assert sentence in send(anonymous, "/login", **fields)


def test_names_come_back_as_text(app: Flask, anonymous: FlaskClient) -> None:
    add(app, "ada")
    page = send(anonymous, "/login", user='"><script>alert(1)</script>', password="x")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def cookies_of(app: Flask, url: str) -> list[str]:
    """What is set for somebody who opens the sign-in page at ``url``."""
    return app.test_client().get("/login", base_url=url).headers.getlist("Set-Cookie")


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(app: Flask) -> None:
    (cookie,) = cookies_of(app, "http://localhost")
    parts = cookie.split("; ")
    assert parts[0].startswith("postmaster=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(parts)
    assert "Secure" not in parts


def test_with_https_the_session_cookie_goes_nowhere_else(data_dir: Path) -> None:
    url = "https://desk.example.com"
    app = create_app(load_environment({"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_PUBLIC_URL": url}))
    (cookie,) = cookies_of(app, url)
    parts = cookie.split("; ")
    assert parts[0].startswith("__Host-")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(parts)
    assert "Domain" not in cookie
    assert "max-age=" in app.test_client().get("/login").headers["Strict-Transport-Security"]


def test_without_https_browsers_are_not_told_to_insist_on_it(anonymous: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in anonymous.get("/login").headers


def test_signing_in_starts_a_session_of_its_own(app: Flask, anonymous: FlaskClient) -> None:
    add(app, "ada")
    with anonymous.session_transaction() as session:
        session["planted"] = "by somebody else"
    send(anonymous, "/login", user="ada", password=PASSWORD)
    with anonymous.session_transaction() as session:
        assert "planted" not in session


def test_a_session_ends_when_nobody_clicks(app: Flask) -> None:
    add(app, "ada")
    with time_machine.travel(NOON, tick=False) as clock:
        client = signed_in(app, "ada")
        clock.shift(timedelta(minutes=IDLE_MINUTES - 1))
        assert is_in(client)
        clock.shift(timedelta(minutes=IDLE_MINUTES - 1))
        assert is_in(client)
        clock.shift(timedelta(minutes=IDLE_MINUTES, seconds=1))
        assert client.get("/").location == "/login"


def test_polling_does_not_keep_a_session_alive(app: Flask) -> None:
    add(app, "ada")
    assert isinstance(app, LazyApplication)
    app.complete()
    polled = app.view_functions["status.page"]
    app.add_url_rule("/poll", "poll", polling(lambda: polled().upper()))
    app.view_functions["poll"].access = polled.access  # type: ignore[attr-defined]
    with time_machine.travel(NOON, tick=False) as clock:
        client = signed_in(app, "ada")
        for _ in range(IDLE_MINUTES):
            clock.shift(timedelta(minutes=1))
            assert client.get("/poll", headers=HTMX).status_code == 200
        clock.shift(timedelta(seconds=1))
        answer = client.get("/poll", headers=HTMX)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/status?shown%3Dall"


def test_who_signs_out_is_out(client: FlaskClient) -> None:
    token = token_of(client.get("/password").text)
    answer = client.post("/logout", data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert not is_in(client)


def test_nobody_is_signed_out_by_a_link(client: FlaskClient) -> None:
    assert client.get("/logout").status_code == 405
    assert is_in(client)


def test_who_is_shut_out_is_out_at_once(app: Flask, run: Run, client: FlaskClient) -> None:
    add(app, "root")  # the last admin cannot be lost
    assert is_in(client)
    assert run("user", "disable", "admin").exit_code == 0
    assert not is_in(client)
    assert not is_in(signed_in(app, "admin"))


def change_password(client: FlaskClient, current: str = PASSWORD, new: str = NEW_PASSWORD) -> str:
    """Send the form; returns the page that follows."""
    return send(client, "/password", current=current, new=new)


def test_a_changed_password_ends_the_other_sessions(app: Flask, client: FlaskClient) -> None:
    other = signed_in(app, "admin")
    assert "Your password is changed" in change_password(client)
    assert is_in(client)
    assert not is_in(other)
    assert not is_in(signed_in(app, "admin"))
    send(other, "/login", user="admin", password=NEW_PASSWORD)
    assert is_in(other)


def test_a_password_set_by_command_ends_all_sessions(run: Run, client: FlaskClient) -> None:
    assert run("user", "set-password", "admin", "--password-stdin", input=NEW_PASSWORD).exit_code == 0
    assert not is_in(client)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"current": "not the password"}, "The current password is wrong."),
        ({"new": "ninechars"}, "Password has 9 characters"),
        ({"new": ""}, "Enter a new password."),
        ({"current": ""}, "Enter your current password."),
    ],
)
def test_a_refused_password_is_said_beside_its_field(
    app: Flask, client: FlaskClient, fields: dict[str, str], sentence: str
) -> None:
    other = signed_in(app, "admin")
    page = change_password(client, **fields)
    (name,) = fields
    assert f'id="{name}-error"' in page
    assert sentence in page.partition(f'id="{name}-error"')[2]
    assert is_in(other)


def test_a_lead_changes_the_own_password(lead: FlaskClient) -> None:
    assert "Your password is changed" in change_password(lead)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\t\\evil.example/",
        "\n//evil.example/",
        "javascript:alert(1)",
        "evil.example",
        "http:evil.example",
        "",
    ],
)
def test_signing_in_leads_to_no_other_site(app: Flask, anonymous: FlaskClient, wanted: str) -> None:
    add(app, "ada")
    form = {"user": "ada", "password": PASSWORD, "csrf_token": token_of(anonymous.get("/login").text)}
    answer = anonymous.post("/login", query_string={"next": wanted}, data=form)
    assert (answer.status_code, answer.location) == (303, "/status")


def test_a_session_of_a_user_who_is_gone_opens_nothing(app: Flask, anonymous: FlaskClient) -> None:
    add(app, "ada")
    for remembered in ("1", "1:", "1:0123456789abcdef", "2:x", "x:y", ""):
        with anonymous.session_transaction() as session:
            session["_user_id"] = remembered
        assert not is_in(anonymous)


def test_a_public_page_needs_no_session(app: Flask, anonymous: FlaskClient) -> None:
    view: Callable[[], str] = public(lambda: "open")
    app.add_url_rule("/open", "open", view)
    assert anonymous.get("/open").text == "open"


@pytest.mark.parametrize("way", ["page", "htmx", "form"])
def test_who_comes_with_a_session_that_is_over_reads_so_and_comes_back(app: Flask, way: str) -> None:
    add(app, "ada")
    with time_machine.travel(NOON, tick=False) as clock:
        client = signed_in(app, "ada")
        token = token_of(client.get("/password").text)
        clock.shift(timedelta(minutes=IDLE_MINUTES, seconds=1))
        shown = "http://localhost/tickets?q=x"
        match way:
            case "page":
                address = client.get("/tickets?q=x").location
            case "htmx":
                address = client.get("/pulse", headers={**HTMX, "HX-Current-URL": shown}).headers["HX-Redirect"]
            case _:
                pressed = client.post("/operation/resume", data={"csrf_token": token}, headers={"Referer": shown})
                address = pressed.location
        assert address == "/login?next=/tickets?q%3Dx"
        page = client.get(address).text
        assert "Your session has expired" in page
        assert ("Your last action was not carried out." in page) is (way == "form")
        assert "Your session has expired" not in client.get(address).text


@pytest.mark.parametrize(
    "shown", ["http://localhost/operation/resume", "https://evil.example/tickets", "", "https://[x]/", "https://x:y/"]
)
def test_nobody_is_led_back_to_what_cannot_be_opened(app: Flask, shown: str) -> None:
    add(app, "ada")
    with time_machine.travel(NOON, tick=False) as clock:
        client = signed_in(app, "ada")
        token = token_of(client.get("/password").text)
        clock.shift(timedelta(minutes=IDLE_MINUTES, seconds=1))
        pressed = client.post("/operation/resume", data={"csrf_token": token}, headers={"Referer": shown})
    assert pressed.location == "/login"


def test_who_was_never_signed_in_reads_of_no_expired_session(app: Flask, anonymous: FlaskClient) -> None:
    add(app, "ada")
    assert "expired" not in anonymous.get(anonymous.get("/tickets").location).text
