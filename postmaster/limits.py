"""How often something may be tried."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from postmaster import config
from postmaster.logs import Logger
from postmaster.tls_flags import redis_tls_options

# Where an app keeps its Attempts.
KEY = "postmaster-attempts"

# Seconds that Redis may take to count a request, of which it is asked twice; and that it is left alone if it did not.
TIMEOUT_SECONDS, REST_SECONDS = 1, 10

log = Logger("postmaster.limits")

Given = ParamSpec("Given")


class Attempts:
    """What was tried by whom. It is counted in Redis where there is one, so that all web processes count together;
    else, and while Redis does not answer, in this process.
    """

    def __init__(self, redis_url: str) -> None:
        # The scheme of a unix socket has another name there.
        uri = f"redis+{redis_url}" if redis_url.startswith("unix:") else redis_url
        options = {**_options(), **redis_tls_options(uri)}
        self._shared = FixedWindowRateLimiter(storage_from_string(uri, **options)) if uri else None
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._rests_until = 0.0

    def seconds_to_wait(self, limit: RateLimitItem, key: str) -> int:
        """Count one more of ``key``; returns in how many seconds there may be more than ``limit``, 0 for now."""
        if self._shared and time.monotonic() >= self._rests_until:
            try:
                return _count(self._shared, limit, key)
            except StorageError as error:
                self._rests_until = time.monotonic() + REST_SECONDS
                log.warning("attempts are counted by each process alone", error=str(error.storage_error))
        return _count(self._own, limit, key)


def _options() -> dict[str, Any]:
    """How Redis is asked; twice, since a connection that was kept may be to one that is gone."""
    from redis.backoff import NoBackoff  # who has no Redis need not import it
    from redis.retry import Retry

    waits = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), TIMEOUT_SECONDS)
    return {"wrap_exceptions": True, "retry": Retry(NoBackoff(), 1), **waits}


def _count(counter: FixedWindowRateLimiter, limit: RateLimitItem, key: str) -> int:
    if counter.hit(limit, key):
        return 0
    return max(1, math.ceil(counter.get_window_stats(limit, key).reset_time - time.time()))


def init_app(app: Flask) -> None:
    """Have the requests of the app counted."""
    app.extensions[KEY] = Attempts(config.of(app).redis_url or "")


def seconds_to_wait(limit: str, key: str) -> int:
    """Count this request as one of ``key``; returns in how many seconds it may make more than ``limit``, 0 for now.

    ``limit`` is as "20 per minute". Raises ValueError if it is not.
    """
    attempts: Attempts = current_app.extensions[KEY]
    return attempts.seconds_to_wait(parse(limit), key)


def limited(limit: str) -> Callable[[Callable[Given, ResponseReturnValue]], Callable[Given, ResponseReturnValue]]:
    """Let an address ask for a view as often as ``limit`` says; beyond that it is answered 429."""

    def decorate(view: Callable[Given, ResponseReturnValue]) -> Callable[Given, ResponseReturnValue]:
        @wraps(view)
        def counted(*values: Given.args, **named: Given.kwargs) -> ResponseReturnValue:
            if seconds_to_wait(limit, f"{request.endpoint} {request.remote_addr}"):
                raise TooManyRequests
            return view(*values, **named)

        return counted

    return decorate
