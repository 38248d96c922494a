"""Fixtures that all tests share: an app on an empty data directory, and the command line inside this process."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import settings
from time_machine import escape_hatch

from postmaster import clock, create_app, database, log_entries
from postmaster.config import Environment, load_environment
from postmaster.database import prepare_database
from postmaster.extensions import db
from postmaster.sources import habits
from postmaster.system import users
from tests.disk import wait_for_no_disk
from tests.guard.sitecustomize import variables
from tests.once import once
from tests.results import Run, runner_of
from tests.support import Desk
from tests.turns import USUAL_EXAMPLES

if TYPE_CHECKING:  # pytest itself must be the first to import a plugin
    from tests.servers.fixtures import Certificates
    from tests.servers.postgres import Postgres

# How often bin/test, and bin/soak, tries what is told of any text, message or request.
settings.register_profile("test", max_examples=USUAL_EXAMPLES)
settings.register_profile("soak", max_examples=500)
settings.load_profile("test")

# Sets structlog up, as the first entry of a log does: what is captured before that would be lost.
assert log_entries

# What makes the tables of the embedded database.
UPGRADE = database._upgrade_embedded

NewDatabase = Callable[[], AbstractContextManager[dict[str, str]]]

pytest_plugins = [
    "tests.guard.plugin",
    "tests.compiled",
    "tests.databases",
    "tests.order",
    "tests.servers.fixtures",
    "tests.pipeline_fixtures",
]


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Argon2 is slow on purpose, and each test that signs in would pay for that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(autouse=True)
def shared_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever travels in time takes the database's clock along: otherwise only this machine's would be wrong."""
    by_database = clock._reading
    monkeypatch.setattr(clock, "_reading", lambda: None if escape_hatch.is_travelling() else by_database())


@pytest.fixture(autouse=True)
def strange_servers() -> None:
    """No test has met a server before: the system may give its port to one after the other."""
    habits._known.clear()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory."""
    return tmp_path / "data"


def pytest_configure() -> None:
    """Wait for no disk, and hear again the signals that are ignored where this was started.

    So they are in the background of a shell, and by nohup; and so they stay in all processes that tests start.
    """
    wait_for_no_disk()
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Nobody looks for cycles meanwhile: what is imported and collected stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Have nobody who looks for cycles look at what was imported and collected, which stays."""
    gc.freeze()


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Gives the variables that name another empty database with all its tables; none for the embedded one."""
    if getattr(request, "param", request.config.getoption("database")) != "postgresql":
        return lambda: nullcontext({})
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.lend_database


@pytest.fixture
def environ(data_dir: Path, certificates: Certificates, new_database: NewDatabase) -> Iterator[dict[str, str]]:
    """The environment of the app, which trusts the CA of the test servers; processes are started with it, too.

    Outlook365 is at a name that leads nowhere, since saving an account may look it up.
    """
    own = {
        "POSTMASTER_DATA_DIR": str(data_dir),
        "POSTMASTER_CA_FILE": str(certificates.ca_file),
        "POSTMASTER_OUTLOOK_HOST": "outlook.example",
    }
    with new_database() as named:
        yield variables() | own | named


@pytest.fixture
def unused_app(environ: dict[str, str], tables_made_anew: None) -> Iterator[Flask]:
    """The app on an empty data directory, before its first command."""
    yield from used(create_app(load_environment(environ)))


def used(app: Flask) -> Iterator[Flask]:
    """The app until its test is over: then its connections are closed, which would have files open until the end."""
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the first command makes: that takes longer than most tests do."""

    def make(folder: Path) -> None:
        with create_app(load_environment({"POSTMASTER_DATA_DIR": str(folder)})).app_context():
            prepare_database()
            db.engine.dispose()  # what still stands in its log goes into the file

    folder = once(tmp_path_factory, "empty", make)
    return load_environment({"POSTMASTER_DATA_DIR": str(folder)}).database_file.read_bytes()


@pytest.fixture(scope="session", autouse=True)
def tables_made_once(empty_database: bytes) -> Iterator[None]:
    """Have the first command of an app find its tables there, which would take longer than most tests do."""

    def upgrade_a_copy(environment: Environment) -> None:
        if not environment.database_file.exists():
            environment.database_file.write_bytes(empty_database)
            environment.database_file.chmod(0o600)
        UPGRADE(environment)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_upgrade_embedded", upgrade_a_copy)
        yield


@pytest.fixture
def tables_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first command make its tables, as it does for everybody."""
    monkeypatch.setattr(database, "_upgrade_embedded", UPGRADE)


@pytest.fixture
def app(environ: dict[str, str], empty_database: bytes) -> Iterator[Flask]:
    """The app, on an embedded database that is empty."""
    environment = load_environment(environ)
    if environment.embedded:
        environment.database_file.write_bytes(empty_database)
    yield from used(create_app(environment))


@pytest.fixture
def run(app: Flask) -> Run:
    """The command line inside this process."""
    return runner_of(app)


@pytest.fixture
def desk(run: Run) -> Desk:
    """The app by its command line, with shorthands."""
    return Desk(run)
