"""Pages that say in plain words what went wrong. They need no database."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from flask import Flask, Response, make_response, render_template
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from postmaster.database import database_away
from postmaster.errors import PostMasterError

log = structlog.get_logger(__name__)

# Title and advice by status; others get the words of HTTP.
WORDS: dict[int, tuple[str, str]] = {
    400: ("This request cannot be answered", "Open the page at http://127.0.0.1 or http://localhost, on this machine."),
    404: ("There is no such page", "Check the address, or start from the status page."),
    405: ("This page cannot be used like that", "Start from the status page."),
    500: ("Something went wrong here", "It is not your fault. The details stand in the log of the web server."),
}


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(PostMasterError, _unavailable)
    app.register_error_handler(DBAPIError, lambda error: _unavailable(database_away(error)))


def _http(error: HTTPException) -> Response:
    code = error.code or 500
    title, advice = WORDS.get(code, (error.name, error.description or ""))
    return _page(code, title, advice)


def _unavailable(error: PostMasterError) -> Response:
    """The error itself may name hosts and users, so it goes into the log; the page says what to do."""
    log.error("page-unavailable", code=error.code, error=str(error))
    return _page(HTTPStatus.SERVICE_UNAVAILABLE, "PostMaster cannot work at the moment", error.advice)


def _page(code: int, title: str, advice: str) -> Response:
    return make_response(render_template("error.html", title=title, advice=advice), code)
