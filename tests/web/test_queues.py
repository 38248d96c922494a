"""The pages of the queues."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.support import Desk, mail
from tests.web.resource_support import fields_of, fill, fragment, labels, press_delete, words
from tests.web.samples import HOSTILE


def test_the_default_queue_is_marked(client: FlaskClient) -> None:
    assert words(client.get("/queues").text).count("Default queue") == 1
    assert "Raw Default queue" in words(client.get("/queues").text)


def test_the_default_queue_cannot_be_set_invalid(client: FlaskClient) -> None:
    response = fill(client, "/queues/2", validity="invalid")
    assert response.status_code == 422
    assert "Validity of “Raw” must stay valid, because it is the default queue." in words(response.text)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": ""}, "Name is missing."),
        ({"name": "Sales::"}, "Name is “Sales::”, which has an empty part."),
        ({"name": "junk"}, "Name is “junk”, which is already the name of queue 3."),
        ({"name": "x" * 201}, "Name has 201 characters; at most 200 are allowed."),
        ({"follow_up": "maybe"}, "Follow-up is “maybe”, but must be possible, reject or new-ticket."),
    ],
)
def test_each_refusal_says_what_is_wrong(client: FlaskClient, given: dict[str, str], sentence: str) -> None:
    response = fill(client, "/queues/add", **{"name": "New", **given})
    assert response.status_code == 422
    assert sentence in words(response.text)


def test_a_renamed_default_queue_stays_the_default_and_says_so(client: FlaskClient) -> None:
    page = words(
        client.post(
            "/queues/2", data={**fields_of(client.get("/queues/2").text), "name": "Inbox"}, follow_redirects=True
        ).text
    )
    assert "PostmasterDefaultQueue is “Inbox”." in page
    assert "Inbox Default queue" in page


def test_one_in_use_is_not_deleted_and_the_refusal_names_what_uses_it(client: FlaskClient, desk: Desk) -> None:
    desk.add_account(type="IMAP", host="one.example", dispatching="queue", queue="Misc")
    desk.ok("address", "add", "--address", "a@b.example", "--name", "A", "--queue", "Misc")
    desk.ok("read", "--queue", "Misc", input=mail("hello"))
    assert "Misc Possible 1 account, 1 address Valid" in words(client.get("/queues").text)
    refusal = words(fragment(client, "/queues/4/delete"))
    assert "The queue “Misc” is in use: account 1 (one.example), a pipe (flask read --queue, seen" in refusal
    assert "), address a@b.example, 1 ticket." in refusal
    press_delete(client, "/queues/4/delete")
    assert "Misc" in labels(client, "/queues")


def test_the_default_queue_is_not_deleted(client: FlaskClient) -> None:
    assert "in use: setting PostmasterDefaultQueue." in words(client.get("/queues/2/delete").text)


def test_hostile_names_are_shown_as_text(client: FlaskClient) -> None:
    fill(client, "/queues/add", name=f"Sales::{HOSTILE}", comment=HOSTILE)
    for path in ("/queues", "/queues/5", "/queues/5/delete", "/audit"):
        page = client.get(path).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page
