"""What went wrong, as Problem Details (RFC 9457), with the codes that the help explains."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from postmaster.api.ranges import RangeNotSatisfiableError
from postmaster.database import database_away
from postmaster.errors import FAULTS, ConfigError, NotFoundError, PostMasterError, mail_error
from postmaster.extensions import Json
from postmaster.logs import Logger
from postmaster.refusals import REFUSALS, known_code
from postmaster.resources.fields import InvalidFieldsError
from postmaster.resources.uses import StillNamedError
from postmaster.system.tokens import ScopeMissingError

log = Logger("postmaster.api")

MEDIA_TYPE = "application/problem+json"

# The status of a code that is not simply refused.
STATUSES: Mapping[str, HTTPStatus] = {
    "malformed-json": HTTPStatus.BAD_REQUEST,
    "token-missing": HTTPStatus.UNAUTHORIZED,
    "token-unknown": HTTPStatus.UNAUTHORIZED,
    "token-expired": HTTPStatus.UNAUTHORIZED,
    "token-revoked": HTTPStatus.UNAUTHORIZED,
    "scope-missing": HTTPStatus.FORBIDDEN,
    "token-limited": HTTPStatus.FORBIDDEN,
    "no-such-path": HTTPStatus.NOT_FOUND,
    "unknown-NOUN": HTTPStatus.NOT_FOUND,
    "wrong-method": HTTPStatus.METHOD_NOT_ALLOWED,
    "NOUN-in-use": HTTPStatus.CONFLICT,
    "address-not-deletable": HTTPStatus.CONFLICT,
    "already-paused": HTTPStatus.CONFLICT,
    "changed-meanwhile": HTTPStatus.CONFLICT,
    "not-fetched": HTTPStatus.CONFLICT,
    "nothing-to-confirm": HTTPStatus.CONFLICT,
    "still-named": HTTPStatus.CONFLICT,
    "revision-differs": HTTPStatus.PRECONDITION_FAILED,
    "range-not-satisfiable": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "wrong-content-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "too-many-requests": HTTPStatus.TOO_MANY_REQUESTS,
    "unexpected": HTTPStatus.INTERNAL_SERVER_ERROR,
    "busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "database-away": HTTPStatus.SERVICE_UNAVAILABLE,
}


class TooManyRequestsError(PostMasterError):
    """More requests than a token may make; ``seconds`` is when it may again."""

    def __init__(self, seconds: int) -> None:
        advice = f"Wait {seconds} s, as Retry-After says."
        super().__init__("too-many-requests", "The token has made too many requests within a minute.", advice)
        self.seconds = seconds


def problem_of(error: Exception) -> Response:
    """The answer to a request that ``error`` ended. What is nobody's fault out there goes into the log as well."""
    if isinstance(error, HTTPException) and error.response is not None:
        return Response(status=error.response.status_code)
    told = _told(error)
    status = status_of(told)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log(error, told, status)
    body = json.dumps(_document(told, status))
    answer = Response(body, status, mimetype=MEDIA_TYPE)
    answer.headers.update(_headers(error, told, status))
    return answer


def status_of(error: PostMasterError) -> HTTPStatus:
    """The status that ``error`` is answered with."""
    if isinstance(error, ConfigError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, InvalidFieldsError) and not isinstance(error, StillNamedError):
        return HTTPStatus.UNPROCESSABLE_ENTITY  # whatever is wrong with the first field
    return status_of_code(error.code)


def status_of_code(code: str) -> HTTPStatus:
    """The status that errors with ``code`` are answered with."""
    if code in FAULTS and code not in STATUSES:
        return HTTPStatus.BAD_GATEWAY
    return STATUSES.get(code) or STATUSES.get(known_code(code) or "") or HTTPStatus.UNPROCESSABLE_ENTITY


def _told(error: Exception) -> PostMasterError:
    """``error`` in our own words."""
    if isinstance(error, PostMasterError):
        return error
    if isinstance(error, DBAPIError):
        return database_away(error)
    if isinstance(error, HTTPException) and error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"{request.method} is not what can be done with {request.path}."
        return PostMasterError("wrong-method", message, "Allow says what can.")
    if isinstance(error, HTTPException) and error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return PostMasterError("too-large", "The body of the request is too large.", "Send less at once.")
    if isinstance(error, HTTPException) and (error.code or 0) < HTTPStatus.INTERNAL_SERVER_ERROR:
        message = f"There is nothing at {request.path}."
        return NotFoundError("no-such-path", message, "Look for it in /api/v1/openapi.json.")
    return mail_error("unexpected", reference=secrets.token_hex(4))


def _log(error: Exception, told: PostMasterError, status: HTTPStatus) -> None:
    log.log(
        logging.ERROR,
        "api problem",
        status=int(status),
        code=told.code,
        path=request.path,
        said=told.message,
        error=str(error),
        exc_info=error if status == HTTPStatus.INTERNAL_SERVER_ERROR else None,
    )


def _document(error: PostMasterError, status: HTTPStatus) -> Json:
    key = error.code if error.code in FAULTS else known_code(error.code)
    title = REFUSALS[key][0] if key in REFUSALS else status.phrase
    # What is wrong with this machine may name hosts and users, so it stands in the log alone.
    detail = title if isinstance(error, ConfigError) else error.message
    document: Json = {
        "type": f"{request.script_root}/help/errors#{key}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "code": error.code,
        "advice": error.advice,
    }
    if isinstance(error, InvalidFieldsError):
        document["errors"] = [
            {"field": name, "code": flaw.code, "detail": flaw.message, "advice": flaw.advice}
            for name, flaw in error.errors.items()
        ]
    if isinstance(error, StillNamedError):
        document["uses"] = [{"noun": use.noun, "phrase": use.phrase, "id": use.id} for use in error.uses]
    return document


def _headers(error: Exception, told: PostMasterError, status: HTTPStatus) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        flaw = "" if told.code == "token-missing" else ', error="invalid_token"'
        return {"WWW-Authenticate": f'Bearer realm="PostMaster"{flaw}'}
    if isinstance(told, ScopeMissingError):
        scope = told.scope.value
        return {"WWW-Authenticate": f'Bearer realm="PostMaster", error="insufficient_scope", scope="{scope}"'}
    if isinstance(told, TooManyRequestsError):
        return {"Retry-After": str(told.seconds)}
    if isinstance(told, RangeNotSatisfiableError):
        return {"Content-Range": f"bytes */{told.length}"}
    methods = getattr(error, "valid_methods", None)
    if status == HTTPStatus.METHOD_NOT_ALLOWED and methods:
        return {"Allow": ", ".join(sorted({*methods, "OPTIONS"}))}
    return {}
