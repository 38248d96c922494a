"""The list of the mail accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.ledger.models import InboundMail
from postmaster.pipeline.outcome import Outcome
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail
from tests.web.resource_support import (
    add_credential,
    counting_queries,
    fill,
    fragment,
    labels,
    press_delete,
    queries_of,
    words,
)

ONE, TWO, THREE, FOUR = "ada@one.example", "support@example.org", "berta@three.example/Büro", "four.example"


def tell_state(app: Flask, number: int, **state: Any) -> None:
    """Store what a fetch leaves behind."""
    with app.app_context(), transaction() as session:
        account = session.get_one(MailAccount, number)
        for name in ("paused", "held"):
            if state.pop(name, False):
                state[f"{name}_revision"] = account.config_revision
        account.state = AccountState(**{"failures": 0, **state})


@pytest.fixture
def four(app: Flask, desk: Desk) -> None:
    """Four accounts: healthy, failing, paused, and without credential."""
    for name in ("ada", "berta"):
        add_credential(desk, name)
    app_only = ("--kind", "oauth2-microsoft", "--grant", "client-credentials", "--tenant", "t", "--client-id", "c")
    desk.ok("credential", "add", *app_only, "--name", "support", "--client-secret-stdin", input="a secret")
    desk.ok("queue", "add", "--name", "Sales::Orders")
    desk.add_account(
        type="IMAPS",
        host="one.example",
        credential="ada",
        dispatching="queue",
        queue="Sales::Orders",
        comment="Web shop",
    )
    desk.add_account(type="Outlook365", address="support@example.org", credential="support", comment="Help wanted")
    desk.add_account(type="IMAP", host="three.example", credential="berta", folder="Büro")
    desk.add_account(type="POP3", host="four.example")
    desk.add_account(type="POP3S", host="five.example", validity="invalid-temporarily")
    error = {"error_message": "It <b>broke</b>.", "error_advice": "Mend it.", "error_server": "NO <i>way</i>"}
    tell_state(app, 1, last_success_at=now(), next_run_at=now() + timedelta(minutes=4, seconds=50))
    tell_state(app, 2, failures=2, **error)
    tell_state(app, 3, failures=1, paused=True, last_success_at=now(), **error)


def test_an_empty_list_shows_the_first_steps(client: FlaskClient) -> None:
    text = words(client.get("/accounts").text)
    for step in (
        "Add the mail account",
        "Fetch the first mail",
        "Look at the first ticket",
        "no option to keep a copy",
    ):
        assert step in text


@pytest.mark.usefixtures("four")
def test_what_needs_somebody_comes_first_with_its_error(client: FlaskClient) -> None:
    page = client.get("/accounts").text
    assert labels(client, "/accounts") == [TWO, THREE, FOUR, ONE, "five.example"]
    text = words(page)
    assert "Help wanted By the To: field Failing : support@example.org Never 0 0 – Valid" in text
    assert "It <b>broke</b>. Mend it. The server said: NO <i>way</i>" in text
    assert "Login refused : berta@three.example/Büro just now 0 0 – Valid" in text
    assert "Edit credential" in text
    assert "Needs credential : four.example Never 0 0 – Valid" in text
    assert "The account has no credential. Choose one in the account. Until then, this account is not fetched." in text
    assert "IMAPS ada · Web shop Sales::Orders all mail Healthy : ada@one.example just now 0 0 – Valid" in text
    assert "Not valid : five.example Never 0 0 – Invalid temporarily" in text
    assert "There is no option to keep a copy there" in text
    assert "<b>broke" not in page


def test_a_full_mailbox_waits_to_be_confirmed_and_says_how(app: Flask, client: FlaskClient, desk: Desk) -> None:
    add_credential(desk, "ada")
    desk.add_account(type="IMAP", host="one.example", credential="ada")
    tell_state(app, 1, held=True, held_count=250)
    text = words(client.get("/accounts").text)
    assert "Needs confirmation" in text
    assert "This mailbox was never fetched before and holds 250 messages. All mail in it would become tickets" in text
    assert "Confirm…" in text


# What is typed, and which accounts that finds.
TYPED: dict[str, list[str]] = {
    "one.EXAMPLE": [ONE],
    "ada@one": [ONE],
    "berta@login.example": [THREE],
    "imap": [THREE, ONE],
    "pop3": [FOUR, "five.example"],
    "outlook": [TWO],
    "büro": [THREE],
    "orders": [ONE],
    "web shop": [ONE],
    "invalid-temp": ["five.example"],
    "healthy": [ONE],
    "failing": [TWO],
    "login refused": [THREE],
    "needs credential": [FOUR],
    "refused imap berta": [THREE],
    "refused ada": [],
    "%": [],
}


@pytest.mark.usefixtures("four")
def test_typing_finds_by_name_host_type_queue_comment_validity_and_health(client: FlaskClient) -> None:
    paths = {text: f"/accounts?{urlencode({'q': text})}" for text in TYPED}
    assert {text: labels(client, path) for text, path in paths.items()} == TYPED
    for text, path in paths.items():
        assert f"{len(TYPED[text])} of 5 accounts" in words(client.get(path).text), text


@pytest.mark.usefixtures("four")
def test_each_order_works_both_ways(client: FlaskClient) -> None:
    for sort in ("health", "account", "queue", "success", "next", "validity"):
        there, back = labels(client, f"/accounts?sort={sort}"), labels(client, f"/accounts?sort=-{sort}")
        assert sorted(there) == sorted(back), sort
        assert there != back, sort
    assert labels(client, "/accounts?sort=account") == [ONE, THREE, "five.example", FOUR, TWO]


def test_more_valid_accounts_than_recommended_are_warned_of(client: FlaskClient, desk: Desk) -> None:
    desk.ok("setting", "set", "RecommendedAccountLimit", "1")
    desk.add_account(type="IMAP", host="one.example")
    desk.add_account(type="IMAP", host="two.example", validity="invalid")
    assert "are recommended" not in client.get("/accounts").text
    desk.add_account(type="IMAP", host="three.example")
    assert "2 valid accounts, 1 are recommended. More can slow down fetching." in words(client.get("/accounts").text)


def test_leads_do_not_see_the_list(lead: FlaskClient) -> None:
    for path in ("/accounts", "/accounts/add", "/accounts/1", "/accounts/1/delete"):
        assert lead.get(path).status_code == 403


def add_rows(app: Flask, start: int, end: int) -> None:
    """Accounts with the ids from ``start`` to before ``end``, with credentials, queues and errors."""
    numbers, common = range(start, end), {"revision": 1, "changed_at": now()}
    with app.app_context():
        sealed = seal("secret")
    with app.app_context(), transaction() as session:
        session.execute(
            insert(Credential),
            [{"id": n, "name": f"c{n}", "username": f"u{n}", "sealed_password": sealed, **common} for n in numbers],
        )
        session.execute(
            insert(MailAccount),
            [
                {"id": n, "type": "IMAP", "host": f"h{n}.example", "credential_id": n, "queue_id": 1 + n % 4}
                | {"dispatching": "queue", "created_at": now(), **common}
                for n in numbers
            ],
        )
        session.execute(
            insert(AccountState),
            [{"account_id": n, "failures": n % 2, "error_message": "Bad.", "backlog": 0} for n in numbers],
        )


def test_the_list_needs_as_many_queries_for_500_accounts_as_for_10(app: Flask, client: FlaskClient) -> None:
    client.get("/accounts")
    add_rows(app, 1, 11)
    few = queries_of(app, client, "/accounts")
    add_rows(app, 11, 501)
    assert queries_of(app, client, "/accounts") == few
    assert "1–50 of 500" in words(client.get("/accounts").text)


def test_the_filter_is_one_query_with_10_000_accounts(app: Flask, client: FlaskClient) -> None:
    client.get("/accounts")
    add_rows(app, 1, 10_001)
    with counting_queries(app) as statements:
        page = fragment(client, "/accounts?q=failing+misc+h77")
    assert len([text for text in statements if "mail_account" in text]) == 1
    assert "28 of 10,000 accounts" in words(page)


def test_deleting_asks_in_the_row_and_says_what_stays(client: FlaskClient, desk: Desk) -> None:
    desk.add_account(type="IMAP", host="one.example", comment="Keep <me>")
    row = words(fragment(client, "/accounts/1/delete"))
    assert "Delete this mail account? Its tickets stay, and so does the mail that is still on the server." in row
    assert "Keep <me>" in row
    press_delete(client, "/accounts/1/delete")
    assert labels(client, "/accounts") == []


def test_deleting_an_account_that_has_mail_keeps_tickets_and_ledger(
    app: Flask, client: FlaskClient, desk: Desk, mailbox: TestMailbox
) -> None:
    mailbox.deliver(mail("kept for ever"))
    account = desk.account(mailbox)
    assert desk.fetch_one()["new"] == 1
    press_delete(client, f"/accounts/{account}/delete")
    assert "is deleted" in client.get("/accounts").text
    [ticket] = desk.ok("ticket", "list", "--json").json_lines
    assert ticket["title"] == "kept for ever"
    with app.app_context(), read_session() as session:
        assert [row.outcome for row in session.scalars(select(InboundMail))] == [Outcome.NEW]
    mailbox.deliver(mail("another one"))
    desk.account(mailbox)
    row = desk.fetch_one()
    assert (row["found"], row["new"], row["already_recorded"]) == (1, 1, 0)


def test_save_and_finish_leads_back_to_the_filtered_list(client: FlaskClient, desk: Desk) -> None:
    desk.add_account(type="IMAP", host="one.example")
    assert fill(client, "/accounts/1?q=one", comment="x", then="finish").location == "/accounts?q=one"
