"""Fixtures that all tests share: an app on an empty data directory, and the command line inside this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from flask import Flask
from time_machine import escape_hatch

from postmaster import clock, create_app
from postmaster.config import load_environment
from postmaster.database import prepare_database
from postmaster.extensions import db
from postmaster.system import users
from tests.guard.sitecustomize import variables
from tests.results import Run, runner_of
from tests.support import Desk

if TYPE_CHECKING:  # pytest itself must be the first to import a plugin
    from tests.servers.fixtures import Certificates
    from tests.servers.postgres import Postgres

TESTS = Path(__file__).parent

# Folders whose tests take long, mostly by waiting for processes; and how many workers bin/test has.
SLOW = ("bench", "bin", "browser", "deploy", "jobs")
WORKERS = 4

NewDatabase = Callable[[], AbstractContextManager[dict[str, str]]]

pytest_plugins = ["tests.guard.plugin", "tests.compiled", "tests.servers.fixtures", "tests.pipeline_fixtures"]


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


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory."""
    return tmp_path / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """bin/test goes by the embedded database, bin/soak by PostgreSQL as well."""
    parser.addoption(
        "--database", choices=("sqlite", "postgresql"), default="sqlite", help="what the app keeps mail in"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort what takes long first, and leave out what is about the embedded database where there is none."""
    items[:] = slow_ones_first(items)
    if config.getoption("database") != "sqlite":
        for item in items:
            if item.get_closest_marker("embedded"):
                item.add_marker(pytest.mark.skip("is about the embedded database"))


def slow_ones_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """``items`` so that each worker, which begins with a stretch of them, has its share of what takes long first.

    At the end there are short ones left, which are handed round easily. The tests of a file stay together: they share
    what is slow to make.
    """
    files: dict[Path, list[pytest.Item]] = {}
    fast: list[pytest.Item] = []
    for item in items:
        if item.path.parts[len(TESTS.parts)] in SLOW:
            files.setdefault(item.path, []).append(item)
        else:
            fast.append(item)
    size = -(-len(items) // WORKERS)
    slow: list[list[pytest.Item]] = [[] for _ in range(WORKERS)]
    for tests in sorted(files.values(), key=len, reverse=True):
        min(slow, key=len).extend(tests)
    ordered: list[pytest.Item] = []
    for share in slow:
        ordered += share
        rest = max(0, size - len(share))
        ordered += fast[:rest]
        fast = fast[rest:]
    return ordered + fast


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Gives the variables that name another empty database with all its tables; none for the embedded one."""
    if request.config.getoption("database") == "sqlite":
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
    with new_database() as database:
        yield variables() | own | database


@pytest.fixture
def unused_app(environ: dict[str, str]) -> Flask:
    """The app on an empty data directory, before its first command."""
    return create_app(load_environment(environ))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the first command makes: that takes longer than most tests do."""
    settings = load_environment({"POSTMASTER_DATA_DIR": str(tmp_path_factory.mktemp("empty"))})
    with create_app(settings).app_context():
        prepare_database()
        db.engine.dispose()  # what still stands in its log goes into the file
    return settings.database_file.read_bytes()


@pytest.fixture
def app(environ: dict[str, str], empty_database: bytes) -> Flask:
    """The app, on an embedded database that is empty."""
    settings = load_environment(environ)
    if settings.embedded:
        settings.database_file.write_bytes(empty_database)
    return create_app(settings)


@pytest.fixture
def run(app: Flask) -> Run:
    """The command line inside this process."""
    return runner_of(app)


@pytest.fixture
def desk(run: Run) -> Desk:
    """The app by its command line, with shorthands."""
    return Desk(run)
