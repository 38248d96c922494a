"""Hostile numbers and words: in each path, and in each parameter and field that a view asks for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any
from urllib.parse import quote, unquote

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import IntegerConverter

from postmaster.web.asked import IdConverter
from tests.databases import TURNS
from tests.support import Desk
from tests.turns import in_turns
from tests.web.conftest import HTMX, add, signed_in, token_header
from tests.web.samples import TICKET, populate, sample_of
from tests.web.test_runs import add_runs, numbers

# What is no id, however much it looks like one; the first of each kind has the id 1.
NO_IDS = [
    "9" * 19,
    str(2**63),
    "9" * 30,
    "9" * 5000,
    "-1",
    "0",
    "+1",
    "01",
    "1_0",
    "1 ",
    " 1",
    "1.0",
    "1e0",
    "0x1",
    "\u0661",
    "\uff11",
    "\u00b9",
    "1\0",
    "1\n",
    "nan",
]

# One of each kind that differs for what reads a number: too large for the database and for Python, below one, refused,
# taken by mistake, and a digit that is no number. What paths are tried with as well.
KINDS = ["9" * 19, "9" * 5000, "-1", "0", "1.0", "\u0661", "\u00b9"]
assert set(KINDS) < set(NO_IDS)

# Words that trip what reads them: no character, half of one, more than anything holds, days that no calendar has.
NASTY = ["a\0b", "\ud800", "x" * 20_000, "0000-00-00", "10000-01-01", "9999-12-31", "0001-01-01", "[" * 500, "65536"]

# What is tried in each parameter and field by itself.
ALONE = ["9" * 30, "a\0b", "0001-01-01"]

# What ends the session, or lets nobody try often.
APART = {"static", "session.logout", "session.login"}

asked: set[str] = set()


class Noting(ImmutableMultiDict[str, str]):
    """Parameters that note which were asked for."""

    def __contains__(self, key: object) -> bool:
        asked.add(str(key))
        return super().__contains__(key)

    def __getitem__(self, key: str) -> str:
        asked.add(key)
        return super().__getitem__(key)

    def get(self, key: str, *others: Any, **options: Any) -> Any:
        asked.add(key)
        return super().get(key, *others, **options)

    def getlist(self, key: str, *others: Any, **options: Any) -> Any:
        asked.add(key)
        return super().getlist(key, *others, **options)


class NotingRequest(Request):
    """A request whose parameters note which were asked for."""

    parameter_storage_class = Noting


@pytest.fixture
def noting(app: Flask, desk: Desk, quick_children: object) -> Flask:
    """The app with one of everything, which notes what its views ask for."""
    assert quick_children == []  # very many are started
    populate(desk, app)
    for role in ("admin", "lead"):
        add(app, f"{role}.x", role)
    app.request_class = NotingRequest
    return app


def routes(app: Flask) -> Iterator[tuple[str, str, tuple[str, ...], dict[str, str]]]:
    """Endpoint, methods, names of the ids and good values of all arguments of each route; what deletes comes last."""
    with app.test_request_context():
        rules = sorted(app.url_map.iter_rules(), key=lambda rule: ("delete" in rule.endpoint, rule.rule))
        found = [
            (
                rule.endpoint,
                tuple(sorted((rule.methods or set()) - {"OPTIONS"})),
                tuple(name for name in rule.arguments if isinstance(rule._converters[name], IdConverter)),
                {name: sample_of(name) for name in rule.arguments},
            )
            for rule in rules
            if rule.endpoint not in APART
        ]
    yield from found


def path_of(app: Flask, endpoint: str, values: dict[str, str]) -> str:
    """The address of that route, whatever its arguments are."""
    rule = next(rule for rule in app.url_map.iter_rules(endpoint) if set(rule.arguments) == set(values))
    path = rule.rule
    for part in path.split("/"):
        if part.startswith("<"):
            path = path.replace(
                part, quote(values[part.strip("<>").rpartition(":")[2]], safe="", errors="surrogatepass")
            )
    return path


def encoded(names: set[str], value: str) -> str:
    """A query or a form that says ``value`` of each of ``names``."""
    text = quote(value, safe="", errors="surrogatepass")
    return "&".join(f"{quote(name)}={text}" for name in sorted(names))


def queries(names: set[str], where: str) -> Iterator[str]:
    """All of ``names`` with the same hostile value; then each of them alone, as one that is refused hides others.

    A view that asks for nothing is asked as a page and as a part of one.
    """
    if not names:
        yield from ("", "")
        return
    hostile = [*KINDS, *NASTY]
    yield from (encoded(names, value) for value in in_turns(hostile, where))
    if len(names) > 1:
        alone = in_turns(sorted(names), where, (len(names) + 2) // 3)
        yield from (encoded({name}, value) for name in alone for value in in_turns(ALONE, f"{where} {name}"))


def send(client: FlaskClient, method: str, path: str, fields: str, headers: dict[str, str]) -> int:
    """Send it as a query, or as a form."""
    if method == "POST":
        kind = "application/x-www-form-urlencoded"
        return client.post(path, data=fields, content_type=kind, headers=headers).status_code
    return client.open(f"{path}?{fields}", method=method, headers=headers).status_code


def test_no_route_reads_an_id_in_another_way(app: Flask) -> None:
    converters = [converter for rule in app.url_map.iter_rules() for converter in rule._converters.values()]
    assert any(isinstance(converter, IdConverter) for converter in converters)
    assert not [converter for converter in converters if isinstance(converter, IntegerConverter)]


def test_no_route_takes_a_number_that_is_no_id(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    taken = []
    for endpoint, methods, ids, values in routes(app):
        for value in NO_IDS if ids else []:
            path = unquote(path_of(app, endpoint, {**values, **dict.fromkeys(ids, value)}))
            taken += [(path[:60], method) for method in methods if adapter.test(path, method=method)]
    assert taken == []


@pytest.mark.parametrize("role", ["admin", "lead", None])
def test_a_path_with_a_number_that_is_no_id_is_no_page(noting: Flask, role: str | None) -> None:
    client = signed_in(noting, f"{role}.x") if role else noting.test_client()
    headers = token_header(client)
    wrong = []
    with_ids = [route for route in routes(noting) if route[2]]
    assert len(with_ids) > len(NO_IDS)
    for (endpoint, methods, ids, values), value in zip(
        with_ids, cycle(NO_IDS)
    ):  # no route takes any of them, see above
        path = path_of(noting, endpoint, {**values, **dict.fromkeys(ids, value)})
        codes = {client.open(path, method=method, headers=headers).status_code for method in methods}
        if codes != {404}:
            wrong.append((endpoint, value[:30], codes))
    assert wrong == []


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("role", ["admin", "lead", None])
def test_no_parameter_or_field_breaks_a_page(noting: Flask, role: str | None) -> None:
    assert broken(noting, role, "sqlite") == []


@pytest.mark.database("postgresql")
def test_nor_does_one_on_postgresql(noting: Flask) -> None:
    assert broken(noting, "admin", "postgresql") == []


def broken(noting: Flask, role: str | None, database: str) -> list[tuple[str, str, str, int]]:
    """The requests with hostile parameters or fields that no page comes after.

    Databases take turns with the routes of an admin, of which PostgreSQL has a third: those of others are mostly
    refused.
    """
    client = signed_in(noting, f"{role}.x") if role else noting.test_client()
    token = token_header(client)
    wrong = []
    for endpoint, methods, _, values in routes(noting):
        if role == "admin" and database not in in_turns(TURNS, endpoint):
            continue
        path = path_of(noting, endpoint, values)
        for method in set(methods) - {"HEAD"}:
            asked.clear()
            send(client, method, path, "", token)
            names = asked - {"csrf_token", "action"}
            kinds = in_turns(([{}, HTMX], [HTMX, {}]), f"{endpoint} {method}")[0]
            for sent, extra in zip(queries(names, f"{method} {endpoint} {role}"), cycle(kinds)):
                code = send(client, method, path, sent, {**token, **extra})
                if code >= 500 and endpoint != "monitoring.readyz":
                    wrong.append((method, endpoint, sent[:60], code))
    return wrong


def test_no_word_in_a_path_breaks_a_page(noting: Flask) -> None:
    client = signed_in(noting, "admin.x")
    wrong = []
    for endpoint, methods, ids, values in routes(noting):
        for value in in_turns([*NO_IDS, *NASTY], endpoint, 9):
            words = dict.fromkeys(values.keys() - set(ids), value)
            if words and "GET" in methods:
                code = client.get(path_of(noting, endpoint, {**values, **words})).status_code
                if code >= 500:
                    wrong.append((endpoint, value[:30], code))
    assert wrong == []


def test_a_ticket_is_found_by_its_number_alone(noting: Flask) -> None:
    client = signed_in(noting, "admin.x")
    assert client.get(f"/tickets/{TICKET}").status_code == 200
    near = [f"{TICKET}%00", f"%00{TICKET}", f"+{TICKET}", f"0{TICKET}", f"{TICKET}.0"]
    assert {path: client.get(f"/tickets/{path}").status_code for path in near} == dict.fromkeys(near, 404)


@pytest.mark.parametrize("action", ["retry", "deliver", "delete"])
def test_what_is_no_message_is_told_so_and_nothing_happens(noting: Flask, action: str) -> None:
    client = signed_in(noting, "admin.x")
    token = token_header(client)
    for value in NO_IDS:
        fields = {"action": action, "mail": value, "queue": "Misc", "confirmed": "yes"}
        answer = client.post("/quarantine/change", data=fields, headers=token, follow_redirects=True)
        assert "What was chosen is not a message." in answer.text, value
    assert client.get("/quarantine/1").status_code == 200


@pytest.mark.parametrize("name", ["newest", "after", "done", "kept"])
def test_a_bulk_change_with_a_mangled_number_changes_nothing(noting: Flask, name: str) -> None:
    client = signed_in(noting, "admin.x")
    token = token_header(client)
    for value in NO_IDS:
        if value != "0":
            fields = {"action": "delete", "confirmed": "yes", "newest": "0", name: value}
            assert client.post("/quarantine/change", data=fields, headers=token).status_code in (303, 422), value
    assert client.get("/quarantine/1").status_code == 200


def test_runs_of_an_account_that_is_none_are_none(noting: Flask) -> None:
    add_runs(noting, 3)
    client = signed_in(noting, "admin.x")

    def shown(account: str) -> list[int]:
        answer = client.get("/runs", query_string=f"account={quote(account)}")
        return numbers(answer.text)

    assert shown("1") == shown("") == [3, 2, 1]
    assert {value: shown(value) for value in NO_IDS} == {value: [] for value in NO_IDS}


# What differs between two answers to the same question.
FLEETING = {"Date", "Set-Cookie"}


@pytest.mark.parametrize("role", ["admin", "lead", None])
def test_head_answers_as_get_does_without_the_page(noting: Flask, role: str | None) -> None:
    client = signed_in(noting, f"{role}.x") if role else noting.test_client()
    wrong = []
    for endpoint, methods, _, values in [*routes(noting), ("session.login", ("GET",), (), {})]:
        for extra in in_turns(({}, HTMX), f"{role} {endpoint}") if "GET" in methods else []:
            path = path_of(noting, endpoint, values)
            got, head = client.get(path, headers=extra), client.head(path, headers=extra)
            said = [
                (answer.status_code, {name: text for name, text in answer.headers if name not in FLEETING})
                for answer in (got, head)
            ]
            if said[0] != said[1] or head.data:
                wrong.append((endpoint, extra, *said))
            if got.location or "HX-Redirect" in got.headers:
                # What both tell the person stands on the next page, not in what is compared next.
                client.get("/status")
                client.get("/login")
    assert wrong == []
