"""What machines ask: whether this process lives, whether all is there that it takes, the metrics, and the icon."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, abort, current_app, jsonify, request
from sqlalchemy.exc import DBAPIError

from postmaster import config
from postmaster.broker import redis
from postmaster.database import prepare_database, read_session
from postmaster.errors import ConfigError
from postmaster.operations.state import fetching_state
from postmaster.web.access import public

blueprint = Blueprint("monitoring", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """Whether this process answers; it asks nothing else."""
    return jsonify(status="ok")


@blueprint.get("/favicon.ico")
@public
def icon() -> Response:
    """What browsers ask for beside anything that is no page of ours: an answer of the API, a mail's source."""
    return current_app.send_static_file("favicon.svg")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Whether all is there that mail takes, and accounts get their turn, in words that name nothing."""
    parts = {"database": False, "redis": _has_redis(), "worker": False, "scheduler": False}
    turns = "missing"
    try:
        prepare_database()
        with read_session() as session:
            state = fetching_state(session)
        parts |= {"database": True, "worker": state.workers > 0, "scheduler": state.schedulers > 0}
        turns = "late" if state.late else "ok"
    except (DBAPIError, ConfigError):
        pass  # it is said to be missing
    words = {name: "ok" if there else "missing" for name, there in parts.items()} | {"turns": turns}
    ready = set(words.values()) == {"ok"}
    return jsonify(status="ok" if ready else "not ready", **words), 200 if ready else 503


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """The metrics, for whoever shows POSTMASTER_METRICS_TOKEN."""
    environment = config.current()
    if environment.metrics_token is None:
        abort(404)
    given = request.authorization.token if request.authorization and request.authorization.type == "bearer" else None
    if not hmac.compare_digest((given or "").encode(), environment.metrics_token.encode()):
        return Response("Unauthorized\n", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    from prometheus_client import CONTENT_TYPE_LATEST

    from postmaster.operations.metrics import render_metrics as read_metrics

    with read_session() as session:
        return Response(read_metrics(session), content_type=CONTENT_TYPE_LATEST)


def _has_redis() -> bool:
    from redis.exceptions import RedisError

    try:
        return bool(redis().ping())
    except (RedisError, ConfigError):
        return False
