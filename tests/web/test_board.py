"""The board, the wall, pausing, and what is said on every page of fetching as a whole."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.ledger.hourly_counts import count_mail
from postmaster.operations.models import Incident
from postmaster.pipeline.outcome import Outcome
from postmaster.resources.listing import PAGE_SIZE
from postmaster.resources.models import AuditEvent
from postmaster.system.models import SettingRow
from postmaster.web.status import MAX_INCIDENTS
from postmaster.web.wall import MAX_TILES
from tests.support import Desk
from tests.web.conftest import HTMX, add, signed_in, token_header
from tests.web.resource_support import fragment, queries_of, words
from tests.web.test_accounts import add_rows, tell_state

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOBODY = "Fetching has stopped: no worker is running."


def press(client: FlaskClient, path: str) -> Any:
    """Press a button that leads to ``path``."""
    return client.post(path, headers=token_header(client), follow_redirects=True)


def audited(app: Flask) -> list[tuple[str, str]]:
    """What was done, with the noun it was done to."""
    with app.app_context(), read_session() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [(event.action, event.noun) for event in events if event.actor == "admin" and event.noun != "session"]


def wall_of(client: FlaskClient) -> str:
    """The link to the wall view, as the status page has it."""
    found = re.search(r'href="(/wall/[^"]+)"', client.get("/status").text)
    assert found
    return found[1]


@pytest.mark.parametrize("path", ["/status", "/accounts", "/password"])
def test_every_page_says_that_nobody_is_fetching_and_what_to_do(client: FlaskClient, path: str) -> None:
    page = words(client.get(path).text)
    assert f"{NOBODY} Start it by: python worker.py, or" in page


@pytest.mark.usefixtures("alive")
def test_with_a_worker_every_page_says_that_it_runs(client: FlaskClient) -> None:
    page = words(client.get("/password").text)
    assert "Fetcher running" in page
    assert "Fetching has stopped" not in page


@pytest.mark.usefixtures("alive")
def test_the_banner_comes_and_goes_with_the_pulse(client: FlaskClient, desk: Desk) -> None:
    assert 'id="banner"' not in client.get("/pulse?told=active", headers=HTMX).text
    desk.ok("pause", "on", "--reason", "Moving house")
    told = client.get("/pulse?told=active", headers=HTMX).text
    assert 'hx-swap-oob="true"' in told
    assert "Moving house" in words(told)
    assert 'id="banner"' not in client.get("/pulse?told=paused", headers=HTMX).text


@pytest.mark.usefixtures("alive")
def test_pausing_takes_a_reason_and_everybody_sees_it(app: Flask, client: FlaskClient) -> None:
    add(app, "lead", "lead")
    lead = signed_in(app, "lead")
    for reason in ("", " "):
        refused = client.post("/operation/pause", data={"reason": reason}, headers=token_header(client))
        assert (refused.status_code, 'id="reason-error"' in refused.text) == (422, True)
    answer = client.post("/operation/pause", data={"reason": "The <mail> server moves"}, headers=token_header(client))
    assert answer.status_code == 303
    for browser in (client, lead):
        page = words(browser.get("/password").text)
        assert "All fetching is paused by admin since" in page
        assert "The <mail> server moves" in page
    assert 'id="resume"' not in lead.get("/password").text
    assert "Mail is fetched again." in words(press(client, "/operation/resume").text)
    assert "paused by" not in words(client.get("/password").text)
    assert audited(app) == [("pause", "fetching"), ("resume", "fetching")]


@pytest.mark.usefixtures("alive")
def test_the_board_counts_what_came_today_and_what_waits(app: Flask, client: FlaskClient) -> None:
    add_rows(app, 1, 2)
    tell_state(app, 1, last_success_at=now(), backlog=1214)
    with app.app_context(), transaction() as session:
        count_mail(session, 1, [Outcome.NEW, Outcome.FOLLOW_UP], now())
    assert "On server 1,214 Today 2 Next run now" in words(client.get("/status").text)
    assert "All is well with 1 account" in words(client.get("/status").text)


def test_the_board_does_not_say_that_all_is_well_while_nobody_fetches(app: Flask, client: FlaskClient) -> None:
    client.get("/status")
    add_rows(app, 2, 3)
    tell_state(app, 2, last_success_at=now())
    page = words(client.get("/status").text)
    assert "Fetching has stopped: 1 account is waiting" in page
    assert "Next run –" in page


def test_the_board_renews_itself_by_one_poller(app: Flask, client: FlaskClient) -> None:
    client.get("/status")
    add_rows(app, 1, 3)
    page = client.get("/status").text
    assert re.findall(r'hx-get="([^"]*)" hx-trigger="every (\d+)s"', page) == [("/status/board?told=no-worker", "15")]
    answer = client.get("/status/board?told=no-worker", headers=HTMX).text
    assert '<div class="stack" id="accounts" hx-swap-oob="true">' in answer
    assert answer.count('class="tile"') == 2


def test_the_board_needs_as_many_queries_for_500_accounts_as_for_10(app: Flask, client: FlaskClient) -> None:
    client.get("/status")
    add_rows(app, 1, 11)
    few = queries_of(app, client, "/status")
    add_rows(app, 11, 501)
    assert queries_of(app, client, "/status") == few
    assert len(tiles(client.get("/status").text)) == PAGE_SIZE


def tiles(page: str) -> list[int]:
    """The accounts that a board shows."""
    return [int(number) for number in re.findall(r'id="tile-(\d+)"', page)]


def test_of_many_accounts_the_worst_come_first_and_the_others_are_counted(app: Flask, client: FlaskClient) -> None:
    client.get("/status")
    add_rows(app, 1, 121)  # the odd ones fail
    tell_state(app, 120, last_success_at=now())
    page = client.get("/status").text
    assert tiles(page) == sorted(range(1, 121, 2), key=lambda number: f"u{number}@h{number}.example")[:PAGE_SIZE]
    assert "60 of 120 accounts are not delivering mail" in words(page)
    assert "Not shown here: 10 failing, 59 never fetched, 1 healthy." in words(page)
    last = fragment(client, "/status?page=3")
    assert tiles(last)[-1] == 120
    assert len(tiles(last)) == 20
    assert '<input type="hidden" name="page" value="3">' in last  # the pulse sends it along
    assert tiles(client.get("/status/board?page=3", headers=HTMX).text) == tiles(last)


def test_the_wall_shows_the_worst_of_many_accounts(app: Flask, client: FlaskClient) -> None:
    press(client, "/wall/create")
    add_rows(app, 1, 121)
    wall = client.get(wall_of(client)).text
    assert wall.count('class="tile"') == MAX_TILES
    assert "Not shown here: 48 failing, 60 never fetched." in words(wall)
    assert "/status?page" not in wall


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"last_success_at": NOON}, "0"),
        ({"last_success_at": NOON, "backlog": 7}, "7"),
        ({"failures": 1, "last_success_at": NOON}, "–"),
        ({"failures": 1, "backlog": 7}, "7"),
        ({"paused_revision": "1/2.1"}, "–"),
        ({"held_revision": "1/2.1", "held_count": 400}, "400"),
    ],
    ids=str,
)
def test_the_board_says_nothing_of_mail_that_nobody_could_count(
    app: Flask, client: FlaskClient, state: dict[str, Any], shown: str
) -> None:
    client.get("/status")
    add_rows(app, 2, 3)
    tell_state(app, 2, **state)
    assert f"On server {shown} Today" in words(client.get("/status").text)


def open_incidents(app: Flask, *subjects: object, **options: Any) -> None:
    """Open an incident about each of ``subjects``."""
    with app.app_context(), transaction() as session:
        for subject in subjects:
            path, sentence = f"/accounts/{subject}/status", "No mail"
            told = {"condition": "silence", "subject": str(subject), "sentence": sentence, "path": path}
            session.add(Incident(**told, opened_at=now(), **options))


def add_silent(app: Flask, count: int) -> None:
    """Accounts from which no mail came for a long time."""
    add_rows(app, 1, count + 1)
    for number in range(1, count + 1):
        tell_state(app, number, last_success_at=now() - timedelta(days=1))


def test_of_many_incidents_the_oldest_are_shown(app: Flask, lead: FlaskClient) -> None:
    add_silent(app, MAX_INCIDENTS + 5)
    open_incidents(app, *range(1, MAX_INCIDENTS + 6))
    page = lead.get("/status").text
    assert f"{MAX_INCIDENTS + 5} open incidents, the {MAX_INCIDENTS} oldest are shown" in words(page)
    assert page.count('id="incident-') == MAX_INCIDENTS


def test_open_incidents_are_shown(app: Flask, lead: FlaskClient) -> None:
    add_silent(app, 2)
    open_incidents(app, 1)
    open_incidents(app, 2, closed_at=now())
    page = words(lead.get("/status").text)
    assert "1 open incident" in page
    assert "No mail was fetched from u1@h1.example for" in page
    assert "No mail was fetched from u2@h2.example for" not in page


def test_the_wall_needs_nobody_to_sign_in_until_it_is_revoked(app: Flask, client: FlaskClient) -> None:
    client.get("/status")
    add_rows(app, 1, 3)
    tell_state(app, 1, failures=1, error_message="the server's words")
    press(client, "/wall/create")
    wall, stranger = wall_of(client), app.test_client()
    page = stranger.get(wall).text
    assert "1 of 2 accounts is not delivering mail" in words(page)
    assert "u1@h1.example" in words(page)
    assert "the server's words" not in page
    assert 'href="/accounts' not in page
    assert stranger.get(f"{wall}/board", headers=HTMX).status_code == 200
    assert stranger.get("/status").status_code == 302
    press(client, "/wall/create")
    assert stranger.get(wall).status_code == 404
    wall = wall_of(client)
    assert "is revoked" in words(press(client, "/wall/revoke").text)
    assert (stranger.get(wall).status_code, stranger.get(f"{wall}/board").status_code) == (404, 404)
    assert audited(app) == [("create", "wall link"), ("create", "wall link"), ("revoke", "wall link")]


@pytest.mark.parametrize("token", ["nonsense", "create", "a.b", "%00"])
def test_no_other_link_leads_to_the_wall(client: FlaskClient, token: str) -> None:
    press(client, "/wall/create")
    assert client.get(f"/wall/{token}").status_code == 404


def test_the_database_alone_makes_no_link(app: Flask, client: FlaskClient) -> None:
    press(client, "/wall/create")
    with app.app_context(), read_session() as session:
        [kept] = [row.value for row in session.scalars(select(SettingRow))]
    assert kept not in wall_of(client)
    assert client.get(f"/wall/{kept}").status_code == 404


def test_polls_that_fail_say_so_in_one_place_that_goes_with_the_next_answer(app: Flask, client: FlaskClient) -> None:
    assert re.search(r'<div class="heartbeat" id="pulse".*?<div id="away"', client.get("/status").text, re.DOTALL)
    with app.app_context(), transaction() as session:
        session.execute(text("ALTER TABLE queue RENAME TO gone"))
    answer = client.get("/status/board", headers=HTMX)
    assert answer.status_code == 503
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#away", "innerHTML")
    pressed = client.post("/accounts/fetch", headers=HTMX)
    assert pressed.status_code == 400
    assert "HX-Retarget" not in pressed.headers
