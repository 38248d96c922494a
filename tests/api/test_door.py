"""What programs are answered before and beside any operation: never a page, never by a cookie."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from postmaster import create_app
from postmaster.api import door
from postmaster.api.operation import Operation
from postmaster.api.table import OPERATIONS
from postmaster.config import load_environment
from postmaster.system.models import Scope
from tests.api.conftest import NewProgram, Program
from tests.web.conftest import add, signed_in


def path_of(operation: Operation) -> str:
    """An address of ``operation``, where there may be nothing."""
    samples = {"{id}": "1", "{name}": "SessionHours", "{token}": "0" * 32, "{number}": "2026112300012"}
    path = operation.path
    for name, value in samples.items():
        path = path.replace(name, value)
    return path


def problem(answer: TestResponse, status: int, code: str) -> Any:
    """The problem that is told, which has that status and that code."""
    assert answer.content_type == "application/problem+json", answer.text
    assert answer.json is not None
    assert (answer.status_code, answer.json["status"], answer.json["code"]) == (status, status, code), answer.text
    assert answer.json["type"].startswith("/help/errors#")
    return answer.json


def test_nobody_does_anything_without_a_token(app: Flask) -> None:
    client = app.test_client()
    for operation in OPERATIONS:
        answer = client.open(f"/api/v1{path_of(operation)}", method=operation.method)
        problem(answer, 401, "token-missing")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="PostMaster"'


def test_no_cookie_counts(app: Flask) -> None:
    add(app, "ada")
    client = signed_in(app, "ada")
    assert client.get("/queues").status_code == 200
    for operation in OPERATIONS:
        answer = client.open(f"/api/v1{path_of(operation)}", method=operation.method)
        problem(answer, 401, "token-missing")
        assert "Set-Cookie" not in answer.headers


def test_no_answer_sets_a_cookie(admin: Program) -> None:
    for method, path in (("GET", "/queues"), ("GET", "/nothing"), ("POST", "/queues"), ("OPTIONS", "/queues")):
        assert "Set-Cookie" not in admin(method, path).headers


def test_no_token_opens_a_page(app: Flask, admin: Program) -> None:
    answer = app.test_client().get("/queues", headers=admin.headers)
    assert answer.location.startswith("/login")


def test_each_operation_needs_its_scope(new_program: NewProgram) -> None:
    lacking = {scope: new_program(*(other.value for other in Scope if other is not scope)) for scope in Scope}
    for operation in OPERATIONS:
        answer = lacking[operation.scope](operation.method, path_of(operation))
        problem(answer, 403, "scope-missing")
        assert f'scope="{operation.scope.value}"' in answer.headers["WWW-Authenticate"]


def test_with_its_scope_each_operation_is_open(new_program: NewProgram) -> None:
    having = {scope: new_program(scope.value) for scope in Scope}
    for operation in OPERATIONS:
        answer = having[operation.scope](operation.method, path_of(operation))
        assert answer.status_code not in (401, 403, 405, 500), (operation.name, answer.text)


def test_what_concerns_all_queues_is_shut_to_who_may_see_some(new_program: NewProgram) -> None:
    limited = new_program(*(scope.value for scope in Scope), queues=["Junk"])
    for operation in OPERATIONS:
        answer = limited(operation.method, path_of(operation))
        if operation.limited:
            assert answer.status_code != 403, (operation.name, answer.text)
        else:
            problem(answer, 403, "token-limited")


@pytest.mark.parametrize(
    "given", ["Basic YTpi", "Bearer", "Bearer x", "Bearer pm_1_" + "0" * 49, "pm_1_x", "Bearer \xff"]
)
def test_what_is_no_token_is_refused(app: Flask, given: str) -> None:
    answer = app.test_client().get("/api/v1/queues", headers={"Authorization": given})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api", 404, "no-such-path"),
        ("GET", "/api/", 404, "no-such-path"),
        ("GET", "/api/v1", 404, "no-such-path"),
        ("GET", "/api/v1/", 404, "no-such-path"),
        ("GET", "/api/v2/queues", 404, "no-such-path"),
        ("GET", "/api/v1/nothing", 404, "no-such-path"),
        ("GET", "/api/v1/queues/", 404, "no-such-path"),
        ("GET", "/api/v1//queues", 404, "no-such-path"),
        ("GET", "/api/v1/queues/x", 404, "no-such-path"),
        ("GET", "/api/v1/queues/0", 404, "no-such-path"),
        ("GET", "/api/v1/queues/٣", 404, "no-such-path"),
        ("GET", f"/api/v1/queues/{10**30}", 404, "no-such-path"),
        ("GET", "/api//", 404, "no-such-path"),
        ("GET", "/api/%0A", 404, "no-such-path"),
        ("GET", "/api/v1/queues/1%0D%0A", 404, "no-such-path"),
        ("GET", "/api/v1/queues/1%2F2", 404, "no-such-path"),
        ("GET", "/api/v1/settings/a%0Ab", 404, "no-such-path"),
        ("GET", "/api/v1/settings/a%C2%85b", 404, "no-such-path"),
        ("GET", "/api/v1/settings/%FF", 404, "unknown-setting"),
        ("GET", "/api/v1/queues/4711", 404, "unknown-queue"),
        ("OPTIONS", "/api/v1/nothing", 404, "no-such-path"),
        ("PUT", "/api/v1/queues", 405, "wrong-method"),
        ("TRACE", "/api/v1/queues", 405, "wrong-method"),
        ("PROPFIND", "/api/v1/queues/1", 405, "wrong-method"),
        ("POST", "/api/v1/openapi.json", 405, "wrong-method"),
    ],
)
def test_what_is_not_there_is_told_as_a_problem(
    app: Flask, admin: Program, method: str, path: str, status: int, code: str
) -> None:
    answer = app.test_client().open(path, method=method, headers=admin.headers)
    problem(answer, status, code)
    assert ("Allow" in answer.headers) is (status == 405)


BODIES: list[tuple[bytes, str, int, str]] = [
    (b"{", "application/json", 400, "malformed-json"),
    (b"", "application/json", 400, "malformed-json"),
    (b"[]", "application/json", 400, "malformed-json"),
    (b'"name"', "application/json", 400, "malformed-json"),
    (b'{"name": NaN}', "application/json", 400, "malformed-json"),
    (b'{"name": "\xff"}', "application/json", 400, "malformed-json"),
    (b'{"name": ' + b"1" * 5000 + b"}", "application/json", 400, "malformed-json"),
    (b'{"a":' * 50_000, "application/json", 400, "malformed-json"),
    (b'{"name": "Sales", "name": "Other"}', "application/json", 400, "malformed-json"),
    (b'\xef\xbb\xbf{"name": "Sales"}', "application/json", 400, "malformed-json"),
    (b"name=Sales", "application/x-www-form-urlencoded", 415, "wrong-content-type"),
    (b'{"name": "Sales"}', "text/plain", 415, "wrong-content-type"),
    (b'{"name": "Sales"}', "", 415, "wrong-content-type"),
    (b'{"name": "' + b"x" * 1_000_000 + b'"}', "application/json", 413, "too-large"),
    (b'{"name": "Sales", "color": "red"}', "application/json", 422, "unknown-field"),
    (b'{"name": 5}', "application/json", 422, "invalid-value"),
    (b'{"name": ["Sales"]}', "application/json", 422, "invalid-value"),
    (b'{"name": {"a": "b"}}', "application/json", 422, "invalid-value"),
    (b'{"name": "a\\nb"}', "application/json", 422, "invalid-value"),
    (b'{"name": "\\ud800"}', "application/json", 422, "invalid-value"),
    (b'{"name": "\\u0000"}', "application/json", 422, "invalid-value"),
    (b'{"name": "Sales", "number": true}', "application/json", 422, "invalid-value"),
    (b'{"name": "Sales", "number": 1.5}', "application/json", 422, "invalid-value"),
    (b'{"name": "Sales", "number": -1}', "application/json", 422, "invalid-value"),
    (b'{"name": "Sales", "number": "7"}', "application/json", 422, "invalid-value"),
    (b'{"name": "Sales", "validity": "maybe"}', "application/json", 422, "invalid-value"),
    (b'{"name": null}', "application/json", 422, "missing-field"),
    (b"{}", "application/json", 422, "missing-field"),
    (b'{"name": "Junk"}', "application/json", 422, "name-taken"),
]


@pytest.mark.parametrize(("body", "kind", "status", "code"), BODIES)
def test_what_cannot_be_read_is_told_as_a_problem(
    app: Flask, admin: Program, body: bytes, kind: str, status: int, code: str
) -> None:
    headers = [*admin.headers.items(), *([("Content-Type", kind)] if kind else [])]
    answer = app.test_client().post("/api/v1/queues", data=body, headers=headers)
    told = problem(answer, status, code)
    if status == 422:
        assert [flaw["field"] for flaw in told["errors"]]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "sort=colour", "after=x", "page=2", "q=%00" + "x" * 300],
)
def test_a_parameter_that_is_not_taken_is_refused(admin: Program, query: str) -> None:
    answer = admin("GET", f"/queues?{query}")
    assert answer.status_code == 422
    assert answer.json is not None
    assert [flaw["field"] for flaw in answer.json["errors"]] == [query.partition("=")[0]]


def test_all_flaws_are_told_at_once(admin: Program) -> None:
    answer = admin("POST", "/queues", {"name": "Junk", "follow_up": "x", "validity": "y"})
    told = problem(answer, 422, "name-taken")
    assert [flaw["field"] for flaw in told["errors"]] == ["name", "follow_up", "validity"]


def test_head_answers_as_get_does_without_its_body(admin: Program) -> None:
    got, asked = admin("GET", "/queues"), admin("HEAD", "/queues")
    assert (asked.status_code, asked.data) == (200, b"")
    assert asked.headers["Content-Length"] == got.headers["Content-Length"]


def test_options_says_what_can_be_done(app: Flask) -> None:
    answer = app.test_client().options("/api/v1/queues/1")
    assert answer.status_code == 204
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"


def test_what_is_not_known_is_told_with_a_reference_and_no_traceback(
    app: Flask, admin: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Iterator[None]:
        raise RuntimeError("a secret of this machine")

    monkeypatch.setattr(door, "_respond", fail)
    told = problem(admin("GET", "/queues"), 500, "unexpected")
    assert "reference" in told["detail"]
    assert "secret" not in str(told)


def test_a_token_may_ask_so_often_and_is_told_when_it_may_again(
    admin: Program, new_program: NewProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PER_MINUTE", 3)
    answers = [admin("GET", "/queues") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    problem(answers[-1], 429, "too-many-requests")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
    assert new_program("read")("GET", "/queues").status_code == 200  # the others go on


def test_nothing_of_the_api_is_imported_before_the_first_request(environ: dict[str, str]) -> None:
    code = "import postmaster, sys; postmaster.create_app(); print([m for m in sys.modules if 'postmaster.api.' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == "[]"


def test_a_database_that_is_away_is_told_as_a_problem_without_its_address(environ: dict[str, str]) -> None:
    address = "postgresql+psycopg://desk:secretword@127.0.0.1:1/desk"
    app = create_app(load_environment({**environ, "POSTMASTER_DATABASE_URL": address}))
    for path in ("queues", "nothing", "openapi.json"):
        answer = app.test_client().get(f"/api/v1/{path}")
        problem(answer, 503, "database-away")
        assert "secretword" not in answer.text
        assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize("path", ["/queues", "/nothing", "/openapi.json"])
def test_no_answer_depends_on_a_cookie_or_sets_one(admin: Program, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer = admin(method, path, Cookie="postmaster=x")
        assert "Vary" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_nested_too_deeply_is_told_in_words(admin: Program) -> None:
    headers = {**admin.headers, "Content-Type": "application/json"}
    answer = admin._client.post("/api/v1/queues", data=b'{"a":' * 50_000, headers=headers)
    assert problem(answer, 400, "malformed-json")["detail"] == "The body is nested too deeply."
