"""How often something may be tried."""

from __future__ import annotations

from flask import Flask
from flask_limiter import Limiter
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
