"""The first steps: which one is next."""

from __future__ import annotations

import html
import re
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from postmaster.database import transaction
from postmaster.desk.models import Ticket
from postmaster.extensions import now
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail
from tests.web.conftest import HTMX
from tests.web.resource_support import words


def guide(client: FlaskClient) -> str:
    """The first steps, as the list of accounts shows them."""
    return client.get("/accounts").text.partition('id="guide"')[2].partition("</section>")[0]


def next_step(client: FlaskClient) -> str:
    """What is said of the step that is next."""
    found = re.search(r'aria-current="step">(.*?)</li>', guide(client), re.DOTALL)
    return words(found[1]) if found else ""


def test_the_first_steps_advance_up_to_the_first_ticket(client: FlaskClient, desk: Desk, mailbox: TestMailbox) -> None:
    assert next_step(client).startswith("Add the mail account")
    number = desk.account(mailbox)
    assert next_step(client).startswith("Fetch the first mail Each message becomes a ticket.")
    assert f'action="/accounts/{number}/fetch"' in guide(client)
    desk.fetch()
    assert "The mailbox is empty. Send a mail to it, and fetch again." in next_step(client)
    mailbox.deliver(mail("first"))
    desk.fetch()
    [ticket] = desk.tickets()
    assert next_step(client).startswith("The first ticket is there")
    assert f'href="/tickets/{ticket["number"]}"' in guide(client)


def test_what_keeps_the_account_back_is_said_in_its_step(client: FlaskClient, desk: Desk) -> None:
    desk.add_account(type="IMAP", host="h.example")
    assert "The account has no credential. Choose one in the account. Edit account" in next_step(client)


def test_they_end_a_day_after_the_first_ticket_or_with_a_second_account(
    app: Flask, client: FlaskClient, desk: Desk
) -> None:
    desk.add_account(type="IMAP", host="h.example")
    desk.ok("read", input=mail("first"))
    assert guide(client)
    with app.app_context(), transaction() as session:
        session.query(Ticket).update({"created_at": now() - timedelta(days=1, minutes=1)})
    assert guide(client) == ""
    with app.app_context(), transaction() as session:
        session.query(Ticket).update({"created_at": now()})
    desk.add_account(type="IMAP", host="two.example")
    assert guide(client) == ""


def test_the_pulse_renews_them_only_when_something_else_is_next(
    client: FlaskClient, desk: Desk, mailbox: TestMailbox
) -> None:
    desk.account(mailbox)
    [seen] = re.findall(r'name="guided" value="([^"]*)"', guide(client))
    asked = {"guided": html.unescape(seen)}
    assert 'id="guide"' not in client.get("/accounts/live", query_string=asked, headers=HTMX).text
    mailbox.deliver(mail("first"))
    desk.fetch()
    renewed = client.get("/accounts/live", query_string=asked, headers=HTMX).text
    assert re.search(r'id="guide"[^>]*hx-swap-oob="true"', renewed)
    assert "Look at the first ticket" in renewed
    assert 'id="guide"' not in client.get("/accounts/live", headers=HTMX).text
