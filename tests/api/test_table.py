"""The rows of operations are complete, and the description that is made from them is good OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from postmaster.api.document import codes_of, document, meaning_of
from postmaster.api.operation import Operation
from postmaster.api.reading import PATH_FIELDS
from postmaster.api.table import OPERATIONS
from postmaster.errors import FAULTS
from postmaster.refusals import known_code
from postmaster.system.models import Scope

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@each_operation
def test_each_operation_has_a_scope_an_example_and_a_documented_error(operation: Operation) -> None:
    assert operation.scope in Scope
    assert operation.errors
    assert operation.summary
    assert operation.reply.status == 204 or operation.reply.example is not None
    assert operation.body is None or operation.body.example


@each_operation
def test_each_code_of_an_operation_is_explained_in_the_help(operation: Operation) -> None:
    assert {code for code in codes_of(operation) if not (known_code(code) or code in FAULTS)} == set()
    assert all(map(meaning_of, codes_of(operation)))


@each_operation
def test_each_example_is_what_its_schema_says(operation: Operation) -> None:
    described = document()["paths"][operation.path][operation.method.lower()]
    reply = described["responses"][str(int(operation.reply.status))]
    for content in [*_contents(reply), *_contents(described.get("requestBody", {}))]:
        if "schema" in content:
            Draft202012Validator(content["schema"]).validate(content["example"])


@pytest.mark.parametrize("name", ["getAttachment", "getArticleSource", "getMailSource", "getQuarantinedSource"])
def test_what_comes_in_parts_says_so(name: str) -> None:
    [described] = [one for path in document()["paths"].values() for one in path.values() if one["operationId"] == name]
    assert {"200", "206", "304", "416"} <= described["responses"].keys()
    assert "Content-Range" in described["responses"]["206"]["headers"]
    assert "content" not in described["responses"]["304"]
    told = {parameter["name"] for parameter in described["parameters"]}
    assert {"Range", "If-Range", "If-None-Match"} <= told


def _contents(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from described.get("content", {}).values()


def test_operations_are_told_apart() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)


@each_operation
def test_each_parameter_of_a_path_can_be_read(operation: Operation) -> None:
    assert set(re.findall(r"\{(\w+)\}", operation.path)) <= PATH_FIELDS.keys()


def test_the_description_is_good_openapi(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["openapi"].startswith("3.1")
    validate(answer.json)
