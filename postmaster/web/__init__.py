"""The pages: a blueprint a noun."""

from __future__ import annotations

from flask import Flask, request

from postmaster.database import prepare_database
from postmaster.web import errors, security, status, times


def init_app(app: Flask) -> None:
    """Register the blueprints and what all pages share."""
    security.init_app(app)
    errors.init_app(app)
    times.init_app(app)
    app.before_request(_prepare)
    app.register_blueprint(status.blueprint)


def _prepare() -> None:
    """See that the database is there, as before each command; files need none."""
    if request.endpoint != "static":
        prepare_database()
