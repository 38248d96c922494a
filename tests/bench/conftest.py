"""Benches at a small size, most of which was the start of Python and of PostgreSQL, and the making of tables."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from postmaster import config
from tests.servers.postgres import Postgres

Bench = Callable[..., str]


@pytest.fixture(autouse=True)
def quick_clusters(monkeypatch: pytest.MonkeyPatch, postgres_pattern: Path) -> None:
    """Clusters are copied, and their databases have all tables."""
    make = Postgres.__init__
    monkeypatch.setattr(Postgres, "__init__", lambda self, data=None: make(self, postgres_pattern, data))
    monkeypatch.setattr(Postgres, "create_database", Postgres.copy_database)


@pytest.fixture(autouse=True)
def quick_files(monkeypatch: pytest.MonkeyPatch, empty_database: bytes) -> None:
    """So have embedded databases, whatever makes them in this process."""
    make = SQLAlchemy.init_app

    def init_app(self: SQLAlchemy, app: Flask) -> None:
        environment = config.of(app)
        if environment.embedded and not environment.database_file.exists():
            environment.database_file.write_bytes(empty_database)
        make(self, app)

    monkeypatch.setattr(SQLAlchemy, "init_app", init_app)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """``bench("filter", "--rounds", "1")``: what ``python -m bench.filter --rounds 1`` prints, in this process."""

    def run(name: str, *words: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"bench/{name}", *words])
        runpy.run_module(f"bench.{name}", run_name="__main__", alter_sys=True)
        return capsys.readouterr().out

    return run
