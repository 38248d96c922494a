"""From a request to the answer: find the operation, see who asks and whether he may, read what is asked, do it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus

from flask import Response, g, request
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from postmaster.api.operation import Answer, Call, Operation
from postmaster.api.problems import TooManyRequestsError
from postmaster.api.reading import read_body, read_path, read_query
from postmaster.api.table import OPERATIONS
from postmaster.database import read_session, transaction
from postmaster.errors import PostMasterError
from postmaster.limits import seconds_to_wait
from postmaster.system.tokens import Caller, authenticate, note_use

PREFIX = "/api/v1"
DOCUMENT = "/openapi.json"

# Requests that a token may make within a minute.
PER_MINUTE = 600

# What the description is found by among the operations, which each have a name.
_DOCUMENT = "document"

_BY_NAME: Mapping[str, Operation] = {operation.name: operation for operation in OPERATIONS}


@cache
def _routes() -> Map:
    """The routes, made from the rows."""
    rules = [Rule(PREFIX + DOCUMENT, endpoint=_DOCUMENT, methods=["GET"])]
    for operation in OPERATIONS:
        path = re.sub(r"\{(\w+)\}", r"<\1>", PREFIX + operation.path)
        rules.append(Rule(path, endpoint=operation.name, methods=[operation.method]))
    return Map(rules, merge_slashes=False, redirect_defaults=False)


def answer(rest: str) -> Response:
    """Answer the request for /api/``rest``. Raises PostMasterError and HTTPException."""
    path = f"/api/{rest}"
    routes = _routes().bind("", script_name="/")
    if request.method == "OPTIONS":
        return _options(routes.allowed_methods(path))
    name, arguments = routes.match(path, request.method)
    if name == _DOCUMENT:
        from postmaster.api.document import document_text

        return Response(document_text(request.script_root), mimetype="application/json")
    operation = g.operation = _BY_NAME[name]
    caller = _admit(operation)
    return _respond(operation, operation.run(_read(operation, caller, arguments)))


def _options(methods: object) -> Response:
    """What can be done with a path."""
    allowed = {*methods, "OPTIONS"} if isinstance(methods, list | set) and methods else set()
    if not allowed:
        raise NotFound
    return Response(status=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join(sorted(allowed))})


def _admit(operation: Operation) -> Caller:
    """Who asks, if he may. A cookie says nothing here."""
    with read_session() as session:
        caller = authenticate(session, request.headers.get("Authorization", ""))
    if caller.use_is_due:
        with transaction() as session:
            note_use(session, caller)
    if seconds := seconds_to_wait(f"{PER_MINUTE} per minute", f"token {caller.token_id}"):
        raise TooManyRequestsError(seconds)
    caller.require(operation.scope)
    if caller.queue_ids is not None and not operation.limited:
        message = f"The token “{caller.name}” is limited to queues, and this concerns all of them."
        raise PostMasterError("token-limited", message, "Use a token that is not limited.")
    return caller


def _read(operation: Operation, caller: Caller, arguments: Mapping[str, str]) -> Call:
    texts, raw = read_body(operation.body, request) if operation.body else ({}, b"")
    return Call(
        caller=caller,
        path=read_path(arguments, request.path),
        query=read_query(operation, request.args),
        texts=texts,
        raw=raw,
        if_match=request.headers.get("If-Match") if operation.revised else None,
        headers=request.headers,  # type: ignore[arg-type]  # a mapping in all but name
    )


def _respond(operation: Operation, answer: Answer) -> Response:
    status = answer.status or operation.reply.status
    body = json.dumps(answer.body) if isinstance(answer.body, dict) else answer.body
    response = Response(body, status, mimetype=operation.reply.media_type)
    if answer.body is None:
        del response.headers["Content-Type"]
    response.headers.update(answer.headers)
    return response
