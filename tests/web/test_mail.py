"""Where is my mail: the search of all mail that was taken, and the page of each message."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bench.ledger import fill
from postmaster.ledger import search
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail
from tests.web.resource_support import fragment, labels, queries_of, words
from tests.web.samples import HOSTILE, quarantine


@pytest.fixture
def taken(desk: Desk) -> Desk:
    """A desk with three messages, the newest from Bob."""
    desk.ok("read", input=mail("first order"))
    desk.ok("read", input=mail("second order", to="billing@example.org"))
    desk.ok("read", input="From: Bob <bob@example.com>\nSubject: third\n\nHello")
    return desk


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["third", "second order", "first order"]),
        ("?q=order", ["second order", "first order"]),
        ("?q=+BOB+third", ["third"]),
        ("?q=ord", []),
        ("?sender=example.net", ["second order", "first order"]),
        ("?recipient=billing@example.org", ["second order"]),
        ("?subject=first&account=pipe", ["first order"]),
        ("?outcome=new&q=order", ["second order", "first order"]),
        ("?outcome=quarantined", []),
        ("?outcome=nonsense&q=third", ["third"]),
        ("?from=2000-01-01&to=2999-12-31", ["third", "second order", "first order"]),
        ("?from=2999-12-31", []),
        ("?to=2000-01-01", []),
        ("?from=nonsense&to=9999-12-31", ["third", "second order", "first order"]),
        ("?from=0001-01-01&to=9999-12-31T23:59:59", ["third", "second order", "first order"]),
        ("?before=3", ["second order", "first order"]),
        ("?before=nonsense&q=third", ["third"]),
        ("?before=" + "9" * 40, ["third", "second order", "first order"]),
        ("?before=-" + "9" * 40, ["third", "second order", "first order"]),
    ],
)
@pytest.mark.usefixtures("taken")
def test_mail_is_searched_by_what_people_know_of_it(client: FlaskClient, query: str, found: list[str]) -> None:
    assert labels(client, f"/mail{query}") == found


@pytest.mark.usefixtures("taken")
def test_the_list_leads_to_the_ticket(desk: Desk, lead: FlaskClient) -> None:
    number = desk.tickets()[-1]["number"]
    page = lead.get("/mail?q=third").text
    assert f'href="/tickets/{number}"' in page
    assert "New ticket" in words(page)


def test_the_page_of_a_message_tells_its_whole_way(desk: Desk, client: FlaskClient, mailbox: TestMailbox) -> None:
    desk.ok("address", "add", "--address", "desk@example.org", "--name", "Desk", "--queue", "Misc")
    mailbox.deliver(mail("lost and found"))
    account = desk.account(mailbox)
    desk.fetch()
    page = client.get("/mail/1").text
    told = words(page)
    for sentence in (
        "Fetched",
        "Misc: The address it was sent to is linked with this queue.",
        "Stored as a new ticket",
        "Deleted on the server",
        "Ada Lovelace ada@example.net",
        f"{mailbox.user} on 127.0.0.1, INBOX",
    ):
        assert sentence in told
    assert 'href="/help/reasons#dispatched-by-address"' in page
    assert f'href="/accounts/{account}"' in page
    assert f'href="/tickets/{desk.tickets()[0]["number"]}"' in page


@pytest.mark.usefixtures("taken")
def test_a_lead_sees_no_way_to_the_account(desk: Desk, lead: FlaskClient, mailbox: TestMailbox) -> None:
    mailbox.deliver(mail("fetched"))
    desk.account(mailbox)
    desk.fetch()
    page = lead.get("/mail/4").text
    assert "lost" not in page
    assert 'href="/accounts/' not in page


@pytest.mark.usefixtures("taken")
def test_the_page_of_a_ticket_leads_to_its_messages(desk: Desk, client: FlaskClient) -> None:
    assert 'href="/mail/1"' in client.get(f"/tickets/{desk.tickets()[0]['number']}").text


def test_mail_in_quarantine_leads_to_its_source_and_back(app: Flask, desk: Desk, client: FlaskClient) -> None:
    desk.add_account(type="POP3", host="pop.example.org", dispatching="to")
    quarantine(app, mail("broken"))
    assert 'href="/quarantine/1"' in client.get("/mail/1").text
    assert 'href="/mail/1"' in client.get("/quarantine/1").text


def test_older_mail_is_a_page_further(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        fill(120)
    seen, path = 0, "/mail?outcome=new"
    while path:
        page = fragment(client, path)
        seen += page.count('class="name"')
        found = re.search(r'id="page-older"[^>]* href="([^"]*)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == 119  # one is in quarantine


def test_a_search_that_would_take_long_stops_and_can_go_on(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "STEP", 20)
    monkeypatch.setattr(search, "COUNTED", 10)
    with app.app_context():
        fill(400)
    page = client.get("/mail?recipient=shop.example&subject=invoice+order+late+parcel+broken").text
    assert "There may be more before that." in words(page)
    assert "Look further back" in words(page)


def test_a_page_needs_as_many_queries_however_much_mail_there_is(app: Flask, client: FlaskClient) -> None:
    client.get("/mail")
    few = queries_of(app, client, "/mail?q=invoice")
    with app.app_context():
        fill(300)
    assert queries_of(app, client, "/mail?q=invoice") <= few + 1


def test_nothing_found_says_so(client: FlaskClient) -> None:
    assert "No mail received yet." in client.get("/mail").text
    assert "Whole words count, not parts of them" in client.get("/mail?q=zzz").text


def test_a_message_that_does_not_exist_is_no_page(client: FlaskClient) -> None:
    assert client.get("/mail/99").status_code == 404
    assert client.get("/mail/" + "9" * 40).status_code == 404


def test_hostile_mail_is_shown_as_text(desk: Desk, client: FlaskClient) -> None:
    desk.ok("read", input=f'From: "{HOSTILE.replace(chr(34), "")}" <x@example.net>\nSubject: {HOSTILE}\n\nHello')
    for path in ("/mail", "/mail?q=alert", f"/mail?q={HOSTILE}", "/mail/1"):
        page = client.get(path).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page


def test_why_not_is_answered_on_the_page_of_a_message(desk: Desk, lead: FlaskClient) -> None:
    desk.ok("filter", "add", "--name", "10 orders", "--match", "Subject=order", "--set", "X-OTRS-Queue=Junk")
    desk.ok("read", input=mail("Where is my parcel?"))
    page = lead.get("/mail/1").text
    assert 'action="/mail/1/why"' in page
    sentence = "The filter “10 orders” does not match: Subject must match “order”, but has “Where is my parcel?”."
    for query in ("?queue=Junk", "?filter=10+orders", "?ask=filter&queue=Raw&filter=10+orders&ticket="):
        assert sentence in words(lead.get(f"/mail/1/why{query}").text)
        assert fragment(lead, f"/mail/1/why{query}").count("<h1") == 0
    assert sentence in words(lead.get("/mail/1/missed").text)
    assert 'hx-get="/mail/1/missed"' in lead.get(f"/tickets/{desk.tickets()[0]['number']}").text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?ask=ticket&ticket=", "Choose a queue or a filter, or enter the number of a ticket first."),
        ("?ask=nonsense", "Choose a queue or a filter, or enter the number of a ticket first."),
        ("?queue=Nowhere", "There is no queue “Nowhere”"),
        ("?ticket=%00", "There is no ticket"),
        ("?queue=%00", "There is no queue"),
        ("?filter=" + "9" * 400, "There is no filter"),
    ],
)
def test_a_question_that_has_no_answer_says_why(desk: Desk, lead: FlaskClient, query: str, sentence: str) -> None:
    desk.ok("read", input=mail("hello"))
    answer = lead.get(f"/mail/1/why{query}")
    assert (answer.status_code, sentence in words(answer.text)) == (422, True)
    assert lead.get(f"/mail/99/why{query}").status_code == 404
    assert lead.get("/mail/99/missed").status_code == 404


def test_mail_without_its_source_says_that_nothing_can_be_tried(desk: Desk, lead: FlaskClient) -> None:
    desk.ok("filter", "add", "--name", "10 drop", "--match", "Subject=spam", "--set", "X-OTRS-Ignore=yes")
    desk.ok("read", input=mail("spam"))
    assert "The source of this mail is not kept" in words(lead.get("/mail/1/missed").text)
