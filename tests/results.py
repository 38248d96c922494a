"""What commands return to tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask


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


def runner_of(app: Flask) -> Run:
    """``run("account", "list", input="…")``: a command in this process, as ``flask account list`` would do it."""
    runner = app.test_cli_runner()

    def run(*args: object, input: str | bytes | None = None) -> Result:  # noqa: A002 - click's word
        result = runner.invoke(args=[str(arg) for arg in args], input=input)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Result(result.exit_code, result.stdout, result.stderr)

    return run
