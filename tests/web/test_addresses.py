"""The pages of the system addresses."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.support import Desk
from tests.web.conftest import token_header
from tests.web.resource_support import fields_of, fill, labels, words
from tests.web.samples import HOSTILE

ORDERS = {"address": "Orders@Example.org", "name": "Orders", "queue": "Misc"}


def test_one_is_added_in_lower_case(client: FlaskClient) -> None:
    assert fill(client, "/addresses/add", **ORDERS).status_code == 303
    assert labels(client, "/addresses") == ["orders@example.org"]
    assert "Orders Misc Valid" in words(client.get("/addresses").text)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"address": ""}, "E-mail Address is missing."),
        ({"address": "Orders <orders@example.org>"}, "which is not an e-mail address. Enter it as user@example.com"),
        ({"address": "TAKEN@example.org"}, "which is already the name of address 1."),
        ({"name": ""}, "Display name is missing."),
        ({"queue": ""}, "Queue is missing."),
        ({"queue": "Nowhere"}, "There is no queue “Nowhere”."),
        ({"queue": "Shut"}, "Queue is “Shut”, which is not valid."),
    ],
)
def test_each_refusal_says_what_is_wrong(client: FlaskClient, desk: Desk, given: dict[str, str], sentence: str) -> None:
    desk.ok("queue", "add", "--name", "Shut", "--validity", "invalid")
    desk.ok("address", "add", "--address", "taken@example.org", "--name", "x", "--queue", "Raw")
    response = fill(client, "/addresses/add", **{**ORDERS, **given})
    assert response.status_code == 422
    assert sentence in words(response.text)


def test_only_valid_queues_are_offered(client: FlaskClient, desk: Desk) -> None:
    desk.ok("queue", "set", "Misc", "--validity", "invalid")
    page = client.get("/addresses/add").text
    assert '<option value="Raw">' in page
    assert "Misc" not in page


def test_a_queue_that_was_set_invalid_stays_chosen_and_is_pointed_out(client: FlaskClient, desk: Desk) -> None:
    fill(client, "/addresses/add", **ORDERS)
    desk.ok("queue", "set", "Misc", "--validity", "invalid", "--yes")
    assert "Queue is not valid" in words(client.get("/addresses").text)
    assert fields_of(client.get("/addresses/1").text)["queue"] == "Misc"
    assert fill(client, "/addresses/1", comment="still").status_code == 303


def test_addresses_are_never_deleted_only_set_invalid(client: FlaskClient, desk: Desk) -> None:
    fill(client, "/addresses/add", **ORDERS)
    assert "Delete" not in client.get("/addresses").text
    for method in (client.get, client.post, client.delete):
        assert method("/addresses/1/delete", headers=token_header(client)).status_code == 404
    fill(client, "/addresses/1", validity="invalid")
    assert "Misc Invalid" in words(client.get("/addresses").text)


@pytest.mark.parametrize("text", ["orders@", "misc", "display", "invalid-temp", "SENTENCE"])
def test_the_filter_looks_into_each_column(client: FlaskClient, text: str) -> None:
    fill(client, "/addresses/add", address="x@x.example", name="y", queue="Raw")
    more = {"name": "Display", "validity": "invalid-temporarily", "comment": "A sentence."}
    fill(client, "/addresses/add", **{**ORDERS, **more})
    assert labels(client, f"/addresses?q={text}") == ["orders@example.org"]


def test_hostile_names_are_shown_as_text(client: FlaskClient, desk: Desk) -> None:
    desk.ok("queue", "add", "--name", HOSTILE)
    fill(client, "/addresses/add", address="a@b.example", name=HOSTILE, queue=HOSTILE, comment=HOSTILE)
    for path in ("/addresses", "/addresses/1", "/addresses?q=zzz<script>"):
        page = client.get(path).text
        assert "<img src=x" not in page
        assert "<script>" not in page
