"""The app with answers that come late, for bin/soak: what acts on a page must wait until it is there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from postmaster import create_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# The variable that says how many seconds each answer takes, but for files.
LATE = "TESTS_PAGES_LATE"


def late_app() -> Flask:
    """The app as gunicorn has it."""
    app, seconds = create_app(), float(os.environ[LATE])
    at_once = app.wsgi_app

    def late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/static/"):
            time.sleep(seconds)
        return at_once(environ, start_response)

    app.wsgi_app = late  # type: ignore[method-assign]
    return app
