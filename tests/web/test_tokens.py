"""The pages of API tokens."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.database import read_session
from postmaster.system.tokens import TOKEN_PATTERN, authenticate
from tests.support import Desk
from tests.web.conftest import send, token_of
from tests.web.resource_support import words


def make(client: FlaskClient, **fields: object) -> str:
    """Fill in the form; returns the page that follows."""
    token = token_of(client.get("/tokens/add").text)
    data = {"name": "Shop", "scope": ["read", "mail:write"], "csrf_token": token, **fields}
    return client.post("/tokens/add", data=data).text


def secret_of(page: str) -> str:
    """The token that a page shows."""
    found = re.search(TOKEN_PATTERN, page)
    assert found, "no token is shown"
    return found[0]


def test_a_token_is_shown_once_and_good_at_once(app: Flask, client: FlaskClient) -> None:
    secret = secret_of(make(client, queue=["Junk"]))
    with app.app_context(), read_session() as session:
        assert authenticate(session, f"Bearer {secret}").name == "Shop"
    listed = client.get("/tokens").text
    assert "Shop pm_1_… Good mail:write, read Junk" in words(listed)
    for address in ("/tokens", "/tokens/1/revoke", "/audit"):
        assert secret[5:] not in client.get(address).text


def test_a_page_with_a_token_is_kept_by_nobody(client: FlaskClient) -> None:
    token = token_of(client.get("/tokens/add").text)
    answer = client.post("/tokens/add", data={"name": "Shop", "scope": "read", "csrf_token": token})
    assert answer.headers["Cache-Control"] == "no-store"
    again = client.post("/tokens/add", data={"name": "Shop", "scope": "read", "csrf_token": token})
    assert again.status_code == 422
    assert "which another token has or had" in words(again.text)


@pytest.mark.parametrize(
    ("fields", "name", "sentence"),
    [
        ({"name": ""}, "name", "Name is missing."),
        ({"scope": []}, "scope", "Scope is missing."),
        ({"scope": ["all"]}, "scope", "must be read, mail:write or admin"),
        ({"queue": ["Nowhere"]}, "queue", "There is no queue “Nowhere”."),
        ({"expires": "2020-01-01"}, "expires", "which is over"),
    ],
)
def test_what_is_refused_is_said_beside_its_field(
    client: FlaskClient, fields: dict[str, object], name: str, sentence: str
) -> None:
    page = make(client, **fields)
    assert not re.search(TOKEN_PATTERN, page)
    assert sentence in words(page.partition(f'id="{name}-error"')[2])
    assert "There are no tokens yet." in words(client.get("/tokens").text)


def test_what_was_chosen_stays_when_something_is_refused(client: FlaskClient) -> None:
    page = make(client, name="", queue=["Junk"])
    assert re.findall(r'value="([^"]+)" checked', page) == ["read", "mail:write", "Junk"]


def test_a_revoked_token_is_good_no_more(app: Flask, client: FlaskClient) -> None:
    secret = secret_of(make(client))
    assert "Revoke “Shop”?" in client.get("/tokens/1/revoke").text
    assert "The token is revoked" in send(client, "/tokens/1/revoke")
    with app.app_context(), read_session() as session, pytest.raises(Exception, match="was revoked"):
        authenticate(session, f"Bearer {secret}")
    page = client.get("/tokens").text
    assert "Revoked" in words(page)
    assert "/tokens/1/revoke" not in page
    assert "“Shop” is revoked" in client.get("/tokens/1/revoke").text
    assert client.get("/tokens/9/revoke").status_code == 404


def test_a_token_opens_no_page(desk: Desk, anonymous: FlaskClient) -> None:
    secret = desk.ok("token", "add", "--name", "Shop", "--scope", "admin").stdout.strip()
    answer = anonymous.get("/tickets", headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.location) == (302, "/login?next=/tickets")
    assert anonymous.get(f"/tickets?token={secret}").status_code == 302
