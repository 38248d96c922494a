"""The pages of the system configuration."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.extensions import db
from postmaster.system.models import SettingRow
from postmaster.system.settings import SETTINGS
from tests.support import Desk
from tests.web.conftest import HTMX, token_header
from tests.web.resource_support import fields_of, fill, fragment, words


def names(page: str) -> list[str]:
    return re.findall(r'class="name"[^>]*>([^<]*)</a>', page)


def test_all_settings_are_listed_with_meaning_value_and_default(client: FlaskClient) -> None:
    page = client.get("/settings").text
    assert names(page) == list(SETTINGS)
    assert "FetchIntervalMinutes Minutes between two runs over an account. 10 minutes 10 No" in words(page)
    assert all(spec.description in words(page) for spec in SETTINGS.values())


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_has_its_form(client: FlaskClient, name: str) -> None:
    sent = fields_of(client.get(f"/settings/{name}").text)
    assert sent["value"] == SETTINGS[name].show(SETTINGS[name].default)
    assert client.post(f"/settings/{name}", data=sent).status_code == 303


def test_a_changed_one_is_marked_and_can_be_reset(app: Flask, client: FlaskClient, desk: Desk) -> None:
    assert fill(client, "/settings/FetchIntervalMinutes", value="5").location == "/settings"
    page = client.get("/settings").text
    assert "an account. 5 minutes 10 Changed Reset to default" in words(page)
    assert page.count("Reset to default: ") == 1
    client.post("/settings/FetchIntervalMinutes/reset", headers=token_header(client))
    assert desk.ok("setting", "get", "FetchIntervalMinutes").stdout == "10\n"
    with app.app_context():
        assert db.session.get(SettingRow, "FetchIntervalMinutes") is None
    text = words(client.get("/audit").text)
    assert "Value: 10 → 5" in text
    assert "Value: 5 → 10" in text


def test_htmx_gets_the_list_again_after_a_reset(client: FlaskClient, desk: Desk) -> None:
    desk.ok("setting", "set", "FetchIntervalMinutes", "5")
    headers = {**HTMX, **token_header(client)}
    response = client.post("/settings/FetchIntervalMinutes/reset?q=fetch", headers=headers, follow_redirects=True)
    assert names(response.text) == ["FetchIntervalMinutes", "FirstFetchConfirm"]
    assert "FetchIntervalMinutes has its default again, 10." in response.text


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("FetchIntervalMinutes", "0", "FetchIntervalMinutes is “0”, but must be a whole number from 1 to 1440."),
        ("FetchIntervalMinutes", "", "FetchIntervalMinutes is empty. Its default is 10."),
        ("Ticket::Hook", "Call 1", "must not contain spaces or brackets"),
        ("Ticket::SubjectFormat", "Up", "Ticket::SubjectFormat is “Up”, but must be Left, Right or None."),
        ("PostmasterDefaultQueue", "Nowhere", "PostmasterDefaultQueue is “Nowhere”, which is not a valid queue."),
        ("AcceptTicketNumberFromStranger", "maybe", "is “maybe”, but must be yes, no or proven."),
    ],
)
def test_each_refusal_says_what_is_wrong(client: FlaskClient, name: str, value: str, sentence: str) -> None:
    response = fill(client, f"/settings/{name}", value=value)
    assert response.status_code == 422
    assert sentence in words(response.text)
    assert "autofocus" in response.text


def test_the_default_queue_is_chosen_among_the_valid_ones(client: FlaskClient, desk: Desk) -> None:
    desk.ok("queue", "set", "Misc", "--validity", "invalid")
    page = client.get("/settings/PostmasterDefaultQueue").text
    assert re.findall(r'<option[^>]* value="([^"]*)"', page) == ["Junk", "Postmaster", "Raw"]


def test_a_state_that_may_be_left_out_is_chosen_or_left_empty(client: FlaskClient, desk: Desk) -> None:
    path = "/settings/PostmasterFollowUpStateClosed"
    page = client.get(path).text
    assert re.findall(r'<option[^>]* value="([^"]*)"', page)[:2] == ["", "new"]
    assert fill(client, path, value="new").status_code == 303
    assert desk.ok("setting", "get", "PostmasterFollowUpStateClosed").stdout == "new\n"
    assert fill(client, path, value="").status_code == 303
    assert desk.ok("setting", "get", "PostmasterFollowUpStateClosed").stdout == "\n"
    client.post(f"{path}/reset", headers=token_header(client))
    assert "has its default again, which is empty." in client.get("/settings").text


def test_a_default_queue_that_is_gone_is_not_gone_back_to(client: FlaskClient, desk: Desk) -> None:
    desk.ok("setting", "set", "PostmasterDefaultQueue", "Misc")
    desk.ok("queue", "delete", "Raw", "--yes")
    response = client.post(
        "/settings/PostmasterDefaultQueue/reset", headers=token_header(client), follow_redirects=True
    )
    assert "which is not a valid queue" in response.text


def test_the_second_of_two_editors_is_told_what_changed(client: FlaskClient, desk: Desk) -> None:
    opened = fields_of(client.get("/settings/FetchIntervalMinutes").text)
    desk.ok("setting", "set", "FetchIntervalMinutes", "5")
    response = client.post("/settings/FetchIntervalMinutes", data={**opened, "value": "7"})
    assert response.status_code == 409
    assert "It is “5” now; you entered “7”." in words(response.text)
    assert client.post("/settings/FetchIntervalMinutes", data=fields_of(response.text)).status_code == 303
    assert desk.ok("setting", "get", "FetchIntervalMinutes").stdout == "7\n"


def test_the_filter_finds_by_name_meaning_and_whether_it_is_changed(client: FlaskClient, desk: Desk) -> None:
    desk.ok("setting", "set", "SessionsPerHost", "9")
    assert names(fragment(client, "/settings?q=SUBJECT+number")) == [
        "UnknownTicketNumberQueue",
        "Ticket::Hook",
        "Ticket::SubjectFormat",
        "AcceptTicketNumberFromStranger",
    ]
    assert names(fragment(client, "/settings?q=changed")) == ["SessionsPerHost"]
    assert "No setting matches “zzz”." in fragment(client, "/settings?q=zzz")


def test_a_setting_that_does_not_exist_is_no_page(client: FlaskClient) -> None:
    assert client.get("/settings/Nonsense").status_code == 404
    assert client.post("/settings/Nonsense/reset", headers=token_header(client)).status_code == 404


def test_leads_change_nothing(lead: FlaskClient) -> None:
    for path in ("/settings/FetchIntervalMinutes", "/settings/FetchIntervalMinutes/reset"):
        assert lead.post(path, headers=token_header(lead)).status_code == 403


def test_hostile_values_are_shown_as_text(client: FlaskClient) -> None:
    fill(client, "/settings/Ticket::Hook", value="<script>x</script>")
    for path in ("/settings", "/settings/Ticket::Hook", "/audit"):
        assert "<script>x" not in client.get(path).text
