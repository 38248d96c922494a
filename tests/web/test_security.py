"""What protects the pages, and the pages that say what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster import create_app
from postmaster.config import load_settings


@pytest.mark.parametrize("path", ["/", "/nowhere", "/static/app.css"])
def test_each_answer_forbids_what_did_not_come_from_here(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_not_kept_by_browsers(client: FlaskClient) -> None:
    assert client.get("/").headers["Cache-Control"] == "no-store"


def test_pages_hold_no_inline_styles_or_scripts(client: FlaskClient) -> None:
    for path in ("/", "/nowhere"):
        text = client.get(path).text
        assert "style=" not in text
        assert "<script" not in text
        assert " on" not in "".join(part.split(">")[0] for part in text.split("<")[1:])


@pytest.mark.parametrize("name", ["app.css", "icons.svg", "favicon.svg", "vendor/pico.min.css"])
def test_what_pages_refer_to_is_there(client: FlaskClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1:5000"])
def test_a_website_whose_name_leads_here_gets_nothing(client: FlaskClient, host: str) -> None:
    response = client.get("/", headers={"Host": host})
    assert response.status_code == 400
    assert "Tickets" not in response.text


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost:5000", "[::1]:5000"])
def test_this_machine_is_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_a_page_that_does_not_exist_says_so_in_plain_words(client: FlaskClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert "There is no such page" in response.text


def test_a_method_that_a_page_has_not_is_refused_in_plain_words(client: FlaskClient) -> None:
    response = client.post("/")
    assert response.status_code == 405
    assert "This page cannot be used like that" in response.text


def test_a_fault_of_our_own_shows_no_traceback(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/fault", view_func=lambda: 1 / 0)
    response = client.get("/fault")
    assert response.status_code == 500
    assert "Something went wrong here" in response.text
    assert "ZeroDivisionError" not in response.text


def test_a_database_that_is_away_is_said_without_naming_it(data_dir: Path) -> None:
    url = "postgresql://root:s3cret@127.0.0.1:1/secretname"
    app = create_app(load_settings({"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_DATABASE_URL": url}))
    response = app.test_client().get("/")
    assert response.status_code == 503
    assert "Check that it runs" in response.text
    assert "s3cret" not in response.text
    assert "secretname" not in response.text
