"""Fixtures that all tests share: an app on an empty data directory, and the command line inside this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from postmaster import create_app
from postmaster.config import load_settings


@dataclass(frozen=True)
class Result:
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON value."""
        return json.loads(self.stdout)

    @property
    def json_lines(self) -> list[Any]:
        """Standard output as a JSON value a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]


Run = Callable[..., Result]

pytest_plugins = ["tests.servers.fixtures"]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory."""
    return tmp_path / "data"


@pytest.fixture
def environ(data_dir: Path) -> dict[str, str]:
    """The environment of the app."""
    return {"POSTMASTER_DATA_DIR": str(data_dir)}


@pytest.fixture
def app(environ: dict[str, str]) -> Flask:
    """The app, on an embedded database that is empty."""
    return create_app(load_settings(environ))


@pytest.fixture
def run(app: Flask) -> Run:
    """``run("account", "list", input="…")``: a command in this process, as ``flask account list`` would do it."""
    runner = app.test_cli_runner()

    def run(*args: object, input: str | bytes | None = None) -> Result:  # noqa: A002 - click's word
        result = runner.invoke(args=[str(arg) for arg in args], input=input)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Result(result.exit_code, result.stdout, result.stderr)

    return run
