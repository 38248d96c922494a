"""Fixtures that all tests share: an app on an empty data directory, and the command line inside this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from flask import Flask

from postmaster import create_app
from postmaster.config import load_settings
from postmaster.system import users
from tests.guard.sitecustomize import variables
from tests.results import Run, runner_of
from tests.support import Desk

if TYPE_CHECKING:  # pytest itself must be the first to import a plugin
    from tests.servers.fixtures import Certificates

pytest_plugins = ["tests.guard.plugin", "tests.servers.fixtures"]


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Argon2 is slow on purpose, and each test that signs in would pay for that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory."""
    return tmp_path / "data"


@pytest.fixture
def environ(data_dir: Path, certificates: Certificates) -> dict[str, str]:
    """The environment of the app, which trusts the CA of the test servers; processes are started with it, too."""
    own = {"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_CA_FILE": str(certificates.ca_file)}
    return variables() | own


@pytest.fixture
def app(environ: dict[str, str]) -> Flask:
    """The app, on an embedded database that is empty."""
    return create_app(load_settings(environ))


@pytest.fixture
def run(app: Flask) -> Run:
    """The command line inside this process."""
    return runner_of(app)


@pytest.fixture
def desk(run: Run) -> Desk:
    """The app by its command line, with shorthands."""
    return Desk(run)
