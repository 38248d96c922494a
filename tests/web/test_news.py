"""Lists that grow by themselves say how many rows are new, and move none. Of tickets: tests/web/test_tickets.py."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.resources import keyset
from tests.support import Desk
from tests.web.resource_support import counting_queries, fragment, labels, words
from tests.web.samples import add_quarantined
from tests.web.test_accounts import add_rows
from tests.web.test_runs import add_runs, numbers
from tests.web.ticket_support import opened

# How so many rows that are found by a word get into a list.
LISTS: dict[str, Callable[[Desk, Flask, int, str], object]] = {
    "mail": lambda desk, _, count, word: [opened(desk, subject=word) for _ in range(count)],
    "quarantine": lambda _, app, count, word: add_quarantined(app, [word] * count),
    "runs": lambda _, app, count, word: add_runs(app, count, label=word),
}


@pytest.mark.parametrize("name", LISTS)
def test_the_list_says_what_is_new_with_its_filter_and_moves_no_row(
    app: Flask, desk: Desk, lead: FlaskClient, name: str
) -> None:
    grow, path = LISTS[name], f"/{name}"
    lead.get("/status")
    add_rows(app, 1, 2)
    grow(desk, app, 1, "invoice")
    page = lead.get(f"{path}?q=invoice").text
    assert page.count("hx-trigger=") >= 1
    assert re.findall(r'id="pulse" hx-get="([^"?]*)', page) == [f"{path}/news"]
    [after] = re.findall(r'name="after" value="(\d+)"', page)
    news = f"{path}/news?q=invoice&after={after}"
    assert f'id="{name}-news"' not in fragment(lead, news)
    grow(desk, app, 1, "printer")
    assert f'id="{name}-news"' not in fragment(lead, news)
    grow(desk, app, 2, "invoice")
    told = fragment(lead, news)
    assert re.search(r"2 new (messages|runs) — show", words(told))
    assert "<tr" not in told
    assert f'id="{name}-news"' not in fragment(lead, f"{news}&announced=2")
    assert f'id="{name}-news"' in fragment(lead, f"{path}/news?after={after}&announced=2")
    [address] = re.findall(r'href="([^"]*)" hx-get', told)
    shown = fragment(lead, html.unescape(address))
    assert len(numbers(shown) if name == "runs" else labels(lead, html.unescape(address))) == 3
    assert f'id="{name}-news" role="status" hx-swap-oob="true"></p>' in shown


@pytest.mark.parametrize("name", LISTS)
def test_rows_that_are_not_new_any_more_are_not_announced_as_none(lead: FlaskClient, name: str) -> None:
    lead.get("/status")
    told = fragment(lead, f"/{name}/news?after=1&announced=2")
    assert f'id="{name}-news" role="status" hx-swap-oob="true"></p>' in told
    assert "new" not in words(told)


@pytest.mark.parametrize("name", ["quarantine", "runs", "tickets"])
def test_no_more_than_a_stretch_is_looked_through_for_new_rows(
    app: Flask, desk: Desk, lead: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(keyset, "STRETCH", 3)
    lead.get("/status")
    add_rows(app, 1, 2)
    grow = LISTS["mail" if name == "tickets" else name]
    for word, count in (("invoice", 3), ("printer", 2), ("invoice", 1)):
        grow(desk, app, count, word)
    assert "1 new" in words(fragment(lead, f"/{name}/news?q=invoice&after=1"))


@pytest.mark.parametrize("name", ["quarantine", "runs"])
def test_a_row_that_comes_while_the_list_is_made_is_announced(app: Flask, lead: FlaskClient, name: str) -> None:
    lead.get("/status")
    with counting_queries(app) as statements:
        lead.get(f"/{name}")
    table = {"runs": "fetch_run"}.get(name, name)
    of_rows = [f"max({table}.id)" in each for each in statements if f"{table}.error" in each or "max(" in each]
    assert of_rows.index(True) < of_rows.index(False)


@pytest.mark.parametrize("name", ["quarantine", "runs"])
def test_more_than_a_hundred_are_not_counted(app: Flask, desk: Desk, lead: FlaskClient, name: str) -> None:
    lead.get("/status")
    add_rows(app, 1, 2)
    LISTS[name](desk, app, 120, "invoice")
    with counting_queries(app) as statements:
        told = fragment(lead, f"/{name}/news?after=0")  # of a list that was empty
    assert "Over 99 new" in words(told)
    assert len(statements) < 12


def test_pages_of_older_rows_ask_for_nothing(app: Flask, desk: Desk, lead: FlaskClient) -> None:
    opened(desk, subject="order")
    for path in ("/mail?before=9", "/runs?before=9"):
        assert 'name="after"' not in lead.get(path).text


def test_new_messages_in_quarantine_are_shown_first(app: Flask, lead: FlaskClient) -> None:
    lead.get("/status")
    add_quarantined(app, ["old"])
    add_quarantined(app, ["new"])
    told = fragment(lead, "/quarantine/news?after=1&page=3&sort=size")
    [address] = re.findall(r'href="([^"]*)" hx-get', told)
    assert html.unescape(address) == "/quarantine?sort=-received"
    assert labels(lead, html.unescape(address)) == ["new", "old"]
