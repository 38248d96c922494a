"""The servers as fixtures. One instance of each serves all tests of a worker; users and databases are fresh."""

from __future__ import annotations

import itertools
import ssl
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from postmaster.sources.tls import shared_context
from tests.once import once
from tests.servers.alerts import SmtpServer, WebhookServer
from tests.servers.certificates import Authority, Certificate
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.flask_process import FlaskProcesses, Forked
from tests.servers.identity import IdentityServer
from tests.servers.postgres import Postgres, make_pattern
from tests.servers.redis import Redis

_NUMBERS = itertools.count(1)

# What tests change about an identity provider.
IDENTITY_MOODS = (
    "mode",
    "error",
    "seconds",
    "skew",
    "granted",
    "claims",
    "with_refresh",
    "pause",
    "hesitation",
    "eager",
    "own_mailbox",
)


@dataclass(frozen=True)
class Certificates:
    """One certificate of each kind. ``ca_file`` makes all but ``self_signed`` trusted; ``app`` belongs to no server."""

    ca_file: Path
    valid: Certificate
    self_signed: Certificate
    expired: Certificate
    other_name: Certificate
    app: Certificate

    @property
    def by_address(self) -> dict[str, Certificate]:
        """The loopback address at which the Dovecot of the fixtures shows each."""
        return {
            "127.0.0.1": self.valid,
            "127.0.0.2": self.self_signed,
            "127.0.0.3": self.expired,
            "127.0.0.4": self.other_name,
        }


@dataclass(frozen=True)
class TestMailbox:
    """A user of the fixtures' Dovecot, with an empty mailbox."""

    __test__ = False

    server: Dovecot
    user: str
    password: str = PASSWORD

    def deliver(self, *raws: bytes, folder: str = "INBOX") -> None:
        """Put messages into a folder."""
        self.server.deliver_many(self.user, raws, folder)

    def deliver_many(self, raws: Iterable[bytes], folder: str = "INBOX") -> None:
        """Put messages into a folder."""
        self.server.deliver_many(self.user, raws, folder)

    def count(self, folder: str = "INBOX") -> int:
        """How many messages are in a folder."""
        return self.server.count(self.user, folder)

    def messages(self, folder: str = "INBOX") -> list[bytes]:
        """The messages in a folder, in the order of delivery."""
        return self.server.messages(self.user, folder)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A CA and certificates of every kind."""
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    return Certificates(
        ca_file=authority.ca_file,
        valid=authority.issue("valid", ["localhost", "127.0.0.1"]),
        self_signed=authority.self_signed("self-signed", ["localhost", "127.0.0.2"]),
        expired=authority.issue("expired", ["localhost", "127.0.0.3"], expired=True),
        other_name=authority.issue("other-name", ["mail.example.org"]),
        app=authority.of_app("app"),
    )


@pytest.fixture(scope="session")
def dovecot(certificates: Certificates) -> Iterator[Dovecot]:
    """A Dovecot on 127.0.0.1 with a valid certificate, and on 127.0.0.2 to .4 with others (``by_address``)."""
    with Dovecot(certificates.by_address) as server:
        yield server


@pytest.fixture(scope="session")
def dovecot_without_uidplus() -> Iterator[Dovecot]:
    """A Dovecot that offers neither UIDPLUS nor TLS."""
    with Dovecot(imap_capability="IMAP4rev1 SASL-IR LITERAL+ UNSELECT") as server:
        yield server


@pytest.fixture(scope="session")
def identity_server(certificates: Certificates) -> Iterator[IdentityServer]:
    """An identity provider. Tests use ``identity``, which puts it back into its senses."""
    with IdentityServer(certificates.valid) as server:
        yield server


@pytest.fixture
def identity(identity_server: IdentityServer) -> Iterator[IdentityServer]:
    """An identity provider that behaves, until the test tells it not to."""
    identity_server.calm_down()
    usual = {name: getattr(identity_server, name) for name in IDENTITY_MOODS}
    yield identity_server
    for name, value in usual.items():
        setattr(identity_server, name, value)


@pytest.fixture(scope="session")
def oauth_dovecot(certificates: Certificates, identity_server: IdentityServer) -> Iterator[Dovecot]:
    """A Dovecot that takes access tokens of the identity provider, by XOAUTH2 and OAUTHBEARER, besides passwords."""
    identity = (identity_server.url, certificates.ca_file)
    with Dovecot({"127.0.0.1": certificates.valid}, identity=identity) as server:
        yield server


def new_mailbox(server: Dovecot, password: str = PASSWORD) -> TestMailbox:
    """A fresh user of ``server``."""
    user = f"user{next(_NUMBERS)}@example.org"
    server.add_user(user, password)
    return TestMailbox(server, user, password)


@pytest.fixture
def mailbox(dovecot: Dovecot) -> TestMailbox:
    """A fresh user of ``dovecot``."""
    return new_mailbox(dovecot)


@pytest.fixture
def other_mailbox(dovecot: Dovecot) -> TestMailbox:
    """A second mailbox on the same server."""
    return new_mailbox(dovecot)


@pytest.fixture(scope="session")
def postgres_pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all clusters of this session are copied from."""
    return once(tmp_path_factory, "postgres-pattern", make_pattern)


@pytest.fixture(scope="session")
def postgres(postgres_pattern: Path) -> Iterator[Postgres]:
    """A PostgreSQL cluster; ``create_database()`` gives the URL of an empty database."""
    with Postgres(postgres_pattern) as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A Redis on a unix socket."""
    with Redis() as server:
        yield server


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    """A mail server that takes alerts."""
    with SmtpServer() as server:
        yield server


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    """A web server that takes alerts."""
    with WebhookServer() as server:
        yield server


@pytest.fixture(scope="session")
def flask_process() -> Iterator[FlaskProcesses]:
    """``flask_process(environ, "read", input=b"…")``: a command as a process of its own, which is quick to start."""
    with FlaskProcesses() as processes:
        yield processes


@pytest.fixture
def quick_children(flask_process: FlaskProcesses, monkeypatch: pytest.MonkeyPatch) -> list[Forked]:
    """The commands that pages have started as processes of their own in this test. They are quick to start."""
    started: list[Forked] = []

    def start(command: list[str], **options: Any) -> Forked | subprocess.Popen[bytes]:
        process = flask_process.popen(command, **options)
        started.extend([process] if isinstance(process, Forked) else [])
        return process

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


@pytest.fixture
def strict_default(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What Python asks of certificates by default from 3.13 on."""
    make = ssl.create_default_context

    def make_strict() -> ssl.SSLContext:
        context = make()
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", make_strict)
    shared_context.cache_clear()
    yield
    shared_context.cache_clear()
