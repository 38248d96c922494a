"""How often something may be tried."""

from __future__ import annotations

import math
import time

from flask import Flask
from flask_limiter import Limiter, RateLimitExceeded
from flask_limiter.util import get_remote_address

from postmaster import config

limiter = Limiter(get_remote_address)


def init_app(app: Flask) -> None:
    """Count in Redis where there is one, so that all web processes count together; else in this process."""
    storage = config.of(app).redis_url or "memory://"
    # The scheme of a unix socket has another name in the limiter.
    app.config["RATELIMIT_STORAGE_URI"] = f"redis+{storage}" if storage.startswith("unix:") else storage
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
    limiter.init_app(app)


def seconds_to_wait(limit: str, key: str) -> int:
    """Count this request as one of ``key``; returns in how many seconds it may make more than ``limit``, 0 for now."""
    try:
        with limiter.limit(limit, key_func=lambda: key):
            return 0
    except RateLimitExceeded:
        current = limiter.current_limit
        return max(1, math.ceil(current.reset_at - time.time())) if current else 1
