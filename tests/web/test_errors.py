"""The pages that say what went wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.errors import NotFoundError
from postmaster.extensions import db
from postmaster.web.access import public
from tests.web.conftest import HTMX, PASSWORD, add, send, signed_in, token_of

SECRETS = ("Traceback", "ZeroDivisionError", "s3cret", "secretname")

TITLES = {
    400: "This request cannot be answered",
    403: "You do not have access",
    404: "Page not found",
    405: "This page cannot be used like that",
    413: "This is too much at once",
    429: "Too many tries",
    500: "Something went wrong here",
}


@pytest.fixture
def faulty(app: Flask) -> FlaskClient:
    """A browser of an admin, with pages ``/fault/400`` … that end in that status."""

    def fault(code: int) -> str:
        if code == 500:
            raise ZeroDivisionError("s3cret")
        return abort(code)

    app.add_url_rule("/fault/<int:code>", "fault", public(fault))
    add(app, "ada")
    return signed_in(app, "ada")


def reference_of(text: str) -> str:
    """The reference that a page shows."""
    found = re.search(r"Reference (?:<code>)?([0-9a-f]{8})\b", text)
    assert found, text
    return found[1]


def logged(caplog: pytest.LogCaptureFixture, reference: str) -> dict[str, object]:
    """What the log has under ``reference``."""
    events = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    (found,) = [event for event in events if event.get("reference") == reference]
    return found


@pytest.mark.parametrize("code", TITLES)
def test_each_error_page_has_plain_words_and_a_reference_that_is_in_the_log(
    faulty: FlaskClient, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    response = faulty.get(f"/fault/{code}")
    assert response.status_code == code
    assert f"<h1>{TITLES[code]}</h1>" in response.text
    assert [secret for secret in SECRETS if secret in response.text] == []
    event = logged(caplog, reference_of(response.text))
    assert (event["status"], event["path"]) == (code, f"/fault/{code}")


def test_the_log_has_the_traceback_of_our_own_faults(faulty: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    event = logged(caplog, reference_of(faulty.get("/fault/500").text))
    assert isinstance(event["exc_info"], ZeroDivisionError)


@pytest.mark.parametrize("code", TITLES)
def test_htmx_gets_a_message_to_show_in_place(faulty: FlaskClient, code: int) -> None:
    response = faulty.get(f"/fault/{code}", headers=HTMX)
    assert response.status_code == code
    assert response.text.lstrip().startswith('<div class="toast fail"')
    assert TITLES[code] in response.text
    assert reference_of(response.text)
    assert response.headers["HX-Push-Url"] == "false"


def test_errors_keep_the_security_headers(faulty: FlaskClient) -> None:
    for code in TITLES:
        headers = faulty.get(f"/fault/{code}").headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"


def test_what_users_ask_for_is_never_taken_for_html(client: FlaskClient) -> None:
    assert "<script>alert" not in client.get("/<script>alert(1)</script>").text


def test_a_page_that_does_not_exist(client: FlaskClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert TITLES[404] in response.text


def test_a_method_that_a_page_has_not(client: FlaskClient) -> None:
    response = client.post("/", headers={"X-CSRFToken": token_of(client.get("/password").text)})
    assert response.status_code == 405
    assert TITLES[405] in response.text


def test_a_form_without_its_token(client: FlaskClient) -> None:
    response = client.post("/password", data={"current": PASSWORD})
    assert response.status_code == 400
    assert TITLES[400] in response.text
    assert "load the page again" in response.text


def test_a_form_that_is_too_large(client: FlaskClient) -> None:
    form = {"csrf_token": token_of(client.get("/password").text), "current": "x" * 3_000_000}
    response = client.post("/password", data=form)
    assert response.status_code == 413
    assert TITLES[413] in response.text


def test_too_many_tries(anonymous: FlaskClient) -> None:
    for _ in range(11):
        page = send(anonymous, "/login", user="ada", password="x")
    assert "The password was wrong too often. Wait 15 minutes, then try again." in page


def test_something_that_is_not_there_is_named(app: Flask) -> None:
    def missing() -> str:
        raise NotFoundError("unknown", "There is no account 7 <b>.", "Choose one from the list.")

    app.add_url_rule("/missing", "missing", public(missing))
    response = app.test_client().get("/missing")
    assert response.status_code == 404
    assert "There is no account 7 &lt;b&gt;." in response.text
    assert "Choose one from the list." in response.text


def test_a_database_that_is_away_is_said_without_naming_it(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = "postgresql://root:s3cret@127.0.0.1:1/secretname"
    app = create_app(load_environment({"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_DATABASE_URL": url}))
    response = app.test_client().get("/")
    assert response.status_code == 503
    assert "Check that it runs" in response.text
    assert [secret for secret in SECRETS if secret in response.text] == []
    assert reference_of(response.text)


@pytest.mark.database("sqlite")
def test_a_database_that_goes_away_under_somebody_signed_in(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        db.engine.dispose()
    file = app.config["SETTINGS"].database_file
    for path in file.parent.glob(f"{file.name}*"):
        path.rename(path.with_name(f"gone-{path.name}"))
    file.mkdir()
    response = client.get("/")
    assert response.status_code == 503
    assert "PostMaster cannot work at the moment" in response.text
    assert reference_of(response.text)


def test_looking_with_head_does_not_use_up_what_is_to_be_said(client: FlaskClient) -> None:
    client.post("/queues/add", data={"name": "New", "csrf_token": token_of(client.get("/queues/add").text)})
    for path in ("/queues", "/status", "/accounts"):
        assert client.head(path).status_code == 200
    assert "The queue “New” is added." in client.get("/queues").text
    assert "The queue “New” is added." not in client.get("/queues").text


def test_looking_with_head_says_nothing_later(app: Flask, client: FlaskClient) -> None:
    client.head("/credentials/callback")
    assert "No sign-in at an identity provider was begun" not in client.get("/credentials").text
    client.get("/credentials/callback")
    assert "No sign-in at an identity provider was begun" in client.get("/credentials").text
