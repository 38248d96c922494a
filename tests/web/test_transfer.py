"""Export, import, copies and the history of accounts in the pages."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.operations import scratch
from tests.support import Desk
from tests.web.conftest import add, signed_in, token_of
from tests.web.resource_support import add_credential, fields_of, fill, labels, words


@pytest.fixture
def one(desk: Desk) -> None:
    """An account."""
    add_credential(desk, "ada")
    desk.add_account(type="IMAPS", host="one.example", credential="ada", comment="Shop", interval=7, tags="vip")


def send(client: FlaskClient, document: str, **fields: str) -> Any:
    """Send a document to be looked at."""
    data = {"csrf_token": token_of(client.get("/accounts/import").text), **fields}
    file = (io.BytesIO(document.encode()), "accounts.json")
    return client.post("/accounts/import", data={**data, "file": file}, content_type="multipart/form-data")


def take(client: FlaskClient, page: str) -> Any:
    """Press Import below what would change."""
    return client.post("/accounts/import", data=fields_of(page), follow_redirects=True)


@pytest.mark.usefixtures("one")
def test_what_is_exported_is_what_the_command_exports(client: FlaskClient, desk: Desk) -> None:
    answer = client.get("/accounts/export")
    assert answer.headers["Content-Disposition"] == "attachment; filename=accounts.json"
    assert answer.text == desk.ok("account", "export").stdout
    assert client.get("/accounts/export?format=toml").text == desk.ok("account", "export", "--format", "toml").stdout
    assert "secret" not in answer.text


@pytest.mark.usefixtures("one")
def test_an_import_is_shown_before_it_is_done(client: FlaskClient, desk: Desk) -> None:
    [item] = json.loads(client.get("/accounts/export").text)["account"]
    more = {"type": "IMAP", "host": "two.example"}
    document = json.dumps({"account": [{**item, "comment": "Other"}, more]})
    page = send(client, document).text
    assert "1 created, 1 changed, 0 unchanged" in words(page)
    assert "ada@one.example Changed comment" in words(page)
    assert labels(client, "/accounts") == ["ada@one.example"]
    assert "Shop" in desk.ok("account", "list").stdout
    assert "Imported: 1 created, 1 changed, 0 unchanged." in words(take(client, page).text)
    assert sorted(labels(client, "/accounts")) == ["ada@one.example", "two.example"]
    again = words(send(client, document).text)
    assert "0 created, 0 changed, 2 unchanged" in again
    assert "Nothing: all of it is here already." in again


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "is neither JSON"),
        ('{"account": [{"type": "IMAP", "host": "a b"}, {"typ": "x"}]}', "There is no field “typ”."),
        ('{"account": [{"type": "IMAP", "host": "two.example", "credential": "nobody"}]}', "nobody"),
        (r'[{"\ud800": "x"}]', "There is no field “?”."),
        (r'[{"type": "IMAP", "host": "two.example", "credential": "\ud800"}]', "?"),
    ],
)
def test_a_document_that_is_wrong_changes_nothing_and_says_why(client: FlaskClient, document: str, said: str) -> None:
    answer = send(client, document)
    assert answer.status_code == 422
    assert said in words(answer.text)
    assert "Nothing was imported." in words(answer.text)


def test_more_than_a_page_imports_leads_to_the_command(client: FlaskClient) -> None:
    assert "At most 2 MB, and 2,000 accounts." in words(client.get("/accounts/import").text)
    answer = send(client, json.dumps({"account": [{"type": "IMAP", "host": "two.example"}] * 2_001}))
    assert answer.status_code == 422
    assert "The file holds 2,001 accounts; a page imports 2,000 at most." in words(answer.text)
    assert "flask account import FILE" in words(answer.text)


def test_a_file_is_wanted_and_one_of_somebody_else_is_not_taken(app: Flask, client: FlaskClient) -> None:
    token = token_of(client.get("/accounts/import").text)
    assert "No file is chosen." in words(client.post("/accounts/import", data={"csrf_token": token}).text)
    page = send(client, '{"account": [{"type": "IMAP", "host": "two.example"}]}').text
    add(app, "eve")
    eve = signed_in(app, "eve")
    stolen = {**fields_of(page), "csrf_token": token_of(eve.get("/accounts/import").text)}
    assert "The file is not kept any more." in words(eve.post("/accounts/import", data=stolen).text)


@pytest.mark.parametrize("held", ["", "[1]", '{"user": 1}', '{"stage": "login"}\n{"stage": "list"}\n'])
def test_a_file_that_was_kept_for_something_else_is_not_taken(app: Flask, client: FlaskClient, held: str) -> None:
    with app.app_context():
        other = scratch.new_file()
    other.write_text(held)
    sent = {"csrf_token": token_of(client.get("/accounts/import").text), "token": other.name}
    assert "The file is not kept any more." in words(client.post("/accounts/import", data=sent).text)
    assert "is gone" in client.get(f"/accounts/add?draft={other.name}").text


@pytest.mark.usefixtures("one")
def test_the_command_line_has_a_dry_run(desk: Desk) -> None:
    document = '{"account": [{"type": "IMAP", "host": "two.example"}]}'
    result = desk.ok("account", "import", "--dry-run", input=document)
    assert result.stdout == "created account two.example\n"
    assert "Nothing was changed" in result.stderr
    assert len(desk.ok("account", "list", "--json").json_lines) == 1


@pytest.mark.usefixtures("one")
def test_a_copy_has_all_but_what_signs_in(client: FlaskClient, desk: Desk) -> None:
    assert "/accounts/add?like=1" in client.get("/accounts").text
    form = fields_of(client.get("/accounts/add?like=1").text)
    wanted = {"type": "IMAPS", "host": "one.example", "comment": "Shop", "interval": "7", "tags": "vip"}
    assert {name: form[name] for name in wanted} == wanted
    assert form["credential"] == ""
    add_credential(desk, "berta")
    fill(client, "/accounts/add?like=1", credential="berta")
    assert len(labels(client, "/accounts")) == 2
    assert client.get("/accounts/add?like=99").status_code == 404


@pytest.mark.usefixtures("one")
def test_the_command_line_copies_too(desk: Desk) -> None:
    number = desk.ok("account", "add", "--like", "1", "--comment", "Copy").stdout.strip()
    copy = desk.ok("account", "show", number, "--json").json
    assert [copy[name] for name in ("host", "comment", "interval", "credential")] == ["one.example", "Copy", 7, None]


@pytest.mark.usefixtures("one")
def test_the_form_has_the_changes_beside_it_also_under_an_older_name(client: FlaskClient, desk: Desk) -> None:
    desk.ok("account", "set", "1", "--comment", "Web shop")
    desk.ok("account", "set", "1", "--host", "two.example")
    text = words(client.get("/accounts/1").text)
    assert "Comment: Shop → Web shop" in text
    assert "Host: one.example → two.example" in text
    assert text.index("two.example") < text.index("Web shop")
    assert "Changes" not in words(client.get("/accounts/add").text)
    assert "/audit?noun=account&amp;record=1" in client.get("/accounts/1").text
    log = words(client.get("/audit?noun=account&record=1").text)
    assert "ada@one.example (1)" in log
    assert "ada@two.example (1)" in log
    assert "Nothing in the log matches." in words(client.get("/audit?noun=account&record=2").text)


@pytest.mark.usefixtures("one")
def test_one_account_is_paused_and_resumed_on_its_page(client: FlaskClient, desk: Desk) -> None:
    page = client.get("/accounts/1/status").text
    data = {"csrf_token": token_of(page)}
    missing = client.post("/accounts/1/pause", data=data, follow_redirects=True)
    assert "Reason is missing." in words(missing.text)
    paused = client.post("/accounts/1/pause", data={**data, "reason": "Audit"}, follow_redirects=True)
    text = words(paused.text)
    assert "Paused: 1 account. Undo" in text
    assert "“Audit”" in text
    assert "The account is paused." in paused.text
    assert "1 account is paused" in words(client.get("/status").text)
    resumed = client.post("/accounts/1/resume", data=data, follow_redirects=True)
    assert "Resumed: 1 account." in words(resumed.text)
    assert desk.ok("account", "show", "1", "--json").json["health"] == "never"
    assert client.post("/accounts/99/pause", data={**data, "reason": "x"}).status_code == 404
