"""Each operation keeps to its description, whatever it is sent: a little of everything, made from that description."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from postmaster.api import door
from postmaster.outbox import reading
from tests.api.conftest import Program
from tests.support import Desk
from tests.turns import as_many
from tests.web.samples import populate

# A message, or what calls itself one.
MAIL = "message/rfc822"
schemathesis.openapi.media_type(MAIL, strategies.binary(max_size=1000))


@schemathesis.serializer(MAIL)
def as_it_is(_context: object, value: bytes) -> bytes:
    """What is sent as a message."""
    return value


# Requests for each operation; bin/soak has more.
EXAMPLES = as_many(3, settings.default.max_examples // 3)

# Much that a description allows is refused, as a queue that is not there; that no operation is open without a token is
# proved by test_door.
EXCLUDED = [positive_data_acceptance, ignored_auth]


@pytest.fixture
def filled(app: Flask, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app with one of everything, that nobody waits in and that counts no requests."""
    populate(desk, app)
    monkeypatch.setattr(reading, "MAX_WAIT", 0)
    monkeypatch.setattr(door, "PER_MINUTE", 1_000_000)
    return app


def test_each_operation_keeps_to_its_description(filled: Flask, admin: Program) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", filled)
    wrong = []
    for found in schema.get_all_operations():
        operation = found.ok()
        try:
            _try_out(operation, admin)
        except FailureGroup as error:  # each operation has its turn
            wrong.append(f"{operation.label}: {error.exceptions[0]}")
    assert wrong == [], "\n".join(wrong)


def _try_out(operation: Any, program: Program) -> None:
    """Send ``operation`` some requests, among them wrong ones, and see whether it answers as it says."""

    slow = operation.path.endswith("/tests")  # a process of its own for each

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(), known=strategies.booleans())
    def send(case: Any, known: bool) -> None:
        if known and case.meta.generation.mode.is_positive and "id" in case.path_parameters and not slow:
            case.path_parameters["id"] = 1
        case.call_and_validate(headers=program.headers, excluded_checks=EXCLUDED)

    send()
