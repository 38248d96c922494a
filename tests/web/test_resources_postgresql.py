"""The lists of the resources on PostgreSQL."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.support import Desk
from tests.web.conftest import token_of
from tests.web.resource_support import add_credential, fill, labels, press_delete, words

pytestmark = pytest.mark.database("postgresql")


def test_lists_are_filtered_and_sorted(client: FlaskClient, desk: Desk) -> None:
    add_credential(desk, "Zoë")
    add_credential(desk, "anna")
    desk.ok("address", "add", "--address", "a@b.example", "--name", "A", "--queue", "Misc")
    assert labels(client, "/credentials?q=ZOË+basic%00") == ["Zoë"]
    for sort in ("update", "name", "username"):
        assert labels(client, f"/credentials?sort=-{sort}") == ["Zoë", "anna"]
    for sort in ("kind", "used", "validity"):
        assert labels(client, f"/credentials?sort={sort}") == ["anna", "Zoë"]
    assert labels(client, "/addresses?q=misc&sort=-queue") == ["a@b.example"]
    assert labels(client, "/queues?sort=-used")[0] == "Misc"


def test_what_no_database_takes_is_refused_in_addresses_and_forms(client: FlaskClient) -> None:
    sent = {"csrf_token": token_of(client.get("/users/1").text), "session": "\0"}
    undone = client.post("/accounts/undo/%00", data=sent, follow_redirects=True)
    assert "There is nothing to undo." in words(undone.text)
    assert "has no session" in words(client.post("/users/1/sign-out", data=sent, follow_redirects=True).text)


def test_forms_save_and_the_log_tells(client: FlaskClient) -> None:
    assert fill(client, "/queues/add", name="New").status_code == 303
    assert fill(client, "/queues/5", comment="x").status_code == 303
    assert fill(client, "/settings/FetchIntervalMinutes", value="5").status_code == 303
    press_delete(client, "/queues/5/delete")
    assert labels(client, "/queues") == ["Junk", "Misc", "Postmaster", "Raw"]
    page = client.get("/audit?q=new&action=delete&from=2020-01-01&before=999999999999999999999").text
    assert page.count('<tr id="event-') == 1
