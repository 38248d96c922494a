"""Fixtures that all tests share: an app on an empty data directory, and the command line inside this process."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import settings
from time_machine import escape_hatch

from postmaster import clock, create_app, database
from postmaster.config import Environment, load_environment
from postmaster.database import prepare_database
from postmaster.extensions import db
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

TESTS = Path(__file__).parent

# Folders and files whose tests take long, mostly by waiting for something; and about how many seconds a test takes.
SLOW = {
    "bench": 3,
    "bin": 1,
    "browser": 1,
    "deploy": 1,
    "fetching/test_caution.py": 6,
    "fetching/test_quirk_pairs.py": 6,
    "fetching/test_slow_messages.py": 3,
    "jobs": 6,
    "test_migrations.py": 2,
    "web/test_numbers.py": 3,
    "web/test_serving.py": 3,
}

# What decides, records and schedules: that runs on both databases in bin/test, which bin/soak does with all tests.
ON_BOTH = {
    "accounts",
    "operations",
    "outbox",
    "system",
    "cli/test_conversations.py",
    "cli/test_customer.py",
    "cli/test_ticket.py",
    "fetching/test_batches.py",
    "fetching/test_fetch.py",
    "fetching/test_lease.py",
    "fetching/test_read.py",
    "ledger/test_plans.py",
    "ledger/test_quarantine.py",
    "ledger/test_search.py",
    "pipeline/test_external_numbers.py",
    "pipeline/test_followups.py",
    "pipeline/test_headers.py",
    "test_bulk.py",
    "test_ids.py",
    "test_unknown_schema.py",
}

# How often bin/test, and bin/soak, tries what is told of any text, message or request.
settings.register_profile("test", max_examples=USUAL_EXAMPLES)
settings.register_profile("soak", max_examples=500)
settings.load_profile("test")

# What makes the tables of the embedded database.
UPGRADE = database._upgrade_embedded

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
    """bin/test goes by the embedded database and in part by PostgreSQL, bin/soak by PostgreSQL."""
    parser.addoption(
        "--database", choices=("sqlite", "postgresql", "both"), default="sqlite", help="what the app keeps mail in"
    )


def pytest_configure() -> None:
    """Wait for no disk, and hear again the signals that are ignored where this was started.

    So they are in the background of a shell, and by nohup; and so they stay in all processes that tests start.
    """
    wait_for_no_disk()
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@cache
def names_of(path: Path) -> set[str]:
    """The file and its folder, as they are named above."""
    inside = path.relative_to(TESTS)
    return {inside.as_posix(), inside.parts[0]}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have what is to run on both databases do so, and what is about one of them on that one, whichever is chosen."""
    usual = metafunc.config.getoption("database")
    about = metafunc.definition.get_closest_marker("database")
    if about is not None:
        kinds = about.args
    elif usual == "both" and names_of(metafunc.definition.path) & ON_BOTH:
        kinds = ("sqlite", "postgresql")
    else:
        return
    if "new_database" in metafunc.fixturenames:
        metafunc.parametrize("new_database", kinds, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort what takes long first."""
    items[:] = slow_ones_first(items, getattr(config, "workerinput", {}).get("workercount", 1))


def slow_ones_first(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """``items`` so that two of three workers, which each begin with a stretch of them, have first what takes long.

    The others keep the processor busy while these wait. At the end there are short ones left, which are handed round
    easily. The tests of a file stay together, and those of a folder stay with few workers: they share what is slow to
    make.
    """
    files: dict[Path, list[pytest.Item]] = {}
    fast: list[pytest.Item] = []
    for item in items:
        if seconds_of(item):
            files.setdefault(item.path, []).append(item)
        else:
            fast.append(item)
    shares = shared_out(list(files.values()), workers - workers // 3) + [[] for _ in range(workers // 3)]
    size = len(items) // workers
    ordered: list[pytest.Item] = []
    for share in shares:
        rest = max(0, size - len(share))
        ordered += [*share, *fast[:rest]]
        fast = fast[rest:]
    return ordered + fast


def shared_out(files: Sequence[list[pytest.Item]], count: int) -> list[list[pytest.Item]]:
    """``files`` in ``count`` stretches that take about as long."""
    shares: list[list[pytest.Item]] = [[] for _ in range(count)]
    whole = sum(seconds_of(tests[0]) * len(tests) for tests in files)
    before = 0
    for tests in files:
        shares[before * count // whole] += tests
        before += seconds_of(tests[0]) * len(tests)
    return shares


def seconds_of(item: pytest.Item) -> int:
    """How long it takes, if that is long."""
    return next((SLOW[name] for name in names_of(item.path) & SLOW.keys()), 0)


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
    gc.collect()
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
