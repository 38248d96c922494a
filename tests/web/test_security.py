"""What protects the pages, whatever they show."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.web.access import public

PATHS = ["/", "/login", "/password", "/nowhere", "/static/app.css"]


@pytest.mark.parametrize("path", PATHS)
def test_each_answer_forbids_what_did_not_come_from_here(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert {"form-action 'self'", "base-uri 'none'", "frame-ancestors 'self'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/login", "/nowhere"])
def test_pages_are_not_kept_by_browsers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert "HX-Request" in headers["Vary"]


@pytest.mark.parametrize("path", ["/", "/login", "/password", "/nowhere"])
def test_pages_hold_no_inline_styles_or_scripts(client: FlaskClient, path: str) -> None:
    text = client.get(path).text
    tags = [part.split(">")[0] for part in text.split("<")[1:]]
    assert [tag for tag in tags if "style=" in tag or " on" in tag or "javascript:" in tag] == []
    scripts = [tag for tag in tags if tag.startswith(("script", "style"))]
    files = [tag.partition(' src="/static/')[2].partition("?")[0] for tag in scripts]
    assert files in (["vendor/htmx.min.js", "away.js"], ["vendor/htmx.min.js", "away.js", "keys.js"])


def test_htmx_may_neither_run_texts_nor_keep_pages(client: FlaskClient) -> None:
    text = client.get("/").text
    assert '"allowEval":false' in text
    assert '"includeIndicatorStyles":false' in text
    assert '"historyCacheSize":0' in text


def address_seen(data_dir: Path, proxies: str, forwarded: str) -> str:
    """Where a request seems to come from, with that many trusted proxies."""
    environ = {"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_TRUSTED_PROXIES": proxies}
    app = create_app(load_environment(environ))
    app.add_url_rule("/seen", "seen", public(lambda: request.remote_addr or ""))
    headers = {"X-Forwarded-For": forwarded}
    return app.test_client().get("/seen", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.9"}).text


@pytest.mark.parametrize(("proxies", "seen"), [("0", "192.0.2.9"), ("1", "198.51.100.2"), ("2", "198.51.100.1")])
def test_the_address_of_a_browser_is_taken_from_trusted_proxies_alone(data_dir: Path, proxies: str, seen: str) -> None:
    assert address_seen(data_dir, proxies, "203.0.113.7, 198.51.100.1, 198.51.100.2") == seen


def test_an_open_form_stays_usable_for_hours(app: Flask) -> None:
    app.complete()
    assert app.config["WTF_CSRF_TIME_LIMIT"] >= 8 * 3600
