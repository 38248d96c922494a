"""One search for everything, the command palette, and the keyboard shortcuts."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import Desk, mail
from tests.web.resource_support import fragment, queries_of, words
from tests.web.samples import HOSTILE
from tests.web.ticket_support import add_tickets, opened


@pytest.fixture
def stocked(desk: Desk) -> str:
    """A desk with one of each kind that is called Orders or so; returns the number of its ticket."""
    desk.ok("queue", "add", "--name", "Sales::Orders")
    desk.ok("address", "add", "--address", "orders@example.org", "--name", "Orders", "--queue", "Sales::Orders")
    desk.ok("filter", "add", "--name", "10 orders", "--match", "Subject=x", "--set", "X-OTRS-Queue=Junk")
    desk.add_account(type="POP3", host="orders.example.org", dispatching="to", comment="The orders")
    desk.ok("customer", "import", input="address,login,number\northers@example.net,orders-login,17\n")
    return opened(desk, raw=mail("orders of today"))


def headings(page: str) -> list[str]:
    """The kinds that were found."""
    return [words(found) for found in re.findall(r"<h2>(.*?)</h2>", page, re.DOTALL)]


def test_the_search_finds_each_kind_that_an_admin_may_open(stocked: str, client: FlaskClient) -> None:
    page = client.get("/search?q=orders").text
    assert headings(page) == [
        "Tickets",
        "Mail",
        "Mail Accounts",
        "Queues",
        "Email Addresses",
        "Postmaster Filters",
        "Customer Directory",
    ]
    assert f'href="/tickets/{stocked}"' in page
    for address in ("/mail/1", "/accounts/1", "/filters/1", "/customers?q=orthers"):
        assert f'href="{address}' in page


def test_a_lead_finds_what_a_lead_may_open(stocked: str, lead: FlaskClient) -> None:
    assert headings(lead.get("/search?q=orders").text) == ["Tickets", "Mail"]
    assert headings(fragment(lead, "/palette?q=orders")) == []
    assert headings(fragment(lead, "/palette?q=audit")) == []
    assert f'href="/tickets/{stocked}"' in fragment(lead, f"/palette?q={stocked[:9]}")


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ("sales", "/queues/"),
        ("add+mail", "/accounts/where"),
        ("tickets+hour", "/settings/TicketsPerSenderHour"),
        ("audit", "/audit"),
        ("orders.example", "/accounts/1"),
    ],
)
def test_the_palette_offers_pages_and_records(stocked: str, client: FlaskClient, query: str, address: str) -> None:
    assert f'href="{address}' in fragment(client, f"/palette?q={query}")
    assert stocked


def test_more_than_is_shown_has_a_way_to_all_of_it(app: Flask, client: FlaskClient) -> None:
    client.get("/")
    add_tickets(app, count=20)
    page = client.get("/search?q=ticket").text
    assert "More in Tickets" in words(page)
    assert 'href="/tickets?q=ticket"' in page


@pytest.mark.parametrize("start", ["2026", "20260101000", "9999", "99999999999999999999999999999999", "²²²²", "-2026"])
def test_numbers_are_found_by_their_beginning(app: Flask, client: FlaskClient, start: str) -> None:
    client.get("/")
    add_tickets(app, {"number": "9999000000001"}, {"number": "2026010100001"}, {"number": "2027010100001"})
    found = re.findall(r'href="/tickets/(\d+)"', fragment(client, f"/palette?q={start}"))
    assert found == {"9999": ["9999000000001"]}.get(start, ["2026010100001"] if start.startswith("20260") else found)
    assert all(number.startswith(start) for number in found)


def test_the_palette_asks_as_much_whatever_there_is(app: Flask, desk: Desk, client: FlaskClient) -> None:
    path = "/palette?q=2026"
    client.get(path)
    few = queries_of(app, client, path)
    add_tickets(app, count=60)
    for number in range(8):
        desk.ok("queue", "add", "--name", f"2026 {number}")
    assert queries_of(app, client, path) <= few


@pytest.mark.parametrize("query", ["", "+", "%00", "%00x", "zzz", "9" * 4000, "%F0%9F%92%A9", "'%22;--", "%25", "_"])
@pytest.mark.parametrize("path", ["/search", "/palette"])
def test_whatever_is_entered_is_answered(client: FlaskClient, path: str, query: str) -> None:
    answer = client.get(f"{path}?q={query}")
    assert answer.status_code == 200


def test_hostile_words_are_shown_as_text(desk: Desk, client: FlaskClient) -> None:
    desk.ok("queue", "add", "--name", HOSTILE)
    desk.ok("read", input=f"From: x@example.net\nSubject: {HOSTILE}\n\nHello")
    for path in ("/search?q=alert", "/palette?q=alert", f"/search?q={HOSTILE}"):
        page = client.get(path).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page


def test_the_shortcuts_that_are_listed_are_those_of_the_page(lead: FlaskClient, client: FlaskClient) -> None:
    for browser, has_accounts in ((lead, False), (client, True)):
        page, listed = browser.get("/status").text, words(fragment(browser, "/shortcuts"))
        assert ('data-key="g a"' in page) is has_accounts
        assert ("PostMaster Mail Accounts" in listed) is has_accounts
        assert 'data-key="g t"' in page
        assert "Tickets g t" in listed
