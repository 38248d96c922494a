"""Pages that say in plain words what went wrong. They need no database."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response, current_app, g, make_response, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from postmaster.database import database_away
from postmaster.errors import NotFoundError, PostMasterError
from postmaster.logs import Logger
from postmaster.refusals import REFUSALS
from postmaster.web.context import Context

log = Logger(__name__)

# Title and advice by status; others get the words of HTTP.
STATUS_TEXTS: dict[int, tuple[str, str]] = {
    400: ("This request cannot be answered", "Go back, load the page again, and repeat what you did."),
    403: ("You do not have access", "Ask a service desk admin."),
    404: ("Page not found", "Check the address, or start from the status page."),
    405: ("This page cannot be used like that", "Start from the status page."),
    413: ("This is too much at once", "Enter less, and try again."),
    429: ("Too many tries", "Wait a minute, then try again."),
    500: ("Something went wrong here", "It is not your fault. Give the reference to whoever looks after PostMaster."),
}

# Arguments of routes that stand in no log.
SECRETS = {"secret", "link"}

# Where htmx shows an error is said in _document.html. What it asked for keeps its place and its address.
IN_PLACE = {"HX-Push-Url": "false", "HX-Replace-Url": "false"}

# What the page asked by itself: one error takes the place of the one before, and goes with the next good answer.
OF_POLLS = {"HX-Retarget": "#away", "HX-Reswap": "innerHTML"}


@dataclass(frozen=True, kw_only=True)
class ErrorContext(Context, templates=("error.html",)):
    """The page; under ``reference`` the log has the rest."""

    title: str
    advice: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class ToastContext(Context, templates=("_toast.html",)):
    """A message of this ``kind``, a category of ``flash``."""

    kind: str
    message: str


def init_app(app: Flask) -> None:
    """Register the pages. Flask would log an exception as well, with all of the path."""
    app.log_exception = lambda *_: None  # type: ignore[method-assign]
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(PostMasterError, _unavailable)
    app.register_error_handler(DBAPIError, lambda error: _unavailable(database_away(error)))


def _http(error: HTTPException) -> Response:
    if error.response is not None:  # a redirect, or an answer that was made already
        return error.response  # type: ignore[return-value]
    code = error.code or 500
    title, advice = STATUS_TEXTS.get(code, (error.name, error.description or ""))
    return _page(code, title, advice, original=getattr(error, "original_exception", None))


def _unavailable(error: PostMasterError) -> Response:
    """The error itself may name hosts and users, so it goes into the log; the page says what its code means, and what
    to do.
    """
    if isinstance(error, NotFoundError):
        return _page(HTTPStatus.NOT_FOUND, error.message, error.advice, original=error)
    meaning = f"{REFUSALS[error.code][0]} " if error.code in REFUSALS else ""
    title = "PostMaster cannot work at the moment"
    advice = f"{meaning}{error.advice} [{error.code}]"
    return _page(HTTPStatus.SERVICE_UNAVAILABLE, title, advice, original=error)


def _page(code: int, title: str, advice: str, original: BaseException | None = None) -> Response:
    """The page, or a toast for htmx, with a reference under which the log has the rest."""
    reference = secrets.token_hex(4)
    log.log(
        logging.ERROR if code >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO,
        "error page",
        reference=reference,
        status=code,
        path=_shown_path(),
        error=str(original or ""),
        exc_info=original if code == HTTPStatus.INTERNAL_SERVER_ERROR else None,
    )
    if code == HTTPStatus.SERVICE_UNAVAILABLE:
        _ask_for_no_user()
    if "HX-Request" in request.headers:
        sentence = f"{title}. {advice} Reference {reference}"
        is_poll = getattr(current_app.view_functions.get(request.endpoint or ""), "polling", False)
        headers = IN_PLACE | OF_POLLS if is_poll else IN_PLACE
        return make_response(ToastContext(kind="fail", message=sentence).render(), code, headers)
    return make_response(ErrorContext(title=title, advice=advice, reference=reference).render(), code)


def _shown_path() -> str:
    """The path, without what opens something to whoever has it."""
    path = request.path
    for name in SECRETS & set(request.view_args or ()):
        path = path.replace(str((request.view_args or {})[name]), "…")
    return path


def _ask_for_no_user() -> None:
    """Show the page to nobody in particular, unless it is known who it is: the database cannot be asked."""
    if "_login_user" not in g:
        current_app.login_manager._update_request_context_with_user()  # type: ignore[attr-defined]
