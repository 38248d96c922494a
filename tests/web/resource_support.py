"""Shorthands for the tests of the pages of resources."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from postmaster.extensions import db
from tests.support import Desk
from tests.web.conftest import HTMX, token_of


def words(page: str) -> str:
    """What a reader sees of a page: its text without tags, blanks made one."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page.replace("<wbr>", "")))).strip()


def labels(client: FlaskClient, path: str) -> list[str]:
    """What the lines of a list are called, in their order."""
    response = client.get(path)
    assert response.status_code == 200
    return [words(name) for name in re.findall(r'class="name"[^>]*>(.*?)</a>', response.text, re.DOTALL)]


def fields_of(page: str) -> dict[str, str]:
    """What the form of a page would send if nothing was touched; secrets are empty."""
    form = page[page.index('class="form"') :]
    inputs = re.findall(r'(<input [^>]*name="(\w+)"[^>]*>)', form)
    sent = {name: _value(tag) for tag, name in inputs if 'type="radio"' not in tag or " checked" in tag}
    for name, text in re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>\r?\n?(.*?)</textarea>', form, re.DOTALL):
        sent[name] = html.unescape(text)
    for name, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        values = re.findall(r'<option( selected)? value="([^"]*)"', options)
        sent[name] = html.unescape(next((value for chosen, value in values if chosen), values[0][1]))
    return sent


def _value(tag: str) -> str:
    found = re.search(r'value="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""


def fill(client: FlaskClient, path: str, **changed: str) -> Any:
    """Open the form at ``path``, enter ``changed``, and send it; returns the answer."""
    return client.post(path, data={**fields_of(client.get(path).text), **changed})


def press(client: FlaskClient, tool: str, path: str = "/accounts/add", **changed: str) -> Any:
    """Open the form of an account, enter ``changed``, and press a button that leads to ``tool``; returns the answer."""
    page = client.get(path).text
    [address] = set(re.findall(rf'formaction="([^"]*/{tool}[^"]*)"', page))
    return client.post(html.unescape(address), data={**fields_of(page), **changed})


def press_delete(client: FlaskClient, path: str, **options: Any) -> Any:
    """Confirm on the page at ``path`` that something is deleted; returns the answer."""
    return client.post(path, data={"csrf_token": token_of(client.get(path).text)}, **options)


def fragment(client: FlaskClient, path: str) -> str:
    """What htmx gets from ``path``."""
    response = client.get(path, headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.text
    return response.text


@contextmanager
def counting_queries(app: Flask) -> Iterator[list[str]]:
    """The statements that run meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def queries_of(app: Flask, client: FlaskClient, path: str) -> int:
    """How many statements the page at ``path`` needs."""
    with counting_queries(app) as statements:
        assert client.get(path).status_code == 200
    return len(statements)


def seconds_of(page: str) -> int:
    """How often the only poller of the page beats."""
    [seconds] = re.findall(r'hx-trigger="every (\d+)s"', page)
    return int(seconds)


def add_credential(desk: Desk, name: str, password: str = "s3cret", **options: str) -> str:
    """Add a credential; returns its id."""
    more = [word for option, value in options.items() for word in (f"--{option}", value)]
    basic = ("credential", "add", "--kind", "basic", "--name", name, "--username", f"{name}@login.example")
    return desk.ok(*basic, "--password-stdin", *more, input=password).stdout.strip()
