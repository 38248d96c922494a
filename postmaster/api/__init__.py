"""The API for programs: ``/api/v1``, made from one table of operations (``api.table``).

What starts a command must not wait for it, so nothing of it is imported before the first request.
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response
from werkzeug.routing import BaseConverter

blueprint = Blueprint("api", __name__)


class AnythingConverter(BaseConverter):
    """``<anything:rest>`` in a route: whatever follows, line breaks and slashes as well."""

    regex = "(?s:.*)"
    part_isolating = False


def _door(rest: str = "") -> Response:
    """Answer a request for ``rest``, the path below /api."""
    from postmaster.api.door import answer

    return answer(rest)


@blueprint.errorhandler(Exception)
def _problem(error: Exception) -> Response:
    """What went wrong, wherever on the way to the operation, or in it."""
    from postmaster.api.problems import problem_of

    return problem_of(error)


def init_app(app: Flask) -> None:
    """Register the door: one rule for all methods and paths, so that a program never gets a page."""
    app.register_blueprint(blueprint)
    app.view_functions["api.door"] = _door
    app.url_map.converters["anything"] = AnythingConverter
    for path in ("/api", "/api/<anything:rest>"):
        app.url_map.add(app.url_rule_class(path, endpoint="api.door", strict_slashes=True, merge_slashes=False))
