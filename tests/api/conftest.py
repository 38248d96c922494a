"""Programs: clients of the API with a token each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support import Desk


class Program:
    """A program that uses the API with its token."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self._client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        """The answer to a request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        options = {} if json is None else {"json": json}
        return self._client.open(
            f"/api/v1{path}", method=method, headers=[*{**self.headers, **named}.items()], **options
        )

    def get(self, path: str) -> Any:
        """What is answered, which must be well."""
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json


NewProgram = Callable[..., Program]


@pytest.fixture
def new_program(app: Flask, desk: Desk) -> NewProgram:
    """Gives a program whose token has these scopes, and is limited to these queues, if any."""
    numbers = itertools.count(1)

    def make(*scopes: str, queues: Sequence[str] = ()) -> Program:
        options = [word for scope in scopes for word in ("--scope", scope)]
        options += [word for queue in queues for word in ("--queue", queue)]
        token = desk.ok("token", "add", "--name", f"program {next(numbers)}", *options).stdout.strip()
        return Program(app.test_client(), token)

    return make


@pytest.fixture
def admin(new_program: NewProgram) -> Program:
    """A program that may do everything."""
    return new_program("read", "admin", "mail:write")
