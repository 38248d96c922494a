"""The status page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from postmaster.accounts.complaint import MENDS
from postmaster.accounts.credential_health import _NEEDS
from postmaster.accounts.health import UNWELL, Health
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.database import transaction
from postmaster.desk.models import Queue, Ticket
from postmaster.errors import FAULTS, PAUSING, Fault
from postmaster.extensions import now
from postmaster.ledger.models import PipeQueue
from postmaster.oauth.error_codes import GOOGLE, MICROSOFT, STANDARD
from postmaster.operations.models import Incident
from postmaster.resources.models import Validity
from postmaster.web.badges import HEALTH_BADGES
from tests.results import Run
from tests.web.conftest import add, signed_in

SECRETS = ("the subject", "sender@private.example", "boss@login.example", "the server's words", "s3cret")


def text_of(client: FlaskClient, path: str = "/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.text)


def add_account(app: Flask, username: str, **state: object) -> None:
    with app.app_context():
        sealed = seal("s3cret")
    with app.app_context(), transaction() as session:
        credential = Credential(name=username, username=username, sealed_password=sealed)
        account = MailAccount(type="IMAP", host="mail.example", credential=credential)
        if state:
            account.state = AccountState(**{"failures": 0, **state})
        session.add(account)


def add_ticket(app: Flask, queue: str) -> None:
    with app.app_context(), transaction() as session:
        queue_id = session.query(Queue.id).filter_by(name=queue).scalar()
        fields = {"state": "new", "priority": "3 normal", "type": "Unclassified", "lock": "unlock"}
        session.add(Ticket(number="1", title="the subject", queue_id=queue_id, **fields))


@pytest.mark.parametrize("path", ["/", "/status"])
def test_without_accounts_it_leads_an_admin_to_the_first_one(client: FlaskClient, path: str) -> None:
    text = text_of(client, path)
    assert "No mail is being fetched yet" in text
    assert 'href="/accounts/where"' in text


def test_without_accounts_a_lead_reads_who_adds_them(lead: FlaskClient) -> None:
    text = text_of(lead)
    assert "A service desk admin adds the first one." in text
    assert "/accounts/add" not in text


def test_it_works_before_any_command(client: FlaskClient) -> None:
    assert "Postmaster" in text_of(client)


def test_accounts_stand_worst_first(app: Flask, client: FlaskClient, run: Run) -> None:
    run("queue", "list")
    add_account(app, "fine", last_run_at=now(), last_success_at=now())
    add_account(app, "waiting")
    add_account(app, "broken", last_run_at=now(), failures=3, error_code="connect-refused")
    text = text_of(client)
    labels = re.findall(r'id="tile-\d+"[^>]*>(\w+)@', text)
    assert labels == ["broken", "waiting", "fine"]
    assert "1 of 3 accounts is not delivering mail" in text


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ({}, "Never fetched"),
        ({"last_success_at": datetime(2026, 5, 4, tzinfo=UTC)}, "Healthy"),
        ({"failures": 1}, "Failing"),
        ({"paused_revision": "1/1.1"}, "Login refused"),
    ],
)
def test_each_health_is_a_word_beside_its_colour(
    app: Flask, client: FlaskClient, run: Run, state: dict[str, object], word: str
) -> None:
    run("queue", "list")
    add_account(app, "somebody", **state)
    assert f"</svg><span>{word}</span></span>" in text_of(client)


def test_accounts_that_are_not_valid_are_no_problem(app: Flask, client: FlaskClient, run: Run) -> None:
    run("queue", "list")
    add_account(app, "resting", failures=5)
    with app.app_context(), transaction() as session:
        session.query(MailAccount).update({"validity": Validity.INVALID})
    text = text_of(client)
    assert "No account is valid" in text
    assert "Not valid" in text


def test_tickets_are_counted_by_queue(app: Flask, client: FlaskClient, run: Run) -> None:
    run("queue", "list")
    add_ticket(app, "Raw")
    text = text_of(client)
    assert re.findall(r'href="/tickets\?queue=(\w+)&amp;group=open"> ?(\d+)<', text) == [
        *(("Junk", "0"), ("Misc", "0"), ("Postmaster", "0"), ("Raw", "1"))
    ]


def test_nothing_confidential_is_shown(app: Flask, client: FlaskClient, run: Run) -> None:
    run("queue", "list")
    words = {"error_message": "the message", "error_server": "the server's words", "error_code": "login-refused"}
    add_account(app, "boss@login.example", failures=1, **words)
    add_ticket(app, "Raw")
    text = text_of(client)
    assert "boss@<wbr>mail.<wbr>example" in text
    assert [secret for secret in SECRETS if secret in text] == []


def test_what_users_enter_is_never_taken_for_html(app: Flask, client: FlaskClient, run: Run) -> None:
    run("queue", "add", "--name", "<script>alert(1)</script>")
    add_account(app, "<b>x</b>")
    text = text_of(client)
    assert "<script>" not in text
    assert "&lt;b&gt;x" in text


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=9, seconds=30), "9 min"),
        (timedelta(hours=2, minutes=14), "2 h 14 min"),
        (timedelta(hours=25), "1 day"),
        (timedelta(days=42), "42 days"),
    ],
)
def test_times_are_relative_with_the_moment_in_the_title(app: Flask, run: Run, passed: timedelta, words: str) -> None:
    run("queue", "list")
    moment = datetime(2026, 11, 23, 8, 45, 5, tzinfo=UTC)
    add_account(app, "somebody", last_success_at=moment)
    add(app, "ada")
    with time_machine.travel(moment + passed, tick=False):
        text = text_of(signed_in(app, "ada"))
    assert f'title="Mon 23 Nov 2026, 08:45:05 UTC">{words}</time>' in text


def test_a_lead_sees_how_everything_stands(app: Flask, lead: FlaskClient) -> None:
    add_account(app, "broken", last_run_at=now(), failures=3, error_code="connect-refused")
    assert "1 of 1 account is not delivering mail" in text_of(lead)


@pytest.mark.parametrize(
    ("code", "button", "way"),
    [
        ("login-refused", "Edit credential", "/credentials/1"),
        ("folder-missing", "Edit account", "/accounts/1"),
        ("connection-lost", "Fetch now", "/accounts/1/fetch"),
    ],
)
def test_a_failing_account_says_its_reason_and_has_the_button_that_mends_it(
    app: Flask, client: FlaskClient, lead: FlaskClient, code: str, button: str, way: str
) -> None:
    add_account(app, "broken", failures=1, error_code=code, error_message="The reason itself.", error_advice="Do so.")
    text = text_of(client)
    assert 'The reason itself.</strong> <span class="lines">Do so.</span>' in text
    assert f'aria-label="{button}: broken@mail.example"' in text
    assert way in text
    lead_text = text_of(lead)
    assert "The reason itself." in lead_text
    assert 'id="mend-' not in lead_text


def test_a_first_fetch_is_confirmed_where_its_number_is_told(app: Flask, client: FlaskClient) -> None:
    add_account(app, "full", held_revision="1/1.1", held_count=1214)
    text = text_of(client)
    assert "holds 1,214 messages." in text
    assert 'href="/accounts/1/status#confirm" aria-label="Confirm: full@mail.example"' in text


def test_each_fault_has_a_button() -> None:
    assert set(MENDS) == set(FAULTS)


PROMISES = re.compile(r"next (run|one|fetch)|tries again|try again by itself|tried again", re.IGNORECASE)


@pytest.mark.parametrize("fault", [row for row in FAULTS.values() if not row.temporary or row.code in PAUSING], ids=str)
def test_what_takes_a_person_is_never_promised_to_mend_itself(fault: Fault) -> None:
    assert not PROMISES.search(f"{fault.message} {fault.advice}")


@pytest.mark.parametrize("health", UNWELL)
def test_no_health_that_takes_a_person_promises_to_mend_itself(health: Health) -> None:
    assert not PROMISES.search(HEALTH_BADGES[health].advice)


def test_nothing_that_a_credential_needs_or_a_provider_says_promises_to_mend_itself() -> None:
    needs = [need.todo for need in _NEEDS.values()]
    meanings = [meaning for table in (MICROSOFT, GOOGLE, STANDARD) for meaning in table.values()]
    said = [meaning.todo for meaning in meanings if not FAULTS[meaning.fault].temporary]
    assert [text for text in (*needs, *said) if PROMISES.search(text)] == []


def test_an_incident_that_is_over_is_not_shown_beside_a_healthy_account(app: Flask, client: FlaskClient) -> None:
    """No worker runs that could close it."""
    add_account(app, "fine", last_run_at=now(), last_success_at=now())
    with app.app_context(), transaction() as session:
        told = {"condition": "silence", "subject": "1", "sentence": "No mail from fine", "path": "/accounts/1/status"}
        session.add(Incident(**told, opened_at=now()))
    assert "No mail from fine" not in text_of(client)


@pytest.mark.usefixtures("alive")
def test_while_an_incident_is_open_no_headline_says_that_all_is_well(app: Flask, client: FlaskClient, run: Run) -> None:
    add_account(app, "fine", last_run_at=now(), last_success_at=now())
    with app.app_context(), transaction() as session:
        session.add(PipeQueue(queue_name="Gone", last_at=now()))
        told = {"condition": "pipe", "subject": "Gone", "sentence": "Older words", "path": "/queues"}
        session.add(Incident(**told, opened_at=now()))
    text = text_of(client)
    assert "<h1>Something is wrong: 1 open incident</h1>" in text
    assert "Something is wrong: 1 open incident." in run("status").stdout
