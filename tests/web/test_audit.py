"""The page of the audit log."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, insert

from postmaster.database import transaction
from postmaster.resources import keyset
from postmaster.resources.models import AuditEvent
from tests.web.resource_support import fragment, words
from tests.web.samples import HOSTILE

MOMENT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def record(app: Flask, *events: dict[str, Any]) -> None:
    """Fill the log with ``events`` only, a day apart, the first of them at ``MOMENT``."""
    usual = {"actor": "admin", "action": "set", "noun": "queue", "detail": {}}
    with app.app_context(), transaction() as session:
        session.execute(delete(AuditEvent))
        session.execute(
            insert(AuditEvent),
            [{"label": f"event {n}", "at": MOMENT + timedelta(days=n), **usual, **e} for n, e in enumerate(events)],
        )


def shown(page: str) -> list[str]:
    return re.findall(r'<span class="under">([^<]*)</span></th>', page)


def test_the_newest_stands_first(app: Flask, client: FlaskClient) -> None:
    record(app, {}, {}, {})
    assert shown(client.get("/audit").text) == ["event 2", "event 1", "event 0"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=MAREN", ["event 1"]),
        ("q=maren+delete", ["event 1"]),
        ("q=maren+add", []),
        ("q=event+2", ["event 2"]),
        ("noun=setting", ["event 2"]),
        ("noun=set", []),
        ("action=delete", ["event 1"]),
        ("from=2026-11-24", ["event 2", "event 1"]),
        ("to=2026-11-24", ["event 1", "event 0"]),
        ("from=2026-11-24&to=2026-11-24", ["event 1"]),
        ("from=nonsense&to=9999-12-31", ["event 2", "event 1", "event 0"]),
        ("before=nonsense", ["event 2", "event 1", "event 0"]),
        ("before=" + "9" * 30, ["event 2", "event 1", "event 0"]),
        ("before=-" + "9" * 30, ["event 2", "event 1", "event 0"]),
    ],
)
def test_it_is_filtered_by_who_what_and_when(app: Flask, client: FlaskClient, query: str, found: list[str]) -> None:
    record(app, {}, {"actor": "maren", "action": "delete"}, {"noun": "setting"})
    assert shown(fragment(client, f"/audit?{query}")) == found


def test_nouns_and_actions_to_choose_from_are_those_there_are(app: Flask, client: FlaskClient) -> None:
    record(app, {}, {"action": "delete"}, {"noun": "setting"})
    options = re.findall(r"<option[^>]*>([^<]*)</option>", client.get("/audit?noun=setting").text)
    assert options == ["What: all", "queue", "setting", "Action: all", "delete", "set"]
    assert "<option selected>setting</option>" in client.get("/audit?noun=setting").text


def test_older_events_are_a_page_further(app: Flask, client: FlaskClient) -> None:
    record(app, *({} for _ in range(120)))
    seen, path = [], "/audit?q=event"
    while path:
        page = client.get(path).text
        seen += shown(page)
        found = re.search(r'id="page-older"[^>]* href="([^"]*)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == [f"event {n}" for n in reversed(range(120))]
    assert 'id="page-newest" class="button secondary small" href="/audit?q=event"' in page


def test_what_was_done_to_one_thing_is_found_however_long_ago(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "STRETCH", 10)
    mine = {"noun": "account", "record_id": 77}
    record(app, mine, *({} for _ in range(30)), mine, {"noun": "account", "record_id": 7})
    page = client.get("/audit?noun=account&record=77").text
    assert shown(page) == ["event 31", "event 0"]
    assert 'id="page-older"' not in page


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        ({"comment": ["old", "new"]}, "Comment: old → new"),
        ({"ssl_verify": [True, False]}, "Ssl verify: yes → no"),
        ({"name": [None, "new"]}, "Name: new"),
        ({"name": ["old", None]}, "Name: old → nothing"),
        ({"count": 3}, "Count: 3"),
        ({"tickets": ["1", "2", "3"]}, "Tickets: 1, 2, 3"),
        ({"filter": {"a": 1}}, "Filter: a: 1"),
        ({"comment": [None, ""]}, "–"),
        ({}, "–"),
    ],
)
def test_changes_are_readable(app: Flask, client: FlaskClient, detail: dict[str, Any], sentence: str) -> None:
    record(app, {"detail": detail})
    assert f"Queue event 0 {sentence}" in words(client.get("/audit").text)


@pytest.mark.parametrize("name", ["password", "client_secret", "refresh_token"])
def test_a_secret_is_not_shown_even_if_it_got_into_the_log(app: Flask, client: FlaskClient, name: str) -> None:
    record(app, {"detail": {name: ["gAAAAold", "gAAAAnew"]}})
    page = client.get("/audit").text
    assert "gAAAA" not in page
    assert "changed" in words(page)


def test_an_empty_log_and_a_filter_that_finds_nothing_say_so(app: Flask, client: FlaskClient) -> None:
    assert "Nothing in the log matches." in client.get("/audit?q=zzz").text
    with app.app_context(), transaction() as session:
        session.execute(delete(AuditEvent))
    assert "Nothing has been changed yet." in client.get("/audit").text


def test_hostile_words_are_shown_as_text(app: Flask, client: FlaskClient) -> None:
    record(app, {"actor": HOSTILE, "label": HOSTILE, "noun": "<b>", "action": "<i>", "detail": {"<u>": [HOSTILE, "x"]}})
    page = client.get("/audit?q=<script>").text + client.get("/audit").text
    assert "<img src=x" not in page
    assert "<script>" not in page
    assert not {"<b>", "<i>", "<u>"} & set(re.findall(r"<\w>", page))
