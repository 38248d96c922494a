"""The pages of the system configuration."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.extensions import db
from postmaster.system.models import SettingRow
from postmaster.system.setting import ListSetting
from postmaster.system.setting_table import SETTING_GROUPS, SETTINGS
from tests.support import Desk
from tests.web.conftest import HTMX, token_header
from tests.web.resource_support import fields_of, fill, fragment, words

# What lists are given that have to keep what other settings name.
GIVEN = {
    "Ticket::States": SETTINGS["Ticket::States"].show(SETTINGS["Ticket::States"].default) + "; waiting=open=77",
    "Ticket::Priorities": "1 very low; 3 normal; urgent=now",
    "Ticket::Types": "Unclassified=4; Incident=1; a=b=3",
}


def rows_in(page: str) -> dict[str, Any]:
    """What the form of a list would send if nothing was touched."""
    form = page[page.index('class="form"') :]
    sent: dict[str, Any] = {name: value for name, value in fields_of(page).items() if not name.startswith("row_")}
    for name in re.findall(r'<input name="(row_\w+)"', form):
        sent[name] = [html.unescape(value) for value in re.findall(rf'<input name="{name}" value="([^"]*)"', form)]
    if chosen := re.findall(r'<option selected value="([^"]*)">', form):
        sent["row_kind"] = chosen
    return sent


def names(page: str) -> list[str]:
    return re.findall(r'class="name"[^>]*>([^<]*)</a>', page)


def test_all_settings_are_listed_with_meaning_value_and_default(client: FlaskClient) -> None:
    page = client.get("/settings").text
    assert names(page) == list(SETTINGS)
    assert "FetchIntervalMinutes Minutes between two runs over an account. 10 minutes 10 No" in words(page)
    assert all(spec.description in words(page) for spec in SETTINGS.values())


@pytest.mark.parametrize("name", [name for name, spec in SETTINGS.items() if not isinstance(spec, ListSetting)])
def test_each_setting_has_its_form(client: FlaskClient, name: str) -> None:
    sent = fields_of(client.get(f"/settings/{name}").text)
    assert sent["value"] == SETTINGS[name].show(SETTINGS[name].default)
    assert client.post(f"/settings/{name}", data=sent).status_code == 303


@pytest.mark.parametrize("name", [name for name, spec in SETTINGS.items() if isinstance(spec, ListSetting)])
def test_each_list_has_a_row_for_each_entry_which_mean_the_same(client: FlaskClient, desk: Desk, name: str) -> None:
    desk.ok("setting", "set", name, GIVEN.get(name, "a; b; c"))
    before = desk.ok("setting", "get", name).stdout
    sent = rows_in(client.get(f"/settings/{name}").text)
    assert len(sent["row_name"]) >= 3
    assert client.post(f"/settings/{name}", data=sent).status_code == 303
    assert desk.ok("setting", "get", name).stdout == before


def test_entries_are_added_changed_and_removed_without_scripts(client: FlaskClient, desk: Desk) -> None:
    path = "/settings/Ticket::Services"
    sent = rows_in(client.get(path).text)
    assert sent["row_name"] == [""]
    sent = rows_in(client.post(f"{path}/rows", data={**sent, "row_name": ["Shop"], "row_id": ["7"]}).text)
    assert (sent["row_name"], sent["row_id"]) == (["Shop", ""], ["7", ""])
    sent = rows_in(client.post(f"{path}/rows", data={**sent, "row_name": ["Shop", "Mail"], "row_id": ["7", "9"]}).text)
    assert desk.ok("setting", "get", "Ticket::Services").stdout == "\n", "nothing is saved before somebody says so"
    assert client.post(path, data=sent).status_code == 303
    assert desk.ok("setting", "get", "Ticket::Services").stdout == "Shop=7; Mail=9\n"
    sent = rows_in(client.post(f"{path}/rows", data={**rows_in(client.get(path).text), "remove": "1"}).text)
    assert client.post(path, data=sent).status_code == 303
    assert desk.ok("setting", "get", "Ticket::Services").stdout == "Mail=9\n"
    assert client.post(path, data={**sent, "row_name": [""], "row_id": ["9"], "seen": "Mail=9"}).status_code == 303
    assert desk.ok("setting", "get", "Ticket::Services").stdout == "\n", "a row that is cleared goes"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"row_name": ["a", "A"], "row_id": ["", ""]}, "Ticket::Services has “A” twice."),
        ({"row_name": ["a", "b"], "row_id": ["3", "3"]}, "gives the ID 3 twice"),
    ],
)
def test_a_list_that_is_refused_keeps_its_rows(client: FlaskClient, rows: dict[str, Any], sentence: str) -> None:
    answer = client.post(
        "/settings/Ticket::Services", data={**rows_in(client.get("/settings/Ticket::Services").text), **rows}
    )
    assert (answer.status_code, sentence in words(answer.text)) == (422, True)
    assert rows_in(answer.text)["row_name"] == rows["row_name"]


def test_the_second_of_two_editors_of_a_list_keeps_the_rows(client: FlaskClient, desk: Desk) -> None:
    opened = rows_in(client.get("/settings/Ticket::Types").text)
    desk.ok("setting", "set", "Ticket::Types", "Unclassified; Incident")
    answer = client.post("/settings/Ticket::Types", data={**opened, "row_name": ["Unclassified"], "row_id": ["4"]})
    assert answer.status_code == 409
    assert "It is “Unclassified; Incident” now; you entered “Unclassified=4”." in words(answer.text)
    assert rows_in(answer.text)["row_id"] == ["4"]


@pytest.mark.parametrize("left_out", ["row_name", "row_id"])
def test_a_form_that_comes_back_mangled_does_not_clear_a_list(client: FlaskClient, desk: Desk, left_out: str) -> None:
    sent = rows_in(client.get("/settings/Ticket::Priorities").text)
    del sent[left_out]
    assert client.post("/settings/Ticket::Priorities", data=sent).status_code == 400
    assert desk.ok("setting", "get", "Ticket::Priorities").stdout.startswith("1 very low; ")


@pytest.mark.parametrize("remove", ["0", "2", "x", "-1"])
def test_what_is_no_row_is_not_removed(client: FlaskClient, remove: str) -> None:
    sent = {**rows_in(client.get("/settings/Ticket::Types").text), "remove": remove}
    page = client.post("/settings/Ticket::Types/rows", data=sent).text
    assert rows_in(page)["row_name"] == ["Unclassified", ""]
    assert client.post("/settings/CheckDKIM/rows", data=sent).status_code == 404


def test_a_switch_is_turned_over_once_whoever_else_did_so(client: FlaskClient, desk: Desk) -> None:
    headers = token_header(client)
    page = client.get("/settings").text
    assert 'id="switch-CheckDKIM" aria-checked="false"' in page
    assert client.post("/settings/CheckDKIM/switch", data={"seen": "no"}, headers=headers).status_code == 303
    assert desk.ok("setting", "get", "CheckDKIM").stdout == "yes\n"
    assert "CheckDKIM is yes now." in client.get("/settings").text
    late = client.post("/settings/CheckDKIM/switch", data={"seen": "no"}, headers=headers, follow_redirects=True)
    assert "Somebody else changed CheckDKIM meanwhile" in late.text
    assert desk.ok("setting", "get", "CheckDKIM").stdout == "yes\n"
    assert client.post("/settings/Ticket::Hook/switch", data={"seen": "no"}, headers=headers).status_code == 404


def test_a_number_says_what_it_counts_and_its_range(client: FlaskClient) -> None:
    page = words(client.get("/settings/FetchIntervalMinutes").text)
    assert "minutes 1 to 1,440. Default: 10 minutes" in page


def test_settings_stand_in_groups(client: FlaskClient) -> None:
    page = words(client.get("/settings").text)
    places = [page.index(f" {group} {group} Setting Value") for group in SETTING_GROUPS]
    assert places == sorted(places)
    assert names(fragment(client, "/settings?q=signing")) == ["SessionHours"]


@pytest.mark.parametrize(("minutes", "said"), [("10", "every 10 minutes."), ("1", "every minute.")])
def test_the_accounts_say_how_often_mail_is_fetched_and_lead_here(
    client: FlaskClient, desk: Desk, minutes: str, said: str
) -> None:
    desk.ok("setting", "set", "FetchIntervalMinutes", minutes)
    page = client.get("/accounts").text
    assert f"Mail is fetched {said} Change the interval" in words(page)
    assert 'href="/settings/FetchIntervalMinutes"' in page


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
    response = client.post(
        "/settings/FetchIntervalMinutes/reset?q=fetchinterval", headers=headers, follow_redirects=True
    )
    assert names(response.text) == ["FetchIntervalMinutes"]
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
        "Ticket::Hook",
        "Ticket::SubjectFormat",
        "UnknownTicketNumberQueue",
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
