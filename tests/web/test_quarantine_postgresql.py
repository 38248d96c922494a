"""The quarantine and the tickets on PostgreSQL."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import Desk, mail
from tests.web.conftest import token_header
from tests.web.resource_support import labels
from tests.web.samples import add_quarantined

pytestmark = pytest.mark.database("postgresql")


def test_what_waits_is_found_released_and_read(app: Flask, desk: Desk, client: FlaskClient) -> None:
    add_quarantined(app, ["one", "two", "three"], mail("hello"))
    assert labels(client, "/quarantine?q=could+not+be+READ%00&sort=-mail") == ["two", "three", "one"]
    assert labels(client, "/quarantine?account=%00x") == []
    data = {"mail": ["1", "2"], "action": "retry"}
    client.post("/quarantine/change", data=data, headers=token_header(client))
    assert labels(client, "/quarantine") == ["three"]
    data = {"ticket": [ticket["number"] for ticket in desk.tickets()], "action": "move", "queue": "Misc"}
    client.post("/tickets/change", data=data, headers=token_header(client))
    assert labels(client, "/tickets?queue=Misc&q=HELLO") == ["hello", "hello"]
    assert client.get("/quarantine/3").status_code == 200
    assert client.get("/articles/1/source").status_code == 200
    assert client.get(f"/tickets/{desk.tickets()[0]['number']}").status_code == 200
