"""Redis behind TLS, as it is on another host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from flask import Flask
from limits import parse
from redis.exceptions import ConnectionError as RedisConnectionError

from postmaster.broker import connect
from postmaster.limits import Attempts
from tests.servers.certificates import Certificate
from tests.servers.fixtures import Certificates
from tests.servers.ports import free_ports
from tests.servers.redis import Redis

# Of the system: that of the extra knows no TLS.
PROGRAMS = ("/usr/bin/redis-server", "/usr/bin/valkey-server", "/usr/local/bin/redis-server")


class RedisOverTls(Redis):
    """One that is reached at a port as well, and shows a certificate there."""

    def __init__(self, certificate: Certificate) -> None:
        super().__init__()
        self._certificate = certificate
        [self.port] = free_ports(1)

    @property
    def url(self) -> str:
        """Where it is reached over TLS."""
        return f"rediss://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str | Path]:
        shown = ("--tls-cert-file", self._certificate.cert_file, "--tls-key-file", self._certificate.key_file)
        port = ("--bind", "127.0.0.1", "--tls-port", str(self.port), "--tls-auth-clients", "no")
        program = next((each for each in PROGRAMS if Path(each).exists()), "redis-server")
        return (program, *super().command()[1:], *port, *shown)


@pytest.fixture
def own_redis(certificates: Certificates) -> Iterator[RedisOverTls]:
    """A Redis whose certificate a private CA has signed."""
    with RedisOverTls(certificates.valid) as server:
        yield server


@pytest.fixture
def environ(
    environ: dict[str, str], own_redis: RedisOverTls, certificates: Certificates, request: pytest.FixtureRequest
) -> dict[str, str]:
    """The environment of an app with that Redis, and the CA of it if there is one."""
    named = f"?ssl_ca_certs={certificates.ca_file}" if getattr(request, "param", True) else ""
    return {**environ, "POSTMASTER_REDIS_URL": own_redis.url + named}


@pytest.mark.usefixtures("strict_default")
def test_a_redis_whose_chain_has_no_key_identifiers_is_trusted_in_each_python(app: Flask) -> None:
    with app.app_context():
        assert connect().ping()


@pytest.mark.usefixtures("strict_default")
def test_attempts_are_counted_there_as_well(environ: dict[str, str]) -> None:
    limit = parse("1/minute")
    one, other = (Attempts(environ["POSTMASTER_REDIS_URL"]) for _ in range(2))
    assert one.seconds_to_wait(limit, "192.0.2.1") == 0
    assert other.seconds_to_wait(limit, "192.0.2.1") > 0


@pytest.mark.parametrize("environ", [False], indirect=True)
def test_one_whose_ca_is_not_named_is_not_trusted(app: Flask) -> None:
    with app.app_context(), pytest.raises(RedisConnectionError, match="certificate verify failed"):
        connect().ping()
