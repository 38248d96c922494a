"""Static files under addresses that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

FOR_EVER = "public, max-age=31536000, immutable"

# What the sandboxed frame of a mail loads, which comes from nowhere.
FRAMED = {"article.css"}


def asset(name: str) -> str:
    """The address of the static file ``name``."""
    return _address(request.script_root, str(current_app.static_folder), name)


@cache  # a list asks for an icon hundreds of times
def _address(_root: str, folder: str, name: str) -> str:
    digest = hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest()[:12]
    return url_for("static", filename=name, v=digest)


def _keep(response: Response) -> Response:
    if request.endpoint == "static":
        lasting = "v" in request.args and response.status_code < HTTPStatus.BAD_REQUEST
        response.headers["Cache-Control"] = FOR_EVER if lasting else "no-cache"
        if (request.view_args or {}).get("filename") in FRAMED:
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def init_app(app: Flask) -> None:
    """Give the templates ``asset``."""
    app.jinja_env.globals["asset"] = asset
    app.after_request(_keep)
