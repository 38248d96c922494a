"""The run history, and the page of an account."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.resources import keyset
from postmaster.resources.models import AuditEvent
from tests.web.conftest import HTMX, add, signed_in, token_header, token_of
from tests.web.resource_support import fragment, queries_of, words
from tests.web.test_accounts import add_rows, tell_state


def add_runs(app: Flask, count: int = 1, **options: Any) -> None:
    """Runs that ended well, unless ``options`` say otherwise."""
    values = {"account_id": 1, "label": "u1@h1.example", "started_by": "schedule", "status": RunStatus.OK, **options}
    with app.app_context(), transaction() as session:
        begun = values.pop("started_at", now() - timedelta(seconds=5))
        runs = [FetchRun(started_at=begun, finished_at=begun + timedelta(seconds=5), **values) for _ in range(count)]
        session.add_all(runs)


def audited(app: Flask) -> list[tuple[str, str, Any]]:
    """What admins had done, to what, with what detail."""
    with app.app_context(), read_session() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.actor == "admin", AuditEvent.noun != "session"))
        return [(event.action, event.noun, event.detail) for event in events]


def numbers(page: str) -> list[int]:
    """The runs that a page shows."""
    return [int(number) for number in re.findall(r'<tr id="run-(\d+)"', page)]


@pytest.fixture
def runs(app: Flask, lead: FlaskClient) -> None:
    """Four runs: one that went well, one cut short, one failed, and an old one of another account."""
    lead.get("/runs")
    add_rows(app, 1, 3)
    error = {"message": "It <b>broke</b>.", "advice": "Mend it.", "stage": "login", "server": "NO <i>way</i>"}
    add_runs(app, account_id=2, label="u2@h2.example", started_at=now() - timedelta(days=3), found=2, new=2)
    add_runs(app, found=24, new=9, follow_up=2, left=13, left_reasons={"timeout": 13})
    add_runs(app, status=RunStatus.FAILED, error=error, started_by="ada")
    add_runs(app)


def test_a_run_that_a_pause_cut_short_does_not_say_what_else_was_paused(app: Flask, lead: FlaskClient) -> None:
    lead.get("/runs")
    add_rows(app, 1, 2)
    add_runs(app, found=5, left=5, left_reasons={"paused": 5})
    assert "5 left: fetching was paused" in words(lead.get("/runs").text)


@pytest.mark.usefixtures("runs")
def test_each_run_says_what_became_of_its_mail_and_why_it_failed(lead: FlaskClient) -> None:
    page = lead.get("/runs").text
    assert numbers(page) == [4, 3, 2, 1]
    assert "Partly 13 left: time limit reached 24 9 2 0 0 0 0 0 13 5.0 s schedule" in words(page)
    assert "It <b>broke</b>. Mend it. Stage: login. The server said: NO <i>way</i>" in words(page)


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=u2", [1]),
        ("q=ada", [3]),
        ("status=failed", [3]),
        ("status=nonsense", [4, 3, 2, 1]),
        ("mail=1", [2, 1]),
        ("account=2", [1]),
        ("from=2999-01-01", []),
        ("to=2001-01-01", []),
        ("before=3", [2, 1]),
        ("before=x", [4, 3, 2, 1]),
        ("account=y", []),
    ],
)
def test_runs_are_found_by_account_result_who_and_when(lead: FlaskClient, query: str, found: list[int]) -> None:
    assert numbers(fragment(lead, f"/runs?{query}")) == found


def test_runs_are_found_by_the_day_when_the_clock_was_put_back_meanwhile(app: Flask, lead: FlaskClient) -> None:
    lead.get("/runs")
    add_rows(app, 1, 2)
    ten = datetime(2026, 11, 20, 10, tzinfo=UTC)
    for minutes in (0, 40, 2):
        add_runs(app, started_at=ten + timedelta(minutes=minutes))
    assert numbers(fragment(lead, "/runs?from=2026-11-20T09:59:00Z&to=2026-11-20T10:10:00Z")) == [3, 1]


def test_older_runs_follow_without_a_gap(app: Flask, lead: FlaskClient) -> None:
    lead.get("/runs")
    add_rows(app, 1, 2)
    add_runs(app, 120)
    seen, path = [], "/runs?status=ok"
    while path:
        page = lead.get(path).text
        seen += numbers(page)
        older = re.search(r'id="page-older"[^>]* href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == list(range(120, 0, -1))


def test_runs_that_few_conditions_find_are_looked_for_a_stretch_at_a_time(
    app: Flask, lead: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "STRETCH", 10)
    lead.get("/runs")
    add_rows(app, 1, 2)
    add_runs(app, 25)
    page = lead.get("/runs?status=interrupted").text
    assert "None of the newest runs matches. Older ones have not been searched yet." in words(page)
    older = re.search(r'id="page-older"[^>]* href="([^"]+)"', page)
    assert older
    further = lead.get(older[1].replace("&amp;", "&")).text
    assert "None of the next older runs matches." in words(further)
    assert numbers(lead.get("/runs?account=1&status=ok").text) == list(range(25, 0, -1))


@pytest.mark.parametrize(("first", "pages"), [((), 3), ((1,), 4)])
def test_nobody_is_sent_to_look_for_runs_that_were_removed_long_ago(
    app: Flask, lead: FlaskClient, monkeypatch: pytest.MonkeyPatch, first: tuple[int, ...], pages: int
) -> None:
    monkeypatch.setattr(keyset, "STRETCH", 10)
    lead.get("/runs")
    add_rows(app, 1, 2)
    for number in (*first, *range(10_000_000, 10_000_025)):
        add_runs(app, id=number, status=RunStatus.INTERRUPTED if number in first else RunStatus.OK)
    looked, seen, path = 0, [], "/runs?status=interrupted"
    while path and looked < 10:
        page = lead.get(path).text
        looked, seen = looked + 1, seen + numbers(page)
        older = re.search(r'id="page-older"[^>]* href="([^"]+)"', page)
        path = html.unescape(older[1]) if older else ""
    assert (looked, seen) == (pages, [*first])


@pytest.mark.usefixtures("runs")
def test_a_lead_sees_how_an_account_stands_and_can_press_nothing(app: Flask, lead: FlaskClient) -> None:
    error = {"error_message": "It <b>broke</b>.", "error_advice": "Mend it.", "error_stage": "login"}
    tell_state(app, 1, failures=3, backlog=214, failing_since=now(), error_server="NO <i>way</i>", **error)
    page = lead.get("/accounts/1/status").text
    assert "It <b>broke</b>. Mend it. The server said: NO <i>way</i> Stage: login." in words(page)
    assert "after 3 failed runs" in words(page)
    assert numbers(page) == [4, 3, 2]
    assert "/accounts/1/fetch" not in page


def test_an_account_that_is_not_there_is_not_found(lead: FlaskClient) -> None:
    assert lead.get("/accounts/77/status").status_code == 404


def hold(app: Flask, client: FlaskClient, count: int = 18442) -> None:
    """Make account 1 wait for a confirmation."""
    client.get("/runs")
    add_rows(app, 1, 2)
    tell_state(app, 1, failures=0, held_revision="1/1.1", held_count=count)


@pytest.mark.usefixtures("alive")
def test_the_first_fetch_is_confirmed_on_the_page(app: Flask, client: FlaskClient) -> None:
    hold(app, client)
    page = client.get("/accounts/1/status").text
    assert (
        "holds 18,442 messages. All mail in it would become tickets and be deleted on the server, so an admin has to"
        in words(page)
    )
    assert "Confirm: fetch all 18,442 messages" in words(page)
    [action] = re.findall(r'action="(/accounts/1/confirm)"', page)
    answer = client.post(action, data={"csrf_token": token_of(page)})
    assert (answer.status_code, answer.location) == (303, "/accounts/1/status")
    after = words(client.get(answer.location).text)
    assert "Confirmed: all mail of u1@h1.example, 18,442 messages, becomes tickets. It will be fetched next." in after
    assert "Queued" in after
    assert "Confirm: fetch" not in after
    assert audited(app) == [("confirm", "account", {"messages": 18442}), ("fetch", "account", {})]
    again = client.post(action, headers=token_header(client), follow_redirects=True)
    assert "The account u1@h1.example is not waiting for a confirmation." in words(again.text)
    assert len(audited(app)) == 2


def test_a_first_fetch_of_one_message_speaks_of_one(app: Flask, client: FlaskClient) -> None:
    hold(app, client, 1)
    page = words(client.get("/accounts/1/status").text)
    assert "holds 1 message. All mail in it would become tickets" in page
    assert "Confirm: fetch 1 message" in page


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("tool", ["confirm", "fetch"])
def test_a_lead_or_a_foreign_form_neither_confirms_nor_fetches(app: Flask, client: FlaskClient, tool: str) -> None:
    hold(app, client)
    add(app, "lead", "lead")
    lead = signed_in(app, "lead")
    assert "Confirm: fetch" not in words(lead.get("/accounts/1/status").text)
    assert lead.post(f"/accounts/1/{tool}", headers=token_header(lead)).status_code == 403
    assert client.post(f"/accounts/1/{tool}").status_code == 400
    assert audited(app) == []
    assert "needs-confirmation" in app.test_cli_runner().invoke(args=["status", "--json"]).output


@pytest.mark.usefixtures("alive")
def test_fetch_now_on_the_page_of_an_account_leads_back_there(app: Flask, client: FlaskClient) -> None:
    client.get("/runs")
    add_rows(app, 2, 3)
    page = client.get("/accounts/2/status").text
    [action] = re.findall(r'action="(/accounts/2/fetch[^"]*)"', page)
    answer = client.post(action, data={"csrf_token": token_of(page)})
    assert (answer.status_code, answer.location) == (303, "/accounts/2/status")
    told = words(client.get(answer.location).text)
    assert "u2@h2.example is queued for fetching." in told
    assert 'aria-disabled="true" title="The account is already queued."' in client.get("/accounts/2/status").text
    stays = client.post(action, headers={**HTMX, **token_header(client)}).text
    assert '<div class="stack" id="standing" hx-swap-oob="true">' in stays
    assert "u2@h2.example is already queued; it is not fetched twice." in words(stays)
    assert audited(app) == [("fetch", "account", {})]


@pytest.mark.usefixtures("runs")
def test_the_page_of_an_account_needs_as_many_queries_for_200_runs_as_for_3(app: Flask, lead: FlaskClient) -> None:
    few = queries_of(app, lead, "/accounts/1/status"), queries_of(app, lead, "/runs")
    add_runs(app, 200)
    assert (queries_of(app, lead, "/accounts/1/status"), queries_of(app, lead, "/runs")) == few
