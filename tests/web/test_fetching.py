"""Fetch now, and the rows that are renewed while accounts are fetched."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis as Client
from sqlalchemy import select, update

from postmaster.accounts.models import AccountState
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.models import LivingProcess
from postmaster.operations.run_history import newest_run
from postmaster.resources.models import AuditEvent
from postmaster.web.fetch_results import TOGETHER_AWAITED
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.servers.redis import Redis
from tests.support import Desk, mail, mails
from tests.web.conftest import HTMX, token_header
from tests.web.resource_support import add_credential, counting_queries, labels, queries_of, seconds_of, words
from tests.web.test_accounts import add_rows, tell_state


@pytest.fixture
def environ(environ: dict[str, str], redis: Redis) -> dict[str, str]:
    """The environment of an app with a Redis, in which nobody has tried to sign in yet."""
    Client.from_url(redis.url).flushdb()
    return {**environ, "POSTMASTER_REDIS_URL": redis.url}


def post(client: FlaskClient, path: str, **options: Any) -> Any:
    """Press a button, as htmx does it."""
    return client.post(path, headers={**HTMX, **token_header(client)}, **options)


def shown(page: str) -> list[str]:
    """What a page says of the rows that it shows."""
    return re.findall(r'name="shown" value="([^"]+)"', page)


def renewed(page: str) -> list[str]:
    """The rows in an answer to htmx."""
    return re.findall(r'<tbody id="account-(\d+)" hx-swap-oob="true"', page)


def run_of(app: Flask, number: int, **options: Any) -> None:
    """A run over the account, under way."""
    with app.app_context(), transaction() as session:
        values = {"label": "x", "started_by": "schedule", "started_at": now(), "updated_at": now()}
        session.add(FetchRun(account_id=number, **{**values, **options}))


@pytest.mark.usefixtures("alive")
def test_fetch_now_queues_one_run_however_often_it_is_pressed(app: Flask, client: FlaskClient, account: str) -> None:
    tell_state(app, int(account), last_success_at=now())
    first = post(client, f"/accounts/{account}/fetch", data={"shown": f"{account}:"}).text
    assert "ada@one.example is queued for fetching." in words(first)
    assert "Queued" in words(first)
    assert renewed(first) == [account]
    assert seconds_of(first) == 2
    second = words(post(client, f"/accounts/{account}/fetch").text)
    assert "ada@one.example is already queued; it is not fetched twice." in second
    with app.app_context(), read_session() as session:
        assert session.scalars(
            select(AuditEvent.action).where(AuditEvent.noun == "account", AuditEvent.action == "fetch")
        ).all() == ["fetch"]
        assert session.scalars(select(AccountState.requested_by)).all() == ["admin"]


@pytest.mark.usefixtures("alive")
def test_fetch_now_works_without_scripts(client: FlaskClient, account: str) -> None:
    answer = client.post(f"/accounts/{account}/fetch?q=one", headers=token_header(client))
    assert (answer.status_code, answer.location) == (303, "/accounts?q=one")
    page = words(client.get("/accounts").text)
    assert "ada@one.example is queued for fetching." in page
    assert "Queued" in page


@pytest.mark.usefixtures("alive")
def test_all_accounts_are_fetched_at_once(client: FlaskClient, desk: Desk, account: str) -> None:
    desk.add_account(type="IMAP", host="two.example")
    assert account
    assert "Accounts: 1 queued, 1 cannot be fetched as they stand." in words(post(client, "/accounts/fetch").text)


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"credential": "ada", "validity": "invalid"}, "The account is not valid."),
        ({}, "The account needs a valid credential."),
    ],
)
def test_what_cannot_be_fetched_says_why(client: FlaskClient, desk: Desk, options: dict[str, str], reason: str) -> None:
    add_credential(desk, "ada")
    number = desk.add_account(type="IMAP", host="one.example", **options)
    assert f'aria-disabled="true" title="{reason}"' in client.get("/accounts").text
    assert "ada@one.example is not fetched" in words(post(client, f"/accounts/{number}/fetch").text) or not options


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("nobody", "Fetching has stopped: no worker is running."), ("pause", "All fetching is paused.")],
)
def test_nothing_can_be_pressed_while_nobody_fetches(
    app: Flask, client: FlaskClient, desk: Desk, account: str, trouble: str, reason: str
) -> None:
    if trouble == "pause":
        desk.ok("pause", "on", "--reason", "Moving house")
    else:
        with app.app_context(), transaction() as session:
            session.query(LivingProcess).delete()
    page = client.get("/accounts").text
    assert page.count(f'aria-disabled="true" title="{reason}"') == 3  # of the row, of all, and in the first steps
    told = words(post(client, f"/accounts/{account}/fetch").text)
    assert "is queued for fetching." in told
    assert seconds_of(page) == 15


@pytest.mark.usefixtures("alive")
def test_a_row_shows_how_far_its_run_is(app: Flask, client: FlaskClient, account: str) -> None:
    tell_state(app, int(account), last_success_at=now())
    begun = now() - timedelta(seconds=10)
    run_of(app, int(account), started_at=begun, updated_at=begun + timedelta(seconds=10), expected=400, new=132)
    page = client.get("/accounts").text
    assert "Fetching 132 of 400" in words(page)
    assert "13 messages/s" in words(page)
    assert '<progress value="132" max="400"' in page
    assert seconds_of(page) == 2


@pytest.mark.usefixtures("alive")
def test_only_rows_that_changed_are_sent_and_the_poller_slows_down(app: Flask, client: FlaskClient, desk: Desk) -> None:
    add_rows(app, 1, 4)
    run_of(app, 2, expected=10)
    marks = shown(client.get("/accounts").text)
    assert renewed(client.get("/accounts/live", query_string={"shown": marks}).text) == []
    with app.app_context(), transaction() as session:
        run = session.scalars(select(FetchRun)).one()
        run.status, run.finished_at = RunStatus.OK, now()
    for number in (2, 3):
        tell_state(app, number, last_success_at=now())
    answer = client.get("/accounts/live", query_string={"shown": marks}).text
    assert sorted(renewed(answer)) == ["2", "3"]
    assert seconds_of(answer) == 15


@pytest.mark.usefixtures("alive")
def test_a_row_that_asks_whether_to_delete_is_not_renewed(client: FlaskClient, account: str) -> None:
    asks = client.get(f"/accounts/{account}/delete", headers=HTMX).text
    assert "Delete this mail account?" in words(asks)
    assert shown(asks) == []
    assert renewed(client.get("/accounts/live").text) == []


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("shown", ["1", "x:y", "1:", "-1:a", "9" * 30, "\0:", ""])
def test_a_page_that_says_nonsense_is_answered(client: FlaskClient, account: str, shown: str) -> None:
    assert account
    assert client.get("/accounts/live", query_string={"shown": shown}).status_code == 200


@pytest.mark.usefixtures("alive")
def test_a_poll_needs_as_many_queries_for_50_rows_as_for_2(app: Flask, client: FlaskClient) -> None:
    add_rows(app, 1, 51)
    run_of(app, 2, expected=10)
    marks = shown(client.get("/accounts").text)
    assert len(marks) == 50
    few = queries_of(app, client, f"/accounts/live?shown={marks[0]}&shown={marks[1]}")
    assert queries_of(app, client, "/accounts/live?" + "&".join(f"shown={mark}" for mark in marks)) == few


@pytest.mark.usefixtures("alive")
def test_fetching_all_needs_as_many_queries_for_50_accounts_as_for_2(app: Flask, client: FlaskClient) -> None:
    needed = []
    for start, end in ((1, 3), (3, 53)):
        client.get("/accounts")
        add_rows(app, start, end)
        with app.app_context(), transaction() as session:
            session.execute(update(AccountState).values(requested_at=None, requested_by=None, claim="busy"))
        headers = {**HTMX, **token_header(client)}
        with counting_queries(app) as statements:
            assert client.post("/accounts/fetch", headers=headers).status_code == 200
        needed.append(len(statements))
    assert needed[0] == needed[1]


def live(client: FlaskClient, path: str) -> str:
    """A beat of that page, in words."""
    return words(client.get(path, headers=HTMX).text)


def test_who_asked_for_a_fetch_is_told_once_what_came_of_it(
    desk: Desk, client: FlaskClient, lead: FlaskClient, mailbox: TestMailbox
) -> None:
    mailbox.deliver(*mails(4))
    number = desk.account(mailbox)
    path = f"/accounts/{number}/status/live"
    post(client, f"/accounts/{number}/fetch")
    assert "→" not in live(client, path)
    desk.fetch()
    page = client.get(path, headers=HTMX).text
    assert "4 messages → 4 new tickets:" in words(page)
    numbers = [row["number"] for row in desk.tickets()]
    assert re.findall(r'<a href="/tickets/(\d+)">', page) == sorted(numbers)[:3]
    assert "→" not in live(client, path) + live(client, "/accounts/live") + live(lead, path)


def test_a_fetch_that_was_refused_is_not_waited_for(desk: Desk, client: FlaskClient, mailbox: TestMailbox) -> None:
    mailbox.deliver(mail("hello"))
    number = desk.account(mailbox)
    desk.ok("account", "pause", number, "--reason", "Holiday")
    assert "the account is paused. Resume it first." in words(post(client, f"/accounts/{number}/fetch").text)
    desk.ok("account", "resume", number)
    desk.fetch()
    assert "→" not in live(client, "/accounts/live")


@pytest.mark.parametrize(("found", "sentence"), [(0, ": no new mail."), (1, ": 1 message → 1 new ticket: 20")])
def test_the_list_and_the_board_tell_of_it_too(
    desk: Desk, client: FlaskClient, mailbox: TestMailbox, found: int, sentence: str
) -> None:
    mailbox.deliver(*(mail("hello") for _ in range(found)))
    number = desk.account(mailbox)
    for path in ("/accounts/live", "/status/board"):
        post(client, f"/accounts/{number}/fetch")
        desk.fetch()
        assert sentence in live(client, path)
        mailbox.deliver(*(mail("hello again") for _ in range(found)))


def fetch_as(desk: Desk, app: Flask, name: str = "admin", code: int = 0) -> None:
    """Fetch all accounts, as a worker does it for whoever pressed Fetch all."""
    with app.app_context(), read_session() as session:
        before = newest_run(session)
    desk.fetch(code=code)
    with app.app_context(), transaction() as session:
        session.execute(update(FetchRun).where(FetchRun.id > before).values(started_by=name))


@pytest.mark.parametrize("path", ["/accounts/fetch", "/accounts/bulk/fetch"])
def test_what_came_of_several_accounts_is_told_together(
    app: Flask, desk: Desk, client: FlaskClient, lead: FlaskClient, mailbox: TestMailbox, path: str
) -> None:
    mailbox.deliver(*mails(4))
    ids = [desk.account(mailbox), desk.account(mailbox, folder="Nowhere")]
    post(client, path, data={"id": ids})
    assert "Fetched" not in live(client, "/accounts/live")
    fetch_as(desk, app, code=1)
    page = client.get("/status/board", headers=HTMX).text
    assert "Fetched 1 account: 4 messages → 4 new tickets: Messages , New tickets" in words(page)
    assert "1 account failed: look at the runs" in words(page)
    [messages, runs] = (re.findall(rf'href="(/{name}\?[^"]*)"', page)[-1] for name in ("mail", "runs"))
    assert len(labels(client, html.unescape(messages))) == 4
    assert client.get(html.unescape(runs)).text.count('<tr id="run-') == 1
    assert "Fetched" not in live(client, "/accounts/live") + live(lead, "/status/board")


def test_what_is_asked_for_before_the_first_is_told_is_told_with_it(
    app: Flask, desk: Desk, client: FlaskClient, mailbox: TestMailbox
) -> None:
    mailbox.deliver(*mails(2))
    number = desk.account(mailbox)
    desk.account(new_mailbox(mailbox.server))
    post(client, "/accounts/fetch")
    fetch_as(desk, app)
    post(client, "/accounts/bulk/fetch", data={"id": [number]})
    fetch_as(desk, app)
    assert "Fetched 2 accounts: 2 messages → 2 new tickets" in words(live(client, "/accounts/live"))


@pytest.mark.parametrize(("running", "told"), [("admin", False), ("schedule", True)])
def test_what_somebody_else_has_fetched_meanwhile_is_not_waited_for(
    app: Flask, desk: Desk, client: FlaskClient, mailbox: TestMailbox, running: str, told: bool
) -> None:
    desk.account(mailbox)
    post(client, "/accounts/fetch")
    fetch_as(desk, app)
    add_rows(app, 5, 6)
    run_of(app, 5, started_by=running)
    assert ("Fetched 1 account: no new mail." in live(client, "/accounts/live")) is told


def test_accounts_that_are_not_fetched_after_all_are_told_too(
    app: Flask, desk: Desk, client: FlaskClient, mailbox: TestMailbox
) -> None:
    number = desk.account(mailbox)
    post(client, "/accounts/fetch")
    desk.ok("account", "pause", number, "--reason", "Holiday")
    tell_state(app, int(number), claim=None)
    assert "No account was fetched: look at the runs" in live(client, "/accounts/live")


@pytest.fixture
def awaiting(app: Flask, client: FlaskClient) -> None:
    """An admin has pressed Fetch all, and two accounts are queued."""
    client.get("/status")
    add_rows(app, 1, 3)
    with app.app_context(), transaction() as session:
        session.execute(update(AccountState).values(claim=None, paused_revision=None, failures=0))
    assert "Accounts: 2 queued" in words(post(client, "/accounts/fetch").text)


def end_run(app: Flask, number: int, **options: Any) -> None:
    """A run over the account that somebody asked for and that has ended."""
    with app.app_context(), transaction() as session:
        state = session.get_one(AccountState, number)
        state.requested_at = state.requested_by = None
    run_of(app, number, **{"started_by": "admin", "status": RunStatus.OK, "finished_at": now(), **options})


@pytest.mark.usefixtures("awaiting")
def test_runs_of_the_schedule_do_not_count_as_what_somebody_asked_for(app: Flask, client: FlaskClient) -> None:
    for number in (1, 2):
        end_run(app, number)
        run_of(app, number, status=RunStatus.OK, finished_at=now(), found=7, new=7)
    assert "Fetched 2 accounts: no new mail." in live(client, "/accounts/live")


@pytest.mark.usefixtures("awaiting")
@pytest.mark.parametrize(("minutes", "told"), [(9, False), (11, True), (61, False)])
def test_an_account_that_stays_queued_is_not_waited_for_all_day(
    app: Flask, client: FlaskClient, minutes: int, told: bool
) -> None:
    end_run(app, 1)
    with client.session_transaction() as kept:
        before, queued, pressed = kept[TOGETHER_AWAITED]
        kept[TOGETHER_AWAITED] = [before, queued, pressed - 60 * minutes]
    assert ("Fetched 1 account: no new mail." in live(client, "/accounts/live")) is told
    with client.session_transaction() as kept:
        assert (TOGETHER_AWAITED in kept) is (minutes < 10)


def test_what_an_earlier_version_waited_for_is_forgotten(client: FlaskClient) -> None:
    client.get("/status")
    with client.session_transaction() as kept:
        kept[TOGETHER_AWAITED] = [7, 2]
    assert "look at the runs" not in live(client, "/accounts/live")
    with client.session_transaction() as kept:
        assert TOGETHER_AWAITED not in kept


@pytest.mark.usefixtures("awaiting")
def test_accounts_that_were_interrupted_are_among_the_runs_that_their_sentence_leads_to(
    app: Flask, client: FlaskClient
) -> None:
    end_run(app, 1, status=RunStatus.FAILED)
    end_run(app, 2, status=RunStatus.INTERRUPTED)
    page = client.get("/accounts/live", headers=HTMX).text
    assert "1 account failed: look at the runs" in words(page)
    assert "1 account was interrupted: look at the runs" in words(page)
    for url in re.findall(r'href="(/runs\?[^"]*)"', page):
        assert client.get(html.unescape(url)).text.count('<tr id="run-') == 1
