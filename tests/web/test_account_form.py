"""The form of a mail account: what it shows for each type, what it saves, and what it keeps meanwhile."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.accounts.fields import ACCOUNT_FIELDS
from postmaster.accounts.service import AccountService
from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from postmaster.operations import scratch
from postmaster.resources.fields import Field
from postmaster.resources.readers import whole_number
from tests.support import Desk
from tests.web.conftest import HTMX, token_header
from tests.web.resource_support import add_credential, fields_of, fill, press, words
from tests.web.samples import HOSTILE

IMAPS = {"type": "IMAPS", "host": "imap.example.org", "dispatching": "to"}


def shown_in(page: str) -> set[str]:
    """The names of the fields that a page shows."""
    return set(re.findall(r'<(?:input|select|textarea)(?![^>]*type="hidden")[^>]* name="(\w+)"', page))


def account(desk: Desk, number: int = 1) -> Any:
    return desk.ok("account", "show", number, "--json").json


def ask(client: FlaskClient, path: str = "/accounts/add/fields", **entered: str) -> str:
    """What htmx gets when something was chosen on which other fields depend."""
    response = client.get(path, query_string=entered, headers=HTMX)
    assert response.status_code == 200
    return response.text


@pytest.mark.parametrize("kind", ACCOUNT_TYPES)
def test_each_type_has_the_fields_of_the_table_and_no_others(client: FlaskClient, desk: Desk, kind: str) -> None:
    having = {field.name for field in ACCOUNT_TYPES[kind].fields}
    dependent = {field.name for field in TYPE_FIELDS}
    assert shown_in(ask(client, type=kind)) & dependent == having
    desk.ok(
        "account", "import", input=f'{{"account": [{{"type": "{kind}", "host": "h.example", "address": ""}}]}}'
    ) if ("host" in having) else desk.add_account(type=kind, address="a@b.example")
    assert shown_in(client.get("/accounts/1").text) & dependent == having
    usual = re.findall(r'placeholder="(\d+)"', client.get("/accounts/1").text)
    assert usual == ([str(ACCOUNT_TYPES[kind].port)] if "port" in having else [])


def test_mandatory_fields_have_an_asterisk(client: FlaskClient) -> None:
    text = words(ask(client, type="IMAPS", dispatching="queue"))
    for label in ("Type", "Host", "Dispatching", "Queue", "Validity"):
        assert f"{label} *" in text
    for label in ("Credential", "Port", "IMAP Folder", "SSL Verify", "SSL Fingerprint", "Comment"):
        assert f"{label} *" not in text


def test_a_type_that_does_not_encrypt_says_so(client: FlaskClient) -> None:
    assert "Not encrypted" in ask(client, type="POP3")
    assert "Not encrypted" not in ask(client, type="POP3TLS")


@pytest.mark.parametrize("scripts", [True, False])
def test_switching_the_type_keeps_what_was_typed_also_when_switching_back(client: FlaskClient, scripts: bool) -> None:
    typed = {"host": "h.example", "folder": "Büro/<b>", "ssl_verify": "no", "ssl_fingerprint": "sha1$x", "address": "@"}

    def choose(kind: str, entered: dict[str, str]) -> str:
        if scripts:
            return f'<form class="form">{ask(client, **{**entered, "type": kind})}'
        response = press(client, "fields", **{**entered, "type": kind})
        assert response.status_code == 200
        return response.text

    there = choose("POP3", typed)
    assert shown_in(there) & typed.keys() == {"host"}
    back = choose("IMAPS", fields_of(there))
    assert shown_in(back) & typed.keys() == typed.keys() - {"address"}
    assert {name: fields_of(back)[name] for name in typed} == typed


def test_fields_that_are_not_shown_are_neither_required_nor_saved(client: FlaskClient, desk: Desk) -> None:
    typed = {"folder": "Archive", "ssl_fingerprint": "nonsense", "address": "nonsense", "queue": "Misc"}
    response = fill(client, "/accounts/add", **typed, type="POP3", host="pop.example", dispatching="to")
    assert response.status_code == 303
    saved = account(desk)
    assert {name: saved[name] for name in typed} == dict.fromkeys(typed)
    fill(client, "/accounts/1", type="Outlook365", address="desk@example.org", host="")
    assert (account(desk)["address"], account(desk)["host"]) == ("desk@example.org", None)


def test_a_field_that_is_added_to_the_table_appears_by_itself(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = Field("port_of_call", "Port of call", column="port", read=whole_number(1, 9), help="A new field.")
    monkeypatch.setattr(AccountService, "fields", (*ACCOUNT_FIELDS, extra))
    assert "About this account Fetch Interval" in words(ask(client))
    assert "Validity * valid invalid invalid-temporarily Only valid" in words(ask(client))
    assert "Port of call A new field." in words(client.get("/accounts/add").text)
    refused = fill(client, "/accounts/add", **IMAPS, port_of_call="10")
    assert "Port of call is “10”, but must be a whole number from 1 to 9." in words(refused.text)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"type": ""}, "Type is missing."),
        ({"type": "Gopher"}, "Type is “Gopher”, but must be IMAP,"),
        ({"host": ""}, "Host is missing."),
        ({"host": "https://x"}, "Host is “https://x”, which is neither a host name nor an IP address."),
        ({"port": "0"}, "Port is “0”, but must be a whole number from 1 to 65535."),
        ({"type": "Outlook365"}, "E-mail Address is missing."),
        ({"credential": "Nobody"}, "There is no credential “Nobody”."),
        ({"ssl_fingerprint": "md5$00"}, "SSL Fingerprint has 2 hexadecimal digits, but md5 has 32."),
        ({"dispatching": "queue"}, "Queue is missing. Dispatching by queue needs one."),
        ({"dispatching": "queue", "queue": "Nowhere"}, "There is no queue “Nowhere”."),
        ({"dispatching": "maybe"}, "Dispatching is “maybe”, but must be to or queue."),
        ({"trusted": "maybe"}, "Trusted is “maybe”, but must be no, yes or proven-senders-only."),
        ({"host": "taken.example", "credential": "taken"}, "is already fetched by account 1, taken@taken.example."),
    ],
)
def test_each_refusal_stands_beside_its_field(
    client: FlaskClient, desk: Desk, given: dict[str, str], sentence: str
) -> None:
    add_credential(desk, "taken")
    desk.add_account(type="IMAP", host="taken.example", credential="taken")
    response = fill(client, "/accounts/add", **{**IMAPS, **given}, comment="Do not lose me")
    assert response.status_code == 422
    assert sentence in words(response.text)
    assert "Not saved. One field needs your attention" in words(response.text)
    [refused] = set(re.findall(r'id="(\w+)-error"', response.text))
    assert f'<a href="#{refused}">' in response.text
    assert f'id="{refused}"' in response.text
    assert fields_of(response.text)["comment"] == "Do not lose me"
    assert len(desk.ok("account", "list", "--json").json_lines) == 1


def test_credentials_and_queues_are_chosen_from_the_valid_ones(client: FlaskClient, desk: Desk) -> None:
    add_credential(desk, "fine")
    add_credential(desk, "resting", validity="invalid")
    desk.ok("queue", "add", "--name", "Shut", "--validity", "invalid")
    page = ask(client, type="IMAP", dispatching="queue")
    assert ('value="fine"' in page, 'value="Misc"' in page) == (True, True)
    assert "resting" not in page
    assert "Shut" not in page


def test_what_was_set_invalid_later_stays_where_it_is_chosen(client: FlaskClient, desk: Desk) -> None:
    add_credential(desk, "orders")
    desk.ok("queue", "add", "--name", "Shut")
    desk.add_account(type="IMAP", host="h.example", credential="orders", dispatching="queue", queue="Shut")
    desk.ok("queue", "set", "Shut", "--validity", "invalid", "--yes")
    desk.ok("credential", "set", "orders", "--validity", "invalid", "--yes")
    fill(client, "/accounts/1", comment="changed")
    saved = account(desk)
    assert (saved["credential"], saved["queue"], saved["comment"]) == ("orders", "Shut", "changed")


def test_adding_a_credential_on_the_way_loses_no_input_and_comes_back_with_it_selected(
    client: FlaskClient, desk: Desk
) -> None:
    entered = {**IMAPS, "port": "not yet right", "folder": "Büro", "comment": "x" * 5000, "address": "kept@too.example"}
    there = press(client, "credential", "/accounts/add?q=x", **entered)
    assert there.status_code == 303
    assert there.location.startswith("/credentials/add?next=/accounts/add?q%3Dx%26draft%3D")
    saved = fill(client, f"{there.location}&kind=basic", name="new one", username="u", password="s3cret")
    assert saved.location.endswith("&credential=new+one")
    page = client.get(saved.location).text
    assert {name: fields_of(page)[name] for name in entered} == entered
    assert fields_of(page)["credential"] == "new one"
    assert fill(client, saved.location, port="").status_code == 303
    assert (account(desk)["credential"], account(desk)["comment"]) == ("new one", "x" * 5000)


def test_leaving_the_new_credential_alone_comes_back_to_what_was_entered(client: FlaskClient, desk: Desk) -> None:
    desk.add_account(type="IMAP", host="h.example", comment="before")
    there = press(client, "credential", "/accounts/1", comment="after")
    [back] = re.findall(r'<a class="button quiet" href="([^"]*)">Cancel', client.get(there.location).text)
    assert fields_of(client.get(back).text)["comment"] == "after"
    assert fill(client, back).status_code == 303
    assert account(desk)["comment"] == "after"


def test_what_was_kept_is_for_who_kept_it_and_goes_after_a_day(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = press(client, "credential", host="secret.example")
    token = there.location.rpartition("%3D")[2]
    assert "secret.example" in client.get(f"/accounts/add?draft={token}").text
    monkeypatch.setattr(scratch, "MAX_AGE_SECONDS", -1)
    press(client, "credential")
    page = client.get(f"/accounts/add?draft={token}").text
    assert "secret.example" not in page
    assert "is gone" in page
    for other in ("../secret.key", "x", "0" * 32, "%00"):
        assert "is gone" in client.get(f"/accounts/add?draft={other}").text


def test_the_second_of_two_editors_is_told_what_changed(client: FlaskClient, desk: Desk) -> None:
    desk.add_account(type="IMAPS", host="h.example", folder="A", comment="before")
    opened = fields_of(client.get("/accounts/1").text)
    fill(client, "/accounts/1", type="POP3S", comment="first")
    response = client.post("/accounts/1", data={**opened, "comment": "second"})
    assert response.status_code == 409
    text = words(response.text)
    assert "somebody else changed this account meanwhile (admin, just now )" in text
    assert "Type : “IMAPS” → “POP3S”" in text
    assert "“before” → “first”; you entered “second”" in text
    assert account(desk)["comment"] == "first"
    assert fields_of(response.text)["type"] == "POP3S"
    assert client.post("/accounts/1", data=fields_of(response.text)).status_code == 303
    assert (account(desk)["type"], account(desk)["comment"]) == ("POP3S", "second")


def test_save_stays_and_save_and_finish_goes_back(client: FlaskClient) -> None:
    assert fill(client, "/accounts/add", **IMAPS, then="stay").location == "/accounts/1"
    assert fill(client, "/accounts/1", comment="x", then="stay").location == "/accounts/1"
    assert fill(client, "/accounts/1", comment="y", then="finish").location == "/accounts"
    assert "The mail account “imap.example.org” is saved." in client.get("/accounts").text


def test_more_accounts_than_recommended_are_warned_of_when_one_is_added(client: FlaskClient, desk: Desk) -> None:
    desk.ok("setting", "set", "RecommendedAccountLimit", "1")
    desk.add_account(type="IMAP", host="one.example")
    fill(client, "/accounts/add", **IMAPS)
    assert "There are 2 valid accounts now, more than the 1 that are recommended." in client.get("/accounts").text


def test_saving_warns_of_another_account_on_the_same_server_and_waits_until_that_is_read(
    client: FlaskClient, desk: Desk
) -> None:
    credential = desk.credential("anna", "p")
    desk.add_account(type="IMAP", host="localhost", credential=credential)
    fill(client, "/accounts/add?type=IMAP", type="IMAP", host="127.0.0.1", credential=credential)
    page = client.get("/accounts").text
    [toast] = re.findall(r'<div class="toast warn".*?</p>', page, re.DOTALL)
    assert "Account 1, anna@localhost, seems to fetch the same mailbox as anna@127.0.0.1" in words(toast)
    assert "load delay" not in toast


@pytest.mark.parametrize("path", ["/accounts/add/fields", "/accounts/1/fields", "/accounts/add/credential"])
def test_leads_ask_for_nothing(lead: FlaskClient, path: str) -> None:
    assert lead.post(path, headers=token_header(lead)).status_code == 403
    if path.endswith("fields"):
        assert lead.get(path).status_code == 403


def test_hostile_values_are_shown_as_text(client: FlaskClient, desk: Desk) -> None:
    desk.add_account(type="IMAPS", host="h.example", folder=HOSTILE, comment=HOSTILE)
    pages = [client.get("/accounts/1").text, client.get("/accounts").text, ask(client, type="POP3", folder=HOSTILE)]
    pages.append(fill(client, "/accounts/1", port=HOSTILE, queue=HOSTILE, dispatching=HOSTILE).text)
    for page in pages:
        assert "<img src=x" not in page
        assert "<script>alert" not in page
