"""The pages of the credentials."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.sealing import unseal
from postmaster.database import transaction
from postmaster.extensions import db
from tests.support import Desk
from tests.web.conftest import token_of
from tests.web.resource_support import add_credential, fields_of, fill, fragment, labels, press_delete, words
from tests.web.samples import HOSTILE

ADD = "/credentials/add?kind=basic"

BASIC = {"name": "orders", "username": "orders@login.example", "password": "s3cret"}


def stored(app: Flask, number: int = 1) -> Credential:
    with app.app_context():
        return db.session.get_one(Credential, number)


def password_of(app: Flask) -> str:
    with app.app_context():
        return unseal(db.session.get_one(Credential, 1).sealed_password)


def pause(app: Flask, number: int) -> None:
    """Store that the login of the account was refused."""
    with app.app_context(), transaction() as session:
        account = session.get_one(MailAccount, number)
        account.state = AccountState(failures=1, paused_revision=account.config_revision)


def test_one_is_added_with_its_password_sealed(app: Flask, client: FlaskClient) -> None:
    assert fill(client, ADD, **BASIC).status_code == 303
    assert stored(app).username == "orders@login.example"
    assert stored(app).sealed_password != "s3cret"
    assert password_of(app) == "s3cret"


def test_the_password_is_never_shown_again(client: FlaskClient) -> None:
    refused = fill(client, ADD, **{**BASIC, "name": ""})
    fill(client, ADD, **BASIC)
    pages = [client.get(path).text for path in ("/credentials", "/credentials/1", "/credentials/1/delete", "/audit")]
    assert [page for page in (refused.text, *pages) if "s3cret" in page] == []
    assert "Enter it again: what you entered was not saved." in refused.text


def test_an_empty_password_keeps_the_one_there_is(app: Flask, client: FlaskClient) -> None:
    fill(client, ADD, **BASIC)
    assert "Leave it empty to keep the one there is." in client.get("/credentials/1").text
    fill(client, "/credentials/1", comment="changed")
    assert (password_of(app), stored(app).comment) == ("s3cret", "changed")
    fill(client, "/credentials/1", password="another")
    assert password_of(app) == "another"


def test_the_kind_stays_as_it_was_added(app: Flask, client: FlaskClient) -> None:
    fill(client, ADD, **BASIC)
    page = client.get("/credentials/1").text
    assert 'id="kind" name="kind" readonly' in page
    assert fill(client, "/credentials/1", kind="nonsense", comment="x").status_code == 303
    assert stored(app).kind == "basic"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": ""}, "Name is missing."),
        ({"name": "12"}, "Name is “12”, which would be taken for an id."),
        ({"name": "TAKEN"}, "Name is “TAKEN”, which is already the name of credential 1."),
        ({"username": ""}, "User name is missing."),
        ({"password": ""}, "Password is missing."),
        ({"validity": "nonsense"}, "Validity is “nonsense”, but must be valid, invalid or invalid-temporarily."),
    ],
)
def test_each_refusal_says_what_is_wrong(client: FlaskClient, desk: Desk, given: dict[str, str], sentence: str) -> None:
    add_credential(desk, "taken")
    response = fill(client, ADD, **{**BASIC, **given})
    assert response.status_code == 422
    assert sentence in words(response.text)


def test_the_list_says_who_uses_them_and_what_needs_an_update_first(
    app: Flask, client: FlaskClient, desk: Desk
) -> None:
    for name in ("a-fine", "b-refused"):
        add_credential(desk, name)
    desk.ok("credential", "import", input='{"credential": [{"name": "c-imported", "username": "x", "kind": "basic"}]}')
    add_credential(desk, "d-resting", validity="invalid")
    for host in ("one", "two"):
        desk.add_account(type="IMAP", host=f"{host}.example", credential="b-refused", dispatching="to")
    pause(app, 1)
    assert labels(client, "/credentials") == ["b-refused", "c-imported", "a-fine", "d-resting"]
    rows = words(client.get("/credentials").text)
    assert "Yes, login refused Does not expire 2 accounts Valid" in rows
    assert "1 account waits for another password. The mail server refused the login" in rows
    assert "Yes, needs password Does not expire No account Valid" in rows
    assert "The credential “c-imported” has no password. Enter it there." in rows
    assert "a-fine@login.example Basic No Does not expire No account Valid" in rows
    assert "– Does not expire No account Invalid" in rows


def test_an_account_waits_no_more_once_the_password_is_changed(app: Flask, client: FlaskClient, desk: Desk) -> None:
    add_credential(desk, "orders")
    desk.add_account(type="IMAP", host="one.example", credential="orders", dispatching="to")
    pause(app, 1)
    fill(client, "/credentials/1", password="another")
    assert "login refused" not in client.get("/credentials").text


def test_an_imported_one_can_be_edited_before_its_password_is_known(client: FlaskClient, desk: Desk) -> None:
    desk.ok("credential", "import", input='{"credential": [{"name": "imported", "username": "x", "kind": "basic"}]}')
    assert fill(client, "/credentials/1", comment="soon").status_code == 303
    assert "needs password" in client.get("/credentials").text


def test_one_in_use_is_not_deleted_and_the_refusal_names_the_accounts(client: FlaskClient, desk: Desk) -> None:
    add_credential(desk, "orders")
    desk.add_account(type="IMAP", host="one.example", credential="orders", dispatching="to")
    sentence = "The credential “orders” is in use: account 1 (orders@one.example)."
    row = fragment(client, "/credentials/1/delete")
    assert sentence in words(row)
    assert "Confirm" not in row
    assert sentence in words(client.get("/credentials/1/delete").text)
    page = press_delete(client, "/credentials/1/delete", follow_redirects=True).text
    assert sentence in words(page)
    assert labels(client, "/credentials") == ["orders"]


def test_one_that_nothing_uses_is_deleted(client: FlaskClient, desk: Desk) -> None:
    add_credential(desk, "orders")
    press_delete(client, "/credentials/1/delete")
    assert labels(client, "/credentials") == []


def test_the_account_form_gets_back_the_name_of_the_new_one(client: FlaskClient) -> None:
    response = fill(client, f"{ADD}&next=/accounts/add%3Ftype%3DIMAPS%26credential%3Dold", **BASIC)
    assert (response.status_code, response.location) == (303, "/accounts/add?type=IMAPS&credential=orders")


def test_somebody_else_changing_the_password_is_told_without_showing_it(client: FlaskClient, desk: Desk) -> None:
    add_credential(desk, "orders")
    opened = client.get("/credentials/1").text
    fill(client, "/credentials/1", password="another")
    response = client.post("/credentials/1", data={**fields_of(opened), "comment": "mine"})
    assert response.status_code == 409
    assert "it may have been a secret" in response.text
    assert "another" not in response.text


def test_hostile_names_are_shown_as_text(client: FlaskClient, desk: Desk) -> None:
    fill(client, ADD, **{**BASIC, "name": HOSTILE, "username": HOSTILE, "comment": HOSTILE})
    for path in ("/credentials", "/credentials/1", "/credentials/1/delete", f"/credentials?q={HOSTILE[:12]}", "/audit"):
        page = client.get(path).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page
    assert "&lt;img src=x" in client.get("/credentials").text


def test_the_kind_is_chosen_first_and_the_way_back_is_kept(client: FlaskClient) -> None:
    page = client.get("/credentials/add?next=/accounts/add").text
    for kind in ("basic", "oauth2-microsoft", "oauth2-google", "oauth2-generic"):
        assert f'href="/credentials/add?kind={kind}&amp;next=/accounts/add"' in page
    assert 'name="client_id"' in client.get("/credentials/add?kind=oauth2-google").text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_kind_that_there_is_not_has_to_be_chosen_again(client: FlaskClient, method: str) -> None:
    token = token_of(client.get("/password").text)
    response = getattr(client, method)("/credentials/add?kind=nonsense", data={"csrf_token": token})
    assert response.status_code == (200 if method == "get" else 422)
    assert "Choose a kind." in response.text
