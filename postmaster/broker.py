"""Redis, where jobs wait. It is only a hint of what is to be done: the database has the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import current_app

from postmaster import config
from postmaster.errors import ConfigError
from postmaster.tls_flags import redis_tls_options

if TYPE_CHECKING:
    from redis import Redis

# The schedule's own jobs, which the scheduler's process works off: they wait for no fetch.
CONTROL = "postmaster-control"

# What workers look into, in this order: what somebody asked for, what is due.
REQUESTED, DUE = "postmaster-requested", "postmaster-due"
QUEUES = (REQUESTED, DUE)

# Seconds after which a Redis that does not answer counts as being away.
TIMEOUT_SECONDS = 5


def connect(**options: Any) -> Redis:
    """A connection to the Redis of this app. Raises ConfigError if none is named."""
    from redis import Redis  # see oauth.providers: most commands need none
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    environment = config.current()
    if environment.redis_url is None:
        raise ConfigError(
            "redis-missing",
            "There is no Redis: POSTMASTER_REDIS_URL is not set, and bin/start does not run on this data directory.",
            "Example: POSTMASTER_REDIS_URL=redis://localhost:6379/0",
        )
    chosen = {
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "socket_timeout": TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 1),
    } | options
    return Redis.from_url(environment.redis_url, **chosen, **redis_tls_options(environment.redis_url))


def redis() -> Redis:
    """The connection of this app that all share. Raises ConfigError if none is named."""
    known: Redis | None = current_app.extensions.get("postmaster-redis")
    if known is None:
        known = current_app.extensions["postmaster-redis"] = connect()
    return known
