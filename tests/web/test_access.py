"""Who may open what: each route says so, and the answer to everybody else is always the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import event

from postmaster.api.table import OPERATIONS
from postmaster.extensions import db
from postmaster.web.access import ELSEWHERE, Access, access_of
from tests.support import Desk
from tests.web.conftest import HTMX, add, signed_in, token_header
from tests.web.samples import populate, sample_of

# What leads may change: their session and their password. Everything else is for admins.
CHANGES_OF_LEADS = {
    "session.login",
    "session.logout",
    "session.logout_everywhere",
    "session.password",
    "session.reset",
}

# What a sandboxed frame, a screen on the wall or somebody without a password asks for, who have no session: their
# addresses are signed, or secret.
SIGNED_ADDRESSES = {"articles.inline", "wall.page", "wall.board", "session.reset"}

# What machines ask: it names nothing, or wants a token.
FOR_MACHINES = {"monitoring.healthz", "monitoring.readyz", "monitoring.metrics", "monitoring.icon"}

READING = {"GET", "HEAD", "OPTIONS"}


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Method, endpoint and an address of each route, static files apart."""
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if rule.endpoint != "static":
                address = url_for(rule.endpoint, **{name: sample_of(name) for name in rule.arguments})
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    yield method, rule.endpoint, address


def access(app: Flask, endpoint: str) -> Access:
    """What the view of ``endpoint`` says."""
    found = access_of(app.view_functions[endpoint])
    assert found is not None, f"{endpoint} does not say who may open it: mark it @for_leads, @for_admins or @public"
    return found


def test_each_route_says_who_may_open_it(app: Flask) -> None:
    silent = {name for _, name, _ in routes(app) if access_of(app.view_functions[name]) is None}
    assert silent == set()


def test_only_what_is_for_programs_sees_to_it_itself(app: Flask) -> None:
    any_method = {rule.endpoint for rule in app.url_map.iter_rules() if rule.methods is None}
    assert any_method == {"api.door"}
    assert {"api"} == ELSEWHERE


@pytest.mark.parametrize("role", ["lead", "admin"])
def test_no_session_opens_what_is_for_programs(app: Flask, role: str) -> None:
    add(app, "ada", role)
    browser = signed_in(app, "ada")
    headers = token_header(browser)
    for operation in OPERATIONS:
        path = re.sub(r"\{\w+\}", "1", operation.path)
        answer = browser.open(f"/api/v1{path}", method=operation.method, headers=headers)
        assert (answer.status_code, answer.content_type) == (401, "application/problem+json"), operation.name


def test_few_routes_are_open_to_everybody(app: Flask) -> None:
    open_ = {name for _, name, _ in routes(app) if access(app, name) is Access.PUBLIC}
    assert open_ <= {"session.login", "session.logout", "status.nothing"} | SIGNED_ADDRESSES | FOR_MACHINES


def test_a_route_that_does_not_say_is_shut(app: Flask) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    add(app, "ada")
    answer = signed_in(app, "ada").get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_who_is_not_signed_in_gets_the_sign_in_page(app: Flask, anonymous: FlaskClient) -> None:
    headers = token_header(anonymous)
    wrong = []
    for method, name, address in routes(app):
        if access(app, name) is not Access.PUBLIC:
            answer = anonymous.open(address, method=method, headers=headers)
            if (answer.status_code, (answer.location or "").partition("?")[0]) != (302, "/login"):
                wrong.append((method, address, answer.status_code))
    assert wrong == []


def test_htmx_is_told_to_load_the_sign_in_page(app: Flask, anonymous: FlaskClient) -> None:
    headers = {**token_header(anonymous), **HTMX}
    told = (401, "/login?next=/status?shown%3Dall", "")
    wrong = []
    for method, name, address in routes(app):
        if access(app, name) is not Access.PUBLIC:
            answer = anonymous.open(address, method=method, headers=headers)
            if (answer.status_code, answer.headers.get("HX-Redirect"), answer.text) != told:
                wrong.append((method, address, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize(
    ("asked", "sent_to"),
    [
        ("/", "/login"),
        ("/password", "/login?next=/password"),
        ("/status?queue=a&page=2", "/login?next=/status?queue%3Da%26page%3D2"),
    ],
)
def test_the_sign_in_page_knows_the_way_back(anonymous: FlaskClient, asked: str, sent_to: str) -> None:
    assert anonymous.get(asked).location == sent_to


def test_a_lead_can_change_nothing(app: Flask, lead: FlaskClient) -> None:
    headers = token_header(lead)
    answers = {
        (method, name): lead.open(address, method=method, headers=headers).status_code
        for method, name, address in routes(app)
        if method not in READING and name not in CHANGES_OF_LEADS
    }
    assert {route: code for route, code in answers.items() if code != 403} == {}


def test_a_lead_sees_nothing_that_is_for_admins(app: Flask, lead: FlaskClient) -> None:
    answers = {
        name: lead.get(address).status_code
        for method, name, address in routes(app)
        if method == "GET" and access(app, name) is Access.ADMIN
    }
    assert {name: code for name, code in answers.items() if code != 403} == {}


def test_an_admin_is_kept_from_nothing(app: Flask, desk: Desk, client: FlaskClient) -> None:
    populate(desk, app)
    answers = {name: client.get(address).status_code for method, name, address in routes(app) if method == "GET"}
    kept = {name for name, code in answers.items() if code in (401, 403, 500, 503)}
    assert kept <= {"monitoring.readyz"}  # which says that no worker runs


def test_each_change_needs_the_token(app: Flask, client: FlaskClient) -> None:
    answers = {
        (method, name): client.open(address, method=method).status_code
        for method, name, address in routes(app)
        if method not in READING
    }
    assert {route: code for route, code in answers.items() if code != 400} == {}


def test_a_token_of_another_session_is_refused(app: Flask, client: FlaskClient) -> None:
    other = token_header(app.test_client())
    assert client.post("/logout", headers=other).status_code == 400


# What takes a copy of mail away, or shows all of it: who did is written into the audit log.
RECORDED = {
    "articles.download_attachment",
    "articles.source",
    "articles.download_source",
    "quarantine.show",
    "quarantine.download",
}


def test_looking_at_pages_writes_nothing_but_who_took_mail(app: Flask, desk: Desk, client: FlaskClient) -> None:
    populate(desk, app)
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "BEGIN", "PRAGMA", "WITH", "ROLLBACK", "SAVEPOINT")):
            written.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    writing = set()
    for method, name, address in routes(app):
        if method == "GET":
            written.clear()
            client.get(address)
            if written:
                writing.add(name)
                assert all(statement.startswith("INSERT INTO audit_event") for statement in written), (name, written)
    assert writing <= RECORDED
