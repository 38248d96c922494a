"""Where attempts are counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from postmaster.web.limits import limiter

from postmaster import create_app
from postmaster.config import load_environment

if TYPE_CHECKING:
    from tests.servers.fixtures import Redis


def test_a_redis_on_a_unix_socket_counts(data_dir: Path, redis: Redis) -> None:
    app = create_app(load_environment({"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_REDIS_URL": redis.url}))
    assert app.test_client().get("/login").status_code == 200
    assert type(limiter.storage).__name__ == "RedisStorage"
    assert limiter.storage.check()
