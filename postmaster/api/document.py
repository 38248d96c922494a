"""The description of the API in OpenAPI 3.1, made from the table of operations."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from http import HTTPStatus

from postmaster.api.operation import Body, Operation, Reply
from postmaster.api.problems import MEDIA_TYPE, status_of_code
from postmaster.api.ranges import CONTENT_RANGE
from postmaster.api.reading import PATH_FIELDS
from postmaster.api.schemas import ID, TEXT, default_of, field_schema, input_schema, obj
from postmaster.api.table import OPERATIONS
from postmaster.errors import FAULTS
from postmaster.extensions import Json
from postmaster.refusals import REFUSALS, known_code
from postmaster.resources.fields import Field

_ABOUT = (
    "Everything that the pages and the commands do, for programs. Each request carries a token: "
    "`Authorization: Bearer …`. What goes wrong is told as Problem Details (RFC 9457), with a `code` that the help "
    "explains."
)


@cache
def document_text(root: str) -> str:
    """The description, of an API that is found below ``root``."""
    return json.dumps(document(root))


def document(root: str = "") -> Json:
    """The description as JSON has it."""
    paths: dict[str, Json] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method.lower()] = _operation(operation)
    tags = dict.fromkeys(operation.tag for operation in OPERATIONS)
    return {
        "openapi": "3.1.0",
        "info": {"title": "PostMaster", "version": "1", "description": _ABOUT},
        "servers": [{"url": f"{root}/api/v1"}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in tags],
        "paths": dict(paths),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token."}},
            "schemas": {"Problem": _problem_schema()},
        },
    }


def _operation(operation: Operation) -> Json:
    parameters = [*map(_path_parameter, re.findall(r"\{(\w+)\}", operation.path))]
    parameters += map(_query_parameter, operation.parameters)
    if operation.revised:
        parameters.append(_IF_MATCH)
    if operation.idempotent:
        parameters.append(_IDEMPOTENCY_KEY)
    if operation.reply.in_parts:
        parameters += _OF_PARTS
    about = " ".join(part for part in (operation.description, f"Scope: {operation.scope.value}.") if part)
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": about,
        "x-scope": operation.scope.value,
        "security": [{"token": []}],
        "responses": {**_replies(operation.reply), **_problems(operation)},
    }
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = _body(operation.body)
    return described


_IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The ETag that was seen: if there is another one by now, nothing is done.",
}


_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "What the request is known by: made again within a week with the same key, it is done once.",
}


_OF_PARTS: list[Json] = [
    {"name": name, "in": "header", "schema": TEXT, "description": about}
    for name, about in (
        ("Range", "bytes=FIRST-LAST, bytes=FIRST- or bytes=-COUNT: the part that is wanted."),
        ("If-Range", "The ETag that the other parts had: if there is another one by now, all bytes are answered."),
        ("If-None-Match", "An ETag that is known: if it still is the same, the answer is 304."),
    )
]


def _path_parameter(name: str) -> Json:
    field = PATH_FIELDS[name]
    schema = ID if name == "id" else {**TEXT, "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": field.help, "schema": schema}


def _query_parameter(field: Field) -> Json:
    schema = field_schema(field) | ({"default": default_of(field)} if field.default else {})
    return {"name": field.name, "in": "query", "required": field.mandatory, "description": field.help, "schema": schema}


def _body(body: Body) -> Json:
    schema = input_schema(body.fields, partial=body.partial, not_always=body.not_always) if body.fields else {}
    return {"required": not body.optional, "content": {body.media_type: {"schema": schema, "example": body.example}}}


def _replies(reply: Reply) -> dict[str, Json]:
    """What is answered if all goes well, by status."""
    replies = {str(int(reply.status)): _reply(reply)}
    if reply.in_parts:
        part = replace(reply, description="The part that was asked for.", headers={**reply.headers, **CONTENT_RANGE})
        same = replace(reply, status=HTTPStatus.NOT_MODIFIED, description="It is the same as If-None-Match says.")
        replies |= {"206": _reply(part), "304": _reply(same)}
    return replies


def _reply(reply: Reply) -> Json:
    described: Json = {"description": reply.description}
    if reply.headers:
        described["headers"] = {name: {"schema": TEXT, "description": text} for name, text in reply.headers.items()}
    if reply.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        content = {"example": reply.example, **({"schema": reply.schema} if reply.schema else {})}
        described["content"] = {reply.media_type: content, **{name: {"example": ""} for name in reply.or_types}}
    return described


def _problems(operation: Operation) -> dict[str, Json]:
    """What can go wrong, by status."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes_of(operation):
        by_status[int(status_of_code(code))].append(code)
    return {str(status): _problem(status, codes) for status, codes in sorted(by_status.items())}


def _problem(status: int, codes: list[str]) -> Json:
    told = {code: meaning_of(code) for code in dict.fromkeys(codes)}
    words = "\n".join(f"- `{code}`: {meaning}" for code, meaning in told.items())
    first = next(iter(told))
    example = {
        "type": f"/help/errors#{first}",
        "title": told[first],
        "status": status,
        "detail": told[first],
        "code": first,
        "advice": "",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


def codes_of(operation: Operation) -> Iterator[str]:
    """The codes of all that can go wrong with ``operation``."""
    yield from operation.errors
    yield from ("token-missing", "token-unknown", "token-expired", "token-revoked", "scope-missing")
    if not operation.limited:
        yield "token-limited"
    if "{" in operation.path:
        yield "no-such-path"
    yield from ("unknown-field", "invalid-value")
    if operation.body:
        yield from ("malformed-json", "wrong-content-type", "too-large")
    if operation.revised:
        yield from ("changed-meanwhile", "revision-differs")
    yield from ("too-many-requests", "unexpected", "database-away")


def meaning_of(code: str) -> str:
    """What ``code`` means, in a sentence."""
    key = known_code(code)
    if key is not None:
        return REFUSALS[key][0]
    return "Something went wrong that PostMaster does not know." if code == "unexpected" else FAULTS[code].message


def _problem_schema() -> Json:
    flaw = obj({"field": TEXT, "code": TEXT, "detail": TEXT, "advice": TEXT})
    use = obj({"noun": TEXT, "phrase": TEXT, "id": {"type": ["integer", "string", "null"]}})
    properties: dict[str, Json] = {
        "type": {**TEXT, "description": "Where the help explains the code."},
        "title": {**TEXT, "description": "What the code means."},
        "status": {"type": "integer"},
        "detail": {**TEXT, "description": "What is wrong here."},
        "code": {**TEXT, "description": "A word that stays the same in all versions."},
        "advice": {**TEXT, "description": "What to do."},
        "errors": {"type": "array", "items": flaw, "description": "What is wrong with which field."},
        "uses": {"type": "array", "items": use, "description": "What still names it, or uses it."},
    }
    return obj(properties, ["type", "title", "status", "detail", "code", "advice"])
